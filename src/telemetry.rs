//! Logs and metrics: set-up, and the names of every metric in one place.
