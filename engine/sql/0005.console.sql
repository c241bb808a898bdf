-- Two more definitions that pages read: why a machine stood still, and when its anomaly score was an alarm.
-- depends: 0004.views

-- What a machine did in a shift beside running, by state and the machine's own word for it. Times are clipped
-- to the shift and end where its account does; breaks are not taken out, as nobody notes a reason for them.
CREATE VIEW stop_reasons AS
SELECT
    account.tenant_id, account.machine, account.ts, account.shift, told.state, told.reason,
    count(*) AS stops,
    sum(told.lasted_us)::int8 AS lasted_us,
    max(told.lasted_us) AS longest_us
FROM oee_latest AS account
CROSS JOIN LATERAL (
    SELECT
        newest.state, newest.reason,
        (extract(epoch FROM least(coalesce(newest.end_ts, account.as_of), account.as_of)
            - greatest(newest.ts, account.ts)) * 1000000)::int8 AS lasted_us
    FROM (
        SELECT DISTINCT ON (ts) ts, end_ts, state, reason
        FROM states
        WHERE tenant_id = account.tenant_id AND machine = account.machine AND ts < account.as_of
            AND ts >= coalesce((
                SELECT max(before.ts) FROM states AS before
                WHERE before.tenant_id = account.tenant_id AND before.machine = account.machine
                    AND before.ts <= account.ts
            ), account.ts)
        ORDER BY ts, version DESC
    ) AS newest
    WHERE newest.state <> 'run'
) AS told
WHERE told.lasted_us > 0
GROUP BY account.tenant_id, account.machine, account.ts, account.shift, told.state, told.reason;

-- Alarms of the anomaly score among the scores from "since" until "until", a row for each alarm and tag.
-- An alarm begins with a score above its threshold and goes on while the next one above it follows within a
-- minute. "explains" is a tag's part of the alarm's squared scores, at least: of every second only the tag
-- that deviates most is known.
CREATE FUNCTION anomaly_alarms(of_tenant int4, since timestamptz, until timestamptz)
RETURNS TABLE (
    machine text, began timestamptz, ended timestamptz, scores int8, peak float8, threshold float8,
    tag text, explains float8
)
LANGUAGE sql STABLE
AS $$
WITH above AS (
    SELECT
        a.machine, a.ts, a.score, a.threshold, a.tag, a.share,
        a.ts - lag(a.ts) OVER (PARTITION BY a.machine ORDER BY a.ts) > interval '1 minute' AS apart
    FROM anomalies AS a
    WHERE a.tenant_id = of_tenant AND a.ts >= since AND a.ts <= until AND a.score > a.threshold
), numbered AS (
    SELECT *, count(*) FILTER (WHERE apart) OVER (PARTITION BY above.machine ORDER BY above.ts) AS alarm
    FROM above
), tags AS (
    SELECT
        n.machine, n.alarm, n.tag,
        min(n.ts) AS began, max(n.ts) AS ended, count(*) AS scores,
        max(n.score) AS peak, max(n.threshold) AS threshold,
        sum(n.share * n.score * n.score) AS explained, sum(n.score * n.score) AS whole
    FROM numbered AS n
    GROUP BY n.machine, n.alarm, n.tag
)
SELECT
    t.machine,
    min(t.began) OVER alarm,
    max(t.ended) OVER alarm,
    (sum(t.scores) OVER alarm)::int8,
    max(t.peak) OVER alarm,
    max(t.threshold) OVER alarm,
    t.tag,
    t.explained / sum(t.whole) OVER alarm
FROM tags AS t
WINDOW alarm AS (PARTITION BY t.machine, t.alarm)
$$;
