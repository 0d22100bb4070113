//! What can go wrong when samples are pulled or read, and what to do about it.

/// Why there are no samples. Every text says what was wrong, where, and what is allowed or what to do.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nobody answered.
    #[error("cannot reach {url}: {message}; check that the address is right and the server is up")]
    Unreachable {
        /// Address, without credentials.
        url: String,
        /// How it failed.
        message: String,
    },
    /// No answer in time.
    #[error("{url} did not answer within {after}; raise `timeout`, shorten the range, or lighten the query")]
    Timeout {
        /// Address, without credentials.
        url: String,
        /// The limit.
        after: crate::series::HumanDuration,
    },
    /// Credentials are missing or wrong.
    #[error(
        "{url} refused the credentials (status {status}); check basic_auth, bearer_token or headers of this source"
    )]
    Unauthorized {
        /// Address, without credentials.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The query is wrong: repeating it will not help.
    #[error("the query was refused: {message} (query `{query}`){hint}")]
    BadQuery {
        /// The query.
        query: String,
        /// What the server said.
        message: String,
        /// What to do, starting with `; `, or empty.
        hint: String,
    },
    /// The server failed; trying again later may help.
    #[error("{url} failed with status {status}: {message}")]
    Server {
        /// Address, without credentials.
        url: String,
        /// HTTP status.
        status: u16,
        /// What it said, cut to a line.
        message: String,
    },
    /// The answer is not what the protocol says.
    #[error(
        "{url} answered something that is not a Prometheus API response: {message}; check that the URL is the API's base"
    )]
    Protocol {
        /// Address, without credentials.
        url: String,
        /// What was wrong with it.
        message: String,
    },
    /// The query selects nothing.
    #[error("the query returned no series: `{query}`; check the metric name, the labels and the time range")]
    NoData {
        /// The query.
        query: String,
    },
    /// More than the limits allow.
    #[error("{what} exceeds the limit: {got} > {limit}; {advice}")]
    Limit {
        /// What exceeds it.
        what: String,
        /// How much there is.
        got: u64,
        /// How much is allowed.
        limit: u64,
        /// What to do.
        advice: String,
    },
    /// A file cannot be opened or read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// Path.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{path}: {message}")]
    BadFile {
        /// Path, with line where known (`metrics.csv:17`).
        path: String,
        /// What is wrong, where, and what is allowed.
        message: String,
    },
}

impl SourceError {
    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Timeout { .. } | Self::Server { .. })
    }
}
