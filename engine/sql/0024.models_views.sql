-- What quality reads of models: who signed what, how a model that looks on agrees, what a person should look at.
-- depends: 0023.models_series

CREATE INDEX shadow_verdicts_part ON shadow_verdicts (serial, station);
CREATE INDEX shadow_verdicts_station ON shadow_verdicts (station, ts);
CREATE INDEX drift_station ON drift (station, ts);

-- Every line once, even where two stations told it.
CREATE VIEW quality.model_approvals WITH (security_barrier) AS
SELECT DISTINCT ON (tenant_id, shard, number, line_hash)
    tenant_id, shard, number, line_hash, at, deed, person, name, model_hash, part_number, station, reason, gate
FROM model_approvals
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
ORDER BY tenant_id, shard, number, line_hash, received;

-- What two models said of the same parts: a row for each pair of outcomes.
CREATE VIEW shadow_agreement AS
SELECT
    live.tenant_id,
    live.station,
    live.part_number,
    live.model_hash,
    shadow.model_hash AS shadow_hash,
    live.outcome,
    shadow.outcome AS shadow_outcome,
    count(*) AS parts,
    min(live.ts) AS first_at,
    max(live.ts) AS last_at
FROM shadow_verdicts AS shadow
JOIN verdicts AS live
    ON live.tenant_id = shadow.tenant_id AND live.station = shadow.station AND live.serial = shadow.serial
    AND live.attempt = shadow.attempt AND live.ts = shadow.ts
GROUP BY 1, 2, 3, 4, 5, 6, 7;

CREATE VIEW quality.shadow_agreement WITH (security_barrier) AS
SELECT * FROM shadow_agreement
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);

-- Parts that a person has not decided, the most instructive first: near a band's middle, or unlike all good parts.
--   uncertainty: 1 in the middle of the review band, 0.5 at its edges, 0 half a band beyond
--   novelty: how far its worst anomaly is above the limit of good parts (0.5), 1 at the most
CREATE VIEW review_queue AS
SELECT
    asked.*,
    asked.uncertainty + asked.novelty AS priority
FROM (
    SELECT
        verdict.tenant_id,
        verdict.station,
        verdict.serial,
        verdict.attempt,
        verdict.part_number,
        verdict.ts,
        verdict.outcome,
        verdict.reason,
        verdict.model_hash,
        found.score,
        coalesce(greatest(0, 1 - abs(found.score - (band.low + band.high) / 2) / nullif(band.high - band.low, 0)), 0)
            AS uncertainty,
        coalesce(least(1, greatest(0, 2 * (found.anomaly - 0.5))), 0) AS novelty
    FROM verdicts AS verdict
    JOIN machines AS station ON station.tenant_id = verdict.tenant_id AND station.name = verdict.station
    CROSS JOIN LATERAL (
        SELECT
            (station.settings ->> 'review_above')::float8 AS low,
            (station.settings ->> 'reject_above')::float8 AS high
    ) AS band
    CROSS JOIN LATERAL (
        SELECT
            max(finding.score) FILTER (WHERE finding.label NOT IN ('good', 'Weld', 'anomaly')) AS score,
            max(finding.score) FILTER (WHERE finding.label = 'anomaly') AS anomaly
        FROM findings AS finding
        WHERE finding.tenant_id = verdict.tenant_id AND finding.station = verdict.station
            AND finding.serial = verdict.serial AND finding.attempt = verdict.attempt
            AND finding.ts BETWEEN verdict.ts - interval '1 minute' AND verdict.ts
    ) AS found
    WHERE NOT EXISTS (
        SELECT FROM reviews AS review
        WHERE review.tenant_id = verdict.tenant_id AND review.station = verdict.station
            AND review.serial = verdict.serial AND review.attempt = verdict.attempt
    )
) AS asked
WHERE asked.outcome = 'REVIEW' OR asked.uncertainty >= 0.5 OR asked.novelty > 0;

CREATE VIEW quality.review_queue WITH (security_barrier) AS
SELECT * FROM review_queue
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);

-- What counts of people's decisions: the last one about each attempt at a part.
CREATE VIEW quality.reviews WITH (security_barrier) AS
SELECT DISTINCT ON (tenant_id, station, serial, attempt)
    tenant_id, station, serial, attempt, ts, decision, label, boxes, reason, person, decided
FROM reviews
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
ORDER BY tenant_id, station, serial, attempt, id DESC;

-- The newest window of every station, part number, view and measure.
CREATE VIEW quality.drift WITH (security_barrier) AS
SELECT DISTINCT ON (tenant_id, station, part_number, view, measure)
    tenant_id, station, part_number, view, measure, ts, frames, psi, mean, reference
FROM drift
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
ORDER BY tenant_id, station, part_number, view, measure, ts DESC;
