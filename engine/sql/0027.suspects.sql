-- Which parts a failure makes suspect, by what the station knew when it judged them: a camera's clock may be ahead.
-- depends: 0026.review_bands

ALTER TABLE verdicts ADD COLUMN release int8;  -- number of its station's newest release event then; null: not told

-- Each failure of a master part with each part that was judged between the pass before it and itself.
-- Where the verdict does not tell, times decide: those of its camera, or of its receipt where that is earlier.
CREATE VIEW doubts AS
SELECT
    failure.tenant_id,
    failure.station,
    failure.number,
    failure.at AS failed_at,
    failure.since AS passed_at,
    failure.serial AS master,
    failure.reason,
    verdict.serial,
    verdict.part_number,
    verdict.attempt,
    verdict.ts AS judged_at,
    verdict.outcome
FROM releases AS failure
LEFT JOIN LATERAL (
    SELECT max(pass.number) AS number
    FROM releases AS pass
    WHERE pass.tenant_id = failure.tenant_id AND pass.station = failure.station
        AND pass.event = 'passed' AND pass.part_number = failure.part_number AND pass.number < failure.number
) AS passed ON true
JOIN verdicts AS verdict
    ON verdict.tenant_id = failure.tenant_id AND verdict.station = failure.station
    AND verdict.ts > failure.since - interval '1 day' AND verdict.ts <= failure.at + interval '1 day'
WHERE failure.event = 'failed'
    AND CASE WHEN verdict.release IS NULL OR passed.number IS NULL THEN verdict.ts > failure.since
        ELSE verdict.release >= passed.number END
    AND CASE WHEN verdict.release IS NULL THEN least(verdict.ts, verdict.received) <= failure.at
        ELSE verdict.release < failure.number END
    AND coalesce(verdict.purpose, '') = '' AND coalesce(verdict.rule, '') NOT IN ('release', 'bypass');

CREATE OR REPLACE VIEW suspects AS
SELECT DISTINCT ON (tenant_id, station, judged_at, serial, attempt)
    tenant_id,
    station,
    serial,
    part_number,
    attempt,
    judged_at,
    outcome,
    passed_at,
    failed_at,
    master,
    reason
FROM doubts
ORDER BY tenant_id, station, judged_at, serial, attempt, failed_at;
