-- What planning reads: OEE, the shifts ahead, and the capacity that is left. Columns stand in docs/views.md.
-- Security barriers: the tenant comes from session_user, before any condition of the reader is looked at.
-- depends: 0006.tenants

CREATE SCHEMA planning;

-- The instant at which clocks of a zone show a time; the first one where they show it twice.
CREATE FUNCTION planning.instant(wall timestamp, zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (
        SELECT min((wall AT TIME ZONE zone) - earlier)
        FROM unnest(ARRAY[interval '0', interval '30 minutes', interval '1 hour']) AS earlier
        WHERE ((wall AT TIME ZONE zone) - earlier) AT TIME ZONE zone = wall
    ),
    wall AT TIME ZONE zone
);

-- Microseconds of a set of times that lie behind an instant.
CREATE FUNCTION planning.left_us(working tstzmultirange, since timestamptz) RETURNS int8
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT coalesce(sum(extract(epoch FROM upper(piece) - greatest(lower(piece), since)) * 1000000), 0)::int8
    FROM unnest(working) AS piece
    WHERE upper(piece) > since
);

-- The local date at an instant.
CREATE FUNCTION planning.local_day(settings jsonb, at timestamptz) RETURNS date
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (at AT TIME ZONE (settings ->> 'timezone'))::date;

-- The shifts that begin on some days of a machine's calendar, breaks taken out of the working time.
CREATE FUNCTION planning.spans(settings jsonb, first date, last date)
RETURNS TABLE (
    plant_day date, shift text, starts_at timestamptz, ends_at timestamptz, working tstzmultirange
)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 5
AS $$
    SELECT
        midnight::date,
        item ->> 'name',
        starts_at,
        ends_at,
        tstzmultirange(tstzrange(starts_at, ends_at)) - coalesce(breaks.cut, '{}')
    FROM generate_series(first::timestamp, last::timestamp, interval '1 day') AS midnight
    CROSS JOIN jsonb_array_elements(settings -> 'calendar') AS item
    CROSS JOIN LATERAL (
        SELECT
            planning.instant(
                midnight + (item ->> 'start')::int4 * interval '1 minute', settings ->> 'timezone'
            ) AS starts_at,
            planning.instant(
                midnight + (item ->> 'end')::int4 * interval '1 minute', settings ->> 'timezone'
            ) AS ends_at
    ) AS span
    CROSS JOIN LATERAL (
        SELECT range_agg(tstzrange(low, high)) AS cut
        FROM jsonb_array_elements(item -> 'breaks') AS pair
        CROSS JOIN LATERAL (
            SELECT
                planning.instant(
                    midnight + (pair ->> 0)::int4 * interval '1 minute', settings ->> 'timezone'
                ) AS low,
                planning.instant(
                    midnight + (pair ->> 1)::int4 * interval '1 minute', settings ->> 'timezone'
                ) AS high
        ) AS edges
        WHERE low < high
    ) AS breaks
    WHERE item -> 'weekdays' @> to_jsonb(extract(isodow FROM midnight)::int4 - 1) AND starts_at < ends_at
$$;

-- The newest account of every machine and shift.
CREATE VIEW planning.oee WITH (security_barrier) AS
SELECT
    account.tenant_id,
    account.machine,
    planning.local_day(machine.settings, account.ts) AS plant_day,
    account.shift,
    account.ts AS starts_at,
    account.as_of,
    account.calendar_us,
    account.unscheduled_us,
    account.no_data_us,
    account.planned_stop_us,
    account.setup_us,
    account.unplanned_stop_us,
    account.minor_stop_us,
    account.speed_loss_us,
    account.reject_loss_us,
    account.review_loss_us,
    account.effective_us,
    account.busy_us,
    account.production_us,
    account.good,
    account.reject,
    account.review,
    account.ideal_cycle_us,
    account.availability,
    account.performance,
    account.quality,
    account.oee
FROM oee_latest AS account
JOIN machines AS machine ON machine.tenant_id = account.tenant_id AND machine.name = account.machine
WHERE account.tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);

-- The shifts of every machine, from those of yesterday on for two weeks.
CREATE VIEW planning.shifts WITH (security_barrier) AS
SELECT
    machine.tenant_id,
    machine.name AS machine,
    span.plant_day,
    span.shift,
    span.starts_at,
    span.ends_at,
    planning.left_us(span.working, span.starts_at) AS planned_us,
    planning.left_us(span.working, shard.clock) AS planned_left_us,
    shard.clock AS as_of
FROM machines AS machine
JOIN shard ON shard.id = machine.shard AND shard.clock IS NOT NULL
CROSS JOIN LATERAL planning.local_day(machine.settings, shard.clock) AS today
CROSS JOIN LATERAL planning.spans(machine.settings, today - 1, today + 13) AS span
WHERE machine.in_plant
    AND machine.tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);

-- What every machine can still do, in its shift and on its plant day.
CREATE VIEW planning.capacity_now WITH (security_barrier) AS
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
    -- The newest state, as in states_latest, found through the index without sorting a machine's history.
    LEFT JOIN LATERAL (
        SELECT states.state, states.reason, states.program, states.ts
        FROM states
        WHERE states.tenant_id = machine.tenant_id AND states.machine = machine.name
        ORDER BY states.ts DESC, states.version DESC
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
