-- Whether a station may judge: what happened to its release, and the parts that a failure makes suspect.
-- depends: 0020.explanations

-- Events of stations in the order of the log. An event may stand here twice with one number: it is one event.
CREATE TABLE releases (
    tenant_id   int4 NOT NULL,
    station     text NOT NULL,
    number      int8 NOT NULL,          -- rises with every event of the station
    at          timestamptz NOT NULL,   -- when it happened, event time
    event       text NOT NULL,          -- blocked, master, passed, failed, bypass_began, bypass_ended
    part_number text NOT NULL,
    recipe_hash text NOT NULL,
    reason      text NOT NULL,
    person      text NOT NULL,          -- who ordered it; empty: nobody did
    serial      text NOT NULL,          -- of the master part; empty where there is none
    since       timestamptz,            -- of a failure: when the station passed last; null: never
    until       timestamptz,            -- of a bypass: when it ends
    received    timestamptz NOT NULL
);
CREATE INDEX releases_station ON releases (tenant_id, station, number);

CREATE VIEW quality.releases WITH (security_barrier) AS
SELECT DISTINCT ON (tenant_id, station, number)
    tenant_id, station, number, at, event, part_number, recipe_hash, reason, person, serial, since, until
FROM releases
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
ORDER BY tenant_id, station, number, received;

-- Parts that were judged between the last pass of a station and a failure of its master parts.
CREATE VIEW suspects AS
SELECT DISTINCT ON (verdict.tenant_id, verdict.station, verdict.ts, verdict.serial, verdict.attempt)
    verdict.tenant_id,
    verdict.station,
    verdict.serial,
    verdict.part_number,
    verdict.attempt,
    verdict.ts AS judged_at,
    verdict.outcome,
    failure.since AS passed_at,
    failure.at AS failed_at,
    failure.serial AS master,
    failure.reason
FROM releases AS failure
JOIN verdicts AS verdict
    ON verdict.tenant_id = failure.tenant_id AND verdict.station = failure.station
    AND verdict.ts > failure.since AND verdict.ts <= failure.at
WHERE failure.event = 'failed'
    AND coalesce(verdict.purpose, '') = '' AND coalesce(verdict.rule, '') NOT IN ('release', 'bypass')
ORDER BY verdict.tenant_id, verdict.station, verdict.ts, verdict.serial, verdict.attempt, failure.at;

CREATE VIEW quality.suspect_parts WITH (security_barrier) AS
SELECT * FROM suspects
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);

-- Verdicts by station, part number and local day, as before, but master parts count nowhere.
CREATE OR REPLACE VIEW quality.rejects_per_station WITH (security_barrier) AS
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
        AND coalesce(verdict.purpose, '') = ''
    GROUP BY 1, 2, 3, 4, 5
) AS counted;
