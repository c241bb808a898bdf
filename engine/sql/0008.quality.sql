-- What quality and reliability teams read. Columns stand in docs/views.md.
-- depends: 0007.planning

CREATE SCHEMA quality;
CREATE SCHEMA reliability;

-- Verdicts by station, part number and local day; every attempt at a part is a verdict.
CREATE VIEW quality.rejects_per_station WITH (security_barrier) AS
SELECT
    counted.*,
    reject::float8 / parts AS reject_share,
    review::float8 / parts AS review_share
FROM (
    SELECT
        verdict.tenant_id,
        verdict.station,
        verdict.machine,
        verdict.part_number,
        planning.local_day(station.settings, verdict.ts) AS local_day,
        count(*) AS parts,
        count(*) FILTER (WHERE verdict.outcome = 'OK') AS good,
        count(*) FILTER (WHERE verdict.outcome = 'NG') AS reject,
        count(*) FILTER (WHERE verdict.outcome = 'REVIEW') AS review,
        min(verdict.ts) AS first_at,
        max(verdict.ts) AS last_at
    FROM verdicts AS verdict
    JOIN machines AS station ON station.tenant_id = verdict.tenant_id AND station.name = verdict.station
    WHERE verdict.tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
    GROUP BY 1, 2, 3, 4, 5
) AS counted;

-- Every state of every machine; the one that lasts has no end, and its duration runs to as_of.
CREATE VIEW reliability.states WITH (security_barrier) AS
SELECT
    interval.tenant_id,
    interval.machine,
    interval.ts AS starts_at,
    interval.end_ts AS ends_at,
    interval.state,
    interval.reason,
    interval.program,
    (extract(epoch FROM coalesce(interval.end_ts, shard.clock) - interval.ts) * 1000000)::int8 AS duration_us,
    shard.clock AS as_of
FROM states_latest AS interval
JOIN machines AS machine ON machine.tenant_id = interval.tenant_id AND machine.name = interval.machine
LEFT JOIN shard ON shard.id = machine.shard
WHERE interval.tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);
