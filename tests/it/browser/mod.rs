//! The web pages: each page by itself, and all of them in a real browser.
//!
//! Input: the bundled data, fixtures and data written on the spot.
//! Output: verdicts on what readers get to see.
//! Never: reaches beyond this machine.

#![expect(clippy::expect_used, reason = "helpers of tests fail as tests do")]

mod chromium;
mod evaluation;
mod pages;
mod seed;
