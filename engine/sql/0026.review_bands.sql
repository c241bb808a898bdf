-- What a person should look at, by the bands that a finding was judged by: those of its part's recipe and rule.
-- depends: 0025.clock_sources

-- Parts that a person has not decided, the most instructive first: near a band's middle, or unlike all good parts.
--   score, uncertainty: of the finding that decided, which is the worst of those that were judged worst
--   uncertainty: 1 in the middle of its review band, 0.5 at its edges, 0 half a band beyond
--   novelty: how far its worst anomaly is above the limit of good parts (0.5), 1 at the most
CREATE OR REPLACE VIEW review_queue AS
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
        coalesce(greatest(0, 1 - abs(found.off_middle)), 0) AS uncertainty,
        coalesce(least(1, greatest(0, 2 * (found.anomaly - 0.5))), 0) AS novelty
    FROM verdicts AS verdict
    JOIN machines AS station ON station.tenant_id = verdict.tenant_id AND station.name = verdict.station
    CROSS JOIN LATERAL (
        SELECT
            (array_agg(seen.score ORDER BY seen.level DESC, seen.off_middle DESC NULLS LAST, seen.score DESC)
                FILTER (WHERE seen.is_defect))[1] AS score,
            (array_agg(seen.off_middle ORDER BY seen.level DESC, seen.off_middle DESC NULLS LAST, seen.score DESC)
                FILTER (WHERE seen.is_defect))[1] AS off_middle,
            max(seen.score) FILTER (WHERE seen.label = 'anomaly') AS anomaly
        FROM (
            SELECT
                finding.label,
                finding.score,
                CASE finding.judged WHEN 'reject' THEN 2 WHEN 'review' THEN 1 ELSE 0 END AS level,
                finding.label <> 'anomaly'
                    AND coalesce(finding.judged <> 'feature', finding.label NOT IN ('good', 'Weld')) AS is_defect,
                -- in widths of the band: 0 in its middle, 0.5 where it rejects
                (finding.score - ((band.pair ->> 0)::float8 + (band.pair ->> 1)::float8) / 2)
                    / nullif((band.pair ->> 1)::float8 - (band.pair ->> 0)::float8, 0) AS off_middle
            FROM findings AS finding
            CROSS JOIN LATERAL (
                SELECT
                    coalesce(
                        station.settings #> ARRAY['bands', verdict.part_number, finding.rule],
                        station.settings #> ARRAY['bands', verdict.part_number, 'score'],
                        jsonb_build_array(station.settings -> 'review_above', station.settings -> 'reject_above')
                    ) AS pair
            ) AS band
            WHERE finding.tenant_id = verdict.tenant_id AND finding.station = verdict.station
                AND finding.serial = verdict.serial AND finding.attempt = verdict.attempt
                AND finding.ts BETWEEN verdict.ts - interval '1 minute' AND verdict.ts
        ) AS seen
    ) AS found
    WHERE NOT EXISTS (
        SELECT FROM reviews AS review
        WHERE review.tenant_id = verdict.tenant_id AND review.station = verdict.station
            AND review.serial = verdict.serial AND review.attempt = verdict.attempt
    )
) AS asked
WHERE asked.outcome = 'REVIEW' OR asked.uncertainty >= 0.5 OR asked.novelty > 0;
