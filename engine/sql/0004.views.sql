-- One definition of every number: pages, API and reports read these views and compute nothing again.
-- depends: 0003.indexes

-- The newest version of every state interval.
CREATE VIEW states_latest AS
SELECT DISTINCT ON (tenant_id, machine, ts)
    tenant_id, machine, ts, version, end_ts, state, reason, program
FROM states
ORDER BY tenant_id, machine, ts, version DESC;

-- The newest version of every window.
CREATE VIEW windows_latest AS
SELECT DISTINCT ON (tenant_id, machine, tag, width_us, ts)
    tenant_id, machine, tag, ts, width_us, version, count, sum, min, max, sum / count AS mean
FROM windows
ORDER BY tenant_id, machine, tag, width_us, ts, version DESC;

-- The newest account of every machine and shift with its ratios, null where they are undefined.
--   busy (PBT)        = calendar - unscheduled - planned stop - no data
--   production (APT)  = busy - setup - unplanned stop
--   availability      = production / busy
--   performance       = ideal time of all parts / production
--   quality           = good parts / all parts
--   oee               = ideal time of good parts / busy  ( = the product of the three )
CREATE VIEW oee_latest AS
SELECT
    timed.*,
    production_us::float8 / nullif(busy_us, 0) AS availability,
    CASE WHEN ideal_cycle_us IS NOT NULL THEN
        (effective_us + reject_loss_us + review_loss_us)::float8 / nullif(production_us, 0)
    END AS performance,
    good::float8 / nullif(good + reject + review, 0) AS quality,
    CASE WHEN ideal_cycle_us IS NOT NULL THEN effective_us::float8 / nullif(busy_us, 0) END AS oee
FROM (
    SELECT
        latest.*,
        calendar_us - unscheduled_us - planned_stop_us - no_data_us AS busy_us,
        calendar_us - unscheduled_us - planned_stop_us - no_data_us - setup_us - unplanned_stop_us
            AS production_us
    FROM (
        SELECT DISTINCT ON (tenant_id, machine, ts, shift) *
        FROM oee
        ORDER BY tenant_id, machine, ts, shift, version DESC
    ) AS latest
) AS timed;

-- Every captured frame once: the difference is 0, or the ledger does not close.
CREATE VIEW frame_balance AS
SELECT
    counted.*,
    captured - inspected - dropped - late - unmatched AS difference
FROM (
    SELECT
        tenant_id, station, camera, run,
        min(ts) AS since,
        max(ts) AS until,
        max(last) AS captured,
        coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'inspected'), 0)::int8 AS inspected,
        coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'dropped'), 0)::int8 AS dropped,
        coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'late'), 0)::int8 AS late,
        coalesce(sum(last - first + 1) FILTER (WHERE outcome = 'unmatched'), 0)::int8 AS unmatched
    FROM frame_ledger
    GROUP BY tenant_id, station, camera, run
) AS counted;
