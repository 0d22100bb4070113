//! A feature's values as 16-bit codes: small floating-point numbers around a middle that moves with the data.

use serde::{Deserialize, Serialize};

/// Bits that an `f32` loses: 9 bits of mantissa are kept.
const LOST: u32 = 14;
/// Exponent (with the bias of `f32`) that becomes 0, in units of the code.
const LOWEST: u32 = 95 << 9;
/// The largest code.
const MOST: u32 = 0x7fff;
/// Largest magnitude of a value.
const LARGEST: f64 = 1e300;
/// The middle may lie so many spreads off before it moves.
const OFF: f32 = 4.0;

/// Middle and unit of one feature. A unit is a power of two, so that a new unit rewrites codes without loss.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Scale {
    #[serde(with = "crate::detect::exact::one")]
    middle: f64,
    unit_exponent: i32,
    /// 0 nothing was seen, 1 a value, 2 a move: the first gives the middle, the second the unit.
    stage: u8,
}

/// Codes so near to each other, far from the middle, tell rounding rather than values.
const COARSE: i16 = 16;

/// What the reservoir says of a feature, in codes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spread {
    pub(super) tenth: i16,
    pub(super) median: i16,
    pub(super) ninetieth: i16,
}

/// The code of a distance in units; ordered like the distances.
pub(super) fn encode(z: f32) -> i16 {
    let bits = z.to_bits();
    let size = ((bits & 0x7fff_ffff) >> LOST).saturating_sub(LOWEST).min(MOST) as i16;
    if bits >> 31 == 1 { -size } else { size }
}

/// The distance of a code: the one of the smallest magnitude that has it.
pub(super) fn decode(code: i16) -> f32 {
    let size = u32::from(code.unsigned_abs());
    let known = if size == 0 { 0 } else { (size + LOWEST) << LOST };
    f32::from_bits(known | u32::from(code < 0) << 31)
}

impl Scale {
    /// Takes middle and unit from the first value and the first move; they are refined later.
    pub(super) fn meet(&mut self, value: f64) {
        if self.stage == 2 || value.is_nan() {
            return;
        }
        let value = value.clamp(-LARGEST, LARGEST);
        if self.stage == 0 {
            (self.middle, self.stage) = (value, 1);
        } else if (value - self.middle).abs() > 0.0 {
            let exponent = (value - self.middle).abs().log2().floor() as i32;
            (self.unit_exponent, self.stage) = (exponent.clamp(-1_000, 1_000), 2);
        }
    }

    /// The code of a value; `missing` for NaN.
    pub(super) fn code(&self, value: f64, missing: i16) -> i16 {
        if value.is_nan() {
            return missing;
        }
        encode(((value.clamp(-LARGEST, LARGEST) - self.middle) * self.per_unit()) as f32)
    }

    /// A better scale for the spread, with `value` as the middle where it is an ordinary one; `None` if this one will do.
    pub(super) fn better(&self, spread: Spread, value: f64) -> Option<Self> {
        let Spread { tenth, median, ninetieth } = spread;
        let width = decode(ninetieth) - decode(tenth);
        let far = decode(median).abs() > OFF * width;
        let unfit = width > 0.0 && !(0.25..=4.0).contains(&width);
        if !far && !unfit {
            return None;
        }
        let mut better = *self;
        if far {
            let code = self.code(value, i16::MAX);
            let usual = (tenth..=ninetieth).contains(&code);
            better.middle = if usual { value } else { self.value(median) }.clamp(-LARGEST, LARGEST);
        }
        if unfit {
            let exponent = self.unit_exponent + width.log2().floor() as i32;
            better.unit_exponent = exponent.clamp(-1_000, 1_000);
        }
        (better != *self).then_some(better)
    }

    /// What a held code of this scale is in another, whose middle is a value as good as those near the median: where
    /// these lie so far from this scale's middle that their codes are coarse, they stand at the new one, so that rounding
    /// does not pass for spread.
    pub(super) fn recode_held(&self, code: i16, spread: Spread, to: &Self) -> i16 {
        let near = |other: i16| (i32::from(other) - i32::from(spread.median)).abs() <= i32::from(COARSE);
        let moved = to.middle.to_bits() != self.middle.to_bits();
        let coarse = moved && near(spread.tenth) && near(spread.ninetieth);
        if coarse && near(code) { 0 } else { self.recode(code, to) }
    }

    /// What a code of this scale is in another.
    pub(super) fn recode(&self, code: i16, to: &Self) -> i16 {
        to.code(self.value(code), 0)
    }

    pub(super) fn is_sound(&self) -> bool {
        self.middle.abs() <= LARGEST && (-1_000..=1_000).contains(&self.unit_exponent) && self.stage <= 2
    }

    fn value(&self, code: i16) -> f64 {
        self.middle + f64::from(decode(code)) * exp2(self.unit_exponent)
    }

    fn per_unit(&self) -> f64 {
        exp2(-self.unit_exponent)
    }
}

/// `2^exponent` for -1,000 to 1,000, from the bits.
const fn exp2(exponent: i32) -> f64 {
    f64::from_bits(((1_023 + exponent) as u64) << 52)
}
