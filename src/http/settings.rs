//! Limits of the HTTP server.

use std::time::Duration;

/// Limits of the HTTP server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Largest request body, bytes. Default 16 MiB.
    pub max_body_bytes: usize,
    /// Longest time for one request. Default 30 s.
    pub timeout: Duration,
    /// Most requests at the same time; more are refused with 503. Default 256.
    pub max_in_flight: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_body_bytes: 16 << 20, timeout: Duration::from_secs(30), max_in_flight: 256 }
    }
}
