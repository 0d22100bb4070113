//! Where samples come from.
//!
//! Input: a query or a path, a time range, limits.
//! Output: [`Samples`], raw, in the order they came.
//! Never: cleans or judges values; never holds more than its limits allow.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::series::{Samples, Step};

/// A time range with its step; both ends inclusive, as in Prometheus' `query_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// First time.
    pub start: Timestamp,
    /// Last time.
    pub end: Timestamp,
    /// Step.
    pub step: Step,
}

/// Something that can be asked for samples.
#[async_trait]
pub trait SeriesSource: Send + Sync + fmt::Debug {
    /// The samples of every series that `query` selects over `range`.
    ///
    /// # Errors
    /// [`SourceError`] with what to do next.
    async fn fetch(&self, query: &str, range: Range) -> Result<Vec<Samples>, SourceError>;

    /// A cheap check that the source answers.
    ///
    /// # Errors
    /// [`SourceError`] with what to do next.
    async fn check(&self) -> Result<(), SourceError>;
}

mod error;
pub mod file;
pub mod prometheus;
pub mod service;
pub mod webhook;

pub use error::SourceError;
