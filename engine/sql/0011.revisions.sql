-- Runs and scores are told again when late words and readings change them; what is withdrawn is left out.
-- An interval or run that ends where it began was told and then withdrawn: there was none.
-- depends: 0010.event_time

ALTER TABLE runs ADD COLUMN version int4 NOT NULL DEFAULT 1;
ALTER TABLE anomalies ADD COLUMN version int4 NOT NULL DEFAULT 1;

-- The newest version of every state interval.
CREATE OR REPLACE VIEW states_latest AS
SELECT tenant_id, machine, ts, version, end_ts, state, reason, program
FROM (
    SELECT DISTINCT ON (tenant_id, machine, ts)
        tenant_id, machine, ts, version, end_ts, state, reason, program
    FROM states
    ORDER BY tenant_id, machine, ts, version DESC
) AS newest
WHERE end_ts IS NULL OR end_ts > ts;

-- The newest version of every program run.
CREATE VIEW runs_latest AS
SELECT tenant_id, machine, ts, version, end_ts, program, completed, parts
FROM (
    SELECT DISTINCT ON (tenant_id, machine, ts)
        tenant_id, machine, ts, version, end_ts, program, completed, parts
    FROM runs
    ORDER BY tenant_id, machine, ts, version DESC
) AS newest
WHERE end_ts > ts;

-- The newest version of every anomaly score.
CREATE VIEW anomalies_latest AS
SELECT DISTINCT ON (tenant_id, machine, ts)
    tenant_id, machine, ts, version, score, threshold, tag, share
FROM anomalies
ORDER BY tenant_id, machine, ts, version DESC;

-- The state of a machine at a time: of what began up to then, the newest that was not withdrawn. Walks back
-- through the index, without sorting a machine's history.
CREATE FUNCTION state_at(of_tenant int4, of_machine text, at timestamptz, since timestamptz)
RETURNS TABLE (ts timestamptz, end_ts timestamptz, state text, reason text, program text)
LANGUAGE sql STABLE ROWS 1
AS $$
    SELECT s.ts, s.end_ts, s.state, s.reason, s.program
    FROM states AS s
    WHERE s.tenant_id = of_tenant AND s.machine = of_machine AND s.ts <= at AND s.ts >= since
        AND (s.end_ts IS NULL OR s.end_ts > s.ts)
        AND NOT EXISTS (
            SELECT FROM states AS newer
            WHERE newer.tenant_id = s.tenant_id AND newer.machine = s.machine AND newer.ts = s.ts
                AND newer.version > s.version
        )
    ORDER BY s.ts DESC
    LIMIT 1
$$;

-- What a machine did in a shift beside running, by state and the machine's own word for it. Times are clipped
-- to the shift and end where its account does; breaks are not taken out, as nobody notes a reason for them.
CREATE OR REPLACE VIEW stop_reasons AS
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
                SELECT before.ts
                FROM state_at(account.tenant_id, account.machine, account.ts, '-infinity') AS before
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
CREATE OR REPLACE FUNCTION anomaly_alarms(of_tenant int4, since timestamptz, until timestamptz)
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
    FROM anomalies_latest AS a
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

-- What every machine can still do, in its shift and on its plant day.
CREATE OR REPLACE VIEW planning.capacity_now WITH (security_barrier) AS
SELECT
    tenant_id,
    machine,
    kind,
    as_of,
    state,
    reason,
    program,
    state_since,
    shift,
    shift_ends_at,
    plant_day,
    day_ends_at,
    known_until,
    expected_from,
    effective_us::float8 / busy_us AS expected_oee,
    ideal_cycle_us,
    shift_planned_us,
    (shift_planned_us::numeric * effective_us / busy_us)::int8 AS shift_expected_us,
    floor(shift_planned_us::numeric * effective_us / busy_us / ideal_cycle_us)::int8 AS shift_parts,
    day_planned_us,
    (day_planned_us::numeric * effective_us / busy_us)::int8 AS day_expected_us,
    floor(day_planned_us::numeric * effective_us / busy_us / ideal_cycle_us)::int8 AS day_parts
FROM (
    SELECT
        machine.tenant_id,
        machine.name AS machine,
        machine.kind,
        shard.clock AS as_of,
        state.state,
        state.reason,
        state.program,
        state.ts AS state_since,
        current.shift,
        current.ends_at AS shift_ends_at,
        coalesce(current.plant_day, today) AS plant_day,
        day.ends_at AS day_ends_at,
        account.as_of AS known_until,
        basis.source AS expected_from,
        basis.busy_us,
        basis.effective_us,
        coalesce(
            account.ideal_cycle_us, (machine.settings ->> 'ideal_cycle_us')::int8, basis.ideal_cycle_us
        ) AS ideal_cycle_us,
        planning.left_us(coalesce(current.working, '{}'), shard.clock) AS shift_planned_us,
        planning.left_us(coalesce(day.working, '{}'), shard.clock) AS day_planned_us
    FROM machines AS machine
    JOIN shard ON shard.id = machine.shard AND shard.clock IS NOT NULL
    CROSS JOIN LATERAL planning.local_day(machine.settings, shard.clock) AS today
    -- The newest state, as in state_at, which a tenant's role may not call.
    LEFT JOIN LATERAL (
        SELECT states.state, states.reason, states.program, states.ts
        FROM states
        WHERE states.tenant_id = machine.tenant_id AND states.machine = machine.name
            AND (states.end_ts IS NULL OR states.end_ts > states.ts)
            AND NOT EXISTS (
                SELECT FROM states AS newer
                WHERE newer.tenant_id = states.tenant_id AND newer.machine = states.machine
                    AND newer.ts = states.ts AND newer.version > states.version
            )
        ORDER BY states.ts DESC
        LIMIT 1
    ) AS state ON true
    -- The shift that contains this moment, the one that began first where shifts overlap.
    LEFT JOIN LATERAL (
        SELECT span.*
        FROM planning.spans(machine.settings, today - 2, today) AS span
        WHERE span.starts_at <= shard.clock AND shard.clock < span.ends_at
        ORDER BY span.plant_day, span.starts_at
        LIMIT 1
    ) AS current ON true
    -- All working time of the plant day: shifts may overlap, time counts once.
    LEFT JOIN LATERAL (
        SELECT max(span.ends_at) AS ends_at, range_agg(piece) AS working
        FROM planning.spans(
            machine.settings, coalesce(current.plant_day, today), coalesce(current.plant_day, today)
        ) AS span
        CROSS JOIN unnest(span.working) AS piece
    ) AS day ON true
    LEFT JOIN oee_latest AS account
        ON account.tenant_id = machine.tenant_id AND account.machine = machine.name
        AND account.ts = current.starts_at AND account.shift = current.shift
    -- What OEE to expect: of this shift once it has lasted, else of the last seven days; times are added up.
    LEFT JOIN LATERAL (
        SELECT 'shift' AS source, account.busy_us, account.effective_us, account.ideal_cycle_us
        WHERE account.busy_us >= 1800000000 AND account.ideal_cycle_us IS NOT NULL
        UNION ALL
        SELECT
            'last_7_days',
            sum(past.busy_us)::int8,
            sum(past.effective_us)::int8,
            (array_agg(past.ideal_cycle_us ORDER BY past.ts DESC))[1]
        FROM oee_latest AS past
        WHERE (account.busy_us >= 1800000000 AND account.ideal_cycle_us IS NOT NULL) IS NOT TRUE
            AND past.tenant_id = machine.tenant_id AND past.machine = machine.name
            AND past.ts >= shard.clock - interval '7 days'
            AND past.ideal_cycle_us IS NOT NULL
        HAVING sum(past.busy_us) > 0
    ) AS basis ON true
    WHERE machine.in_plant
        AND machine.tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
) AS found;
