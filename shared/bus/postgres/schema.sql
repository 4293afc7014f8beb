-- The PostgreSQL bus: a durable log in a schema of its own, which stands for a broker. Idempotent.
CREATE SCHEMA IF NOT EXISTS bus;

-- The next offset of each partition. A publisher updates the row in the transaction that inserts, so offsets are gapless and in
-- commit order with any number of writers.
CREATE TABLE IF NOT EXISTS bus.heads (
    topic text NOT NULL,
    partition integer NOT NULL,
    next bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS bus.log (
    topic text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint NOT NULL,
    written_at timestamptz NOT NULL,
    key bytea NOT NULL,
    headers bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (topic, partition, "offset", written_at)
) PARTITION BY RANGE (written_at);
-- toast_tuple_target: a rich lead's record is a little more than a quarter of a page, and compressing it costs twice what writing it does.
-- Where no day was made in time (a laptop slept for a week), the log must go on all the same.
CREATE TABLE IF NOT EXISTS bus.log_default PARTITION OF bus.log DEFAULT WITH (toast_tuple_target = 8160);

-- How far each group is, and who reads each partition until when.
CREATE TABLE IF NOT EXISTS bus.offsets (
    consumer_group text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    position bigint NOT NULL DEFAULT 0,
    since timestamptz NOT NULL DEFAULT '-infinity',
    owner text,
    until timestamptz,
    PRIMARY KEY (consumer_group, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS bus.members (
    consumer_group text NOT NULL,
    member text NOT NULL,
    until timestamptz NOT NULL,
    PRIMARY KEY (consumer_group, member)
);

-- Day partitions: made three days ahead, dropped after seven, as on Kafka; and members that died are forgotten.
CREATE OR REPLACE FUNCTION bus.maintain(today date DEFAULT (now() AT TIME ZONE 'UTC')::date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    day date;
    old text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('handoff.bus.maintain'));
    FOR day IN SELECT generate_series(today - 1, today + 3, '1 day')::date LOOP
        CONTINUE WHEN to_regclass('bus.log_' || to_char(day, 'YYYYMMDD')) IS NOT NULL;
        LOCK TABLE bus.log IN ACCESS EXCLUSIVE MODE;  -- an open insert into the default would make CREATE fail
        CONTINUE WHEN EXISTS (  -- a day whose first records fell into the default stays there
            SELECT FROM bus.log_default
            WHERE written_at >= day::timestamp AT TIME ZONE 'UTC' AND written_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS bus.log_%s PARTITION OF bus.log FOR VALUES FROM (%L) TO (%L) WITH (toast_tuple_target = 8160)',
            to_char(day, 'YYYYMMDD'), day::text || ' 00:00+00', (day + 1)::text || ' 00:00+00');
    END LOOP;
    FOR old IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'bus.log'::regclass AND c.relname ~ '^log_[0-9]{8}$'
          AND c.relname < 'log_' || to_char(today - 7, 'YYYYMMDD')
    LOOP
        EXECUTE format('DROP TABLE bus.%I', old);
    END LOOP;
    DELETE FROM bus.log_default WHERE written_at < (today - 7)::timestamp AT TIME ZONE 'UTC';
    DELETE FROM bus.members WHERE until < now() - interval '1 hour';
END $$;
SELECT bus.maintain();

-- What the services' roles may call. They own nothing, and must not say which day it is: a day far ahead would drop the log.
REVOKE EXECUTE ON FUNCTION bus.maintain(date) FROM PUBLIC;
CREATE OR REPLACE FUNCTION bus.maintain_today() RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS 'SELECT bus.maintain()';

-- A service's role advances and leases the rows of its own group only: group `scoring` belongs to role handoff_scoring.
ALTER TABLE bus.offsets ENABLE ROW LEVEL SECURITY;
ALTER TABLE bus.members ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS own_group ON bus.offsets;
CREATE POLICY own_group ON bus.offsets USING (current_user = 'handoff_' || consumer_group);
DROP POLICY IF EXISTS own_group ON bus.members;
CREATE POLICY own_group ON bus.members USING (current_user = 'handoff_' || consumer_group);
