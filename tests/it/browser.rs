//! The web pages: each page by itself, and all of them in a real browser.

mod chromium;
mod pages;
mod seed;
