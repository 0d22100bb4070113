-- How forecasts did once the truth was known: one row for each forecast and stretch of lead time, sums over its steps.
CREATE TABLE forecast_scores (
    forecast_id TEXT             NOT NULL,
    lead_ms     BIGINT           NOT NULL,
    detector    TEXT             NOT NULL,
    series      TEXT             NOT NULL,
    model       TEXT             NOT NULL,
    made_at     BIGINT           NOT NULL,
    steps       BIGINT           NOT NULL,
    absolute    DOUBLE PRECISION NOT NULL,
    naive       DOUBLE PRECISION NOT NULL,
    scale       DOUBLE PRECISION,
    pinball     DOUBLE PRECISION NOT NULL,
    covered     TEXT             NOT NULL,
    PRIMARY KEY (forecast_id, lead_ms)
);
CREATE INDEX forecast_scores_by_series ON forecast_scores (detector, series, made_at);
CREATE INDEX forecast_scores_by_age ON forecast_scores (made_at);
