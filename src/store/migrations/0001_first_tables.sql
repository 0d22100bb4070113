-- Times are milliseconds since 1970 in UTC, JSON is TEXT, identities are TEXT: types that PostgreSQL has too.
-- Only the AUTOINCREMENT keys (there: BIGINT GENERATED ALWAYS AS IDENTITY) and BLOB (there: BYTEA) are SQLite's own.

-- Alerts: one row for each time an alert fired. `body` is the whole alert, the columns are what is searched.
CREATE TABLE alerts (
    fingerprint   TEXT   NOT NULL,
    starts_at     BIGINT NOT NULL,
    ends_at       BIGINT,
    updated_at    BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    severity      TEXT,
    body          TEXT   NOT NULL,
    PRIMARY KEY (fingerprint, starts_at)
);
CREATE INDEX alerts_by_start  ON alerts (starts_at, fingerprint);
CREATE INDEX alerts_by_update ON alerts (updated_at);
CREATE INDEX alerts_firing    ON alerts (starts_at, fingerprint) WHERE state = 'firing';

-- Labels of an identity: a fingerprint has one label set, so they are kept once for all times it fired.
CREATE TABLE alert_labels (
    fingerprint TEXT NOT NULL,
    name        TEXT NOT NULL,
    value       TEXT NOT NULL,
    PRIMARY KEY (fingerprint, name)
);
CREATE INDEX alert_labels_by_value ON alert_labels (name, value, fingerprint);

-- Deliveries: written in the transaction that records their cause, removed only after they were delivered or given up.
CREATE TABLE outbox (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    destination     TEXT   NOT NULL,
    ordering_key    TEXT   NOT NULL,
    idempotency_key TEXT   NOT NULL,
    notice          TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    attempts        BIGINT NOT NULL,
    created_at      BIGINT NOT NULL,
    next_attempt_at BIGINT NOT NULL,
    leased_until    BIGINT NOT NULL,
    finished_at     BIGINT,
    last_error      TEXT,
    UNIQUE (destination, idempotency_key)
);
CREATE INDEX outbox_pending ON outbox (destination, ordering_key, id) WHERE state = 'pending';
CREATE INDEX outbox_due     ON outbox (destination, next_attempt_at, id) WHERE state = 'pending';
CREATE INDEX outbox_ended   ON outbox (state, finished_at);

-- Scheduled batches: a run that was killed is found here unfinished and goes on where it stopped.
CREATE TABLE runs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    group_name    TEXT   NOT NULL,
    scheduled_for BIGINT NOT NULL,
    started_at    BIGINT NOT NULL,
    finished_at   BIGINT,
    state         TEXT   NOT NULL,
    done          BIGINT NOT NULL,
    total         BIGINT NOT NULL,
    UNIQUE (group_name, scheduled_for)
);
CREATE INDEX runs_by_start ON runs (started_at);

CREATE TABLE forecasts (
    id            TEXT   PRIMARY KEY,
    run_id        BIGINT,
    detector      TEXT   NOT NULL,
    series        TEXT   NOT NULL,
    labels        TEXT   NOT NULL,
    model         TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    start_at      BIGINT NOT NULL,
    step_ms       BIGINT NOT NULL,
    horizon_steps BIGINT NOT NULL,
    body          TEXT   NOT NULL,
    UNIQUE (run_id, series)
);
CREATE INDEX forecasts_by_series ON forecasts (detector, series, created_at);
CREATE INDEX forecasts_by_time   ON forecasts (created_at, id);

CREATE TABLE capacity_reports (
    watch       TEXT   NOT NULL,
    series      TEXT   NOT NULL,
    labels      TEXT   NOT NULL,
    computed_at BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (watch, series)
);

CREATE TABLE recommendations (
    watch       TEXT   NOT NULL,
    subject     TEXT   NOT NULL,
    computed_at BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (watch, subject)
);

-- Unusual points. A published score is never rewritten, so the first row of a point stays.
CREATE TABLE anomalies (
    detector TEXT             NOT NULL,
    series   TEXT             NOT NULL,
    at       BIGINT           NOT NULL,
    score    DOUBLE PRECISION,
    body     TEXT             NOT NULL,
    PRIMARY KEY (detector, series, at)
);
CREATE INDEX anomalies_by_time ON anomalies (detector, at);
CREATE INDEX anomalies_by_age  ON anomalies (at);

CREATE TABLE models (
    name       TEXT   NOT NULL,
    version    BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    schema_no  BIGINT NOT NULL,
    sha256     TEXT   NOT NULL,
    bytes      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    metrics    TEXT   NOT NULL,
    trained_on TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE snapshots (
    detector TEXT   NOT NULL,
    series   TEXT   NOT NULL,
    taken_at BIGINT NOT NULL,
    content  BLOB   NOT NULL,
    PRIMARY KEY (detector, series)
);

CREATE TABLE verdicts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    fingerprint TEXT   NOT NULL,
    starts_at   BIGINT,
    verdict     TEXT   NOT NULL,
    author      TEXT   NOT NULL,
    comment     TEXT   NOT NULL,
    given_at    BIGINT NOT NULL
);
CREATE INDEX verdicts_by_alert ON verdicts (fingerprint, given_at);

CREATE TABLE change_events (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT   NOT NULL,
    title       TEXT   NOT NULL,
    labels      TEXT   NOT NULL,
    url         TEXT,
    starts_at   BIGINT NOT NULL,
    ends_at     BIGINT,
    recorded_at BIGINT NOT NULL
);
CREATE INDEX change_events_by_start ON change_events (starts_at);

-- Notifications that have been taken in, so that the same one sent again changes nothing.
CREATE TABLE seen_notifications (
    idempotency_key TEXT   PRIMARY KEY,
    seen_at         BIGINT NOT NULL
);
CREATE INDEX seen_by_age ON seen_notifications (seen_at);
