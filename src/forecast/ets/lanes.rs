//! Numbers side by side, one for each set of parameters.

use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// Sets of parameters tried together.
pub(super) const LANES: usize = 8;

/// One number for each set of parameters. Plain loops over an array: the compiler turns them into vector instructions
/// where [`pulp`] has dispatched to a processor that has them, and the results are the same on all.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Lanes(pub(super) [f64; LANES]);

impl Lanes {
    pub(super) const ZERO: Self = Self([0.0; LANES]);
    pub(super) const ONE: Self = Self([1.0; LANES]);

    #[inline(always)]
    fn with(self, other: Self, operation: impl Fn(f64, f64) -> f64) -> Self {
        let mut out = self;
        for (left, right) in out.0.iter_mut().zip(other.0) {
            *left = operation(*left, right);
        }
        out
    }

    /// Lane by lane, the smaller; NaN is passed over.
    #[inline(always)]
    pub(super) fn min(self, other: Self) -> Self {
        self.with(other, |left, right| if right < left { right } else { left })
    }

    /// Lane by lane, the natural logarithm.
    #[inline(always)]
    pub(super) fn ln(self) -> Self {
        Self(self.0.map(f64::ln))
    }
}

impl Add for Lanes {
    type Output = Self;
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |left, right| left + right)
    }
}

impl AddAssign for Lanes {
    #[inline(always)]
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Lanes {
    type Output = Self;
    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |left, right| left - right)
    }
}

impl Mul for Lanes {
    type Output = Self;
    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |left, right| left * right)
    }
}

impl Div for Lanes {
    type Output = Self;
    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |left, right| left / right)
    }
}
