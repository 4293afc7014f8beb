-- What every service keeps beside its own tables. Part of each service's first migration, so never edited once published.

-- Claimed events. Partitioned on the id itself: event ids begin with their time, so old claims are dropped by the day.
CREATE TABLE {schema}.inbox (
    event_id uuid PRIMARY KEY
) PARTITION BY RANGE (event_id);
CREATE TABLE {schema}.inbox_default PARTITION OF {schema}.inbox DEFAULT;

-- Events committed and not yet published, as bytes. The order of ids is the order in which leads' locks were held.
CREATE TABLE {schema}.outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key bytea NOT NULL,
    headers bytea NOT NULL,
    value bytea NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);

-- Records that could not be handled, and those of the same lead that wait behind them.
CREATE TABLE {schema}.dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL UNIQUE,
    lead_id uuid,
    kind text NOT NULL CHECK (kind IN ('poison', 'suspect', 'parked')),
    type text,
    reason text NOT NULL,
    attempts integer NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    key bytea NOT NULL,
    headers bytea NOT NULL,
    value bytea NOT NULL,
    first_seen timestamptz NOT NULL,
    last_tried timestamptz NOT NULL
);
CREATE INDEX ON {schema}.dead_letters (lead_id, id);

-- Answers given to requests that carried an Idempotency-Key, kept for a day.
CREATE TABLE {schema}.answers (
    scope bytea PRIMARY KEY,
    body_hash bytea NOT NULL,
    status smallint,
    content bytea,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON {schema}.answers (created_at);
