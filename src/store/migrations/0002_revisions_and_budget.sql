-- What is thought of a published judgement later on. The judgement stays; revisions are only added.
CREATE TABLE anomaly_revisions (
    detector   TEXT             NOT NULL,
    series     TEXT             NOT NULL,
    at         BIGINT           NOT NULL,
    revision   BIGINT           NOT NULL,
    event_id   BIGINT           NOT NULL,
    revised_at BIGINT           NOT NULL,
    because    TEXT             NOT NULL,
    score      DOUBLE PRECISION,
    is_anomaly BIGINT           NOT NULL,
    suppressed TEXT,
    PRIMARY KEY (detector, series, at, revision),
    UNIQUE (detector, series, at, event_id)
);
CREATE INDEX anomaly_revisions_by_age ON anomaly_revisions (at);

-- How long a detector watched in each hour since 1970, summed over its series, and the false alarms accepted for it.
CREATE TABLE budget_hours (
    detector     TEXT             NOT NULL,
    hour         BIGINT           NOT NULL,
    watched_secs DOUBLE PRECISION NOT NULL,
    expected     DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (detector, hour)
);
CREATE INDEX budget_hours_by_age ON budget_hours (hour);

-- Where the boundary of a detector stands.
CREATE TABLE budget_states (
    detector   TEXT             PRIMARY KEY,
    tuning     DOUBLE PRECISION NOT NULL,
    series     BIGINT           NOT NULL,
    p_star     DOUBLE PRECISION,
    tuned_at   BIGINT           NOT NULL
);
