-- Every table of Seamline. Times are event times in UTC; one row format on every database level.
-- Level files (sql/plain, sql/timescale) turn the time-series tables into partitions or hypertables.
-- depends:

CREATE TABLE tenants (
    id   int4 PRIMARY KEY,
    name text NOT NULL
);

-- Master data, written from the plant file at every start.
CREATE TABLE machines (
    tenant_id  int4 NOT NULL,
    name       text NOT NULL,
    kind       text NOT NULL,           -- 'machine' or 'station'
    shard      text NOT NULL,
    settings   jsonb NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

CREATE TABLE tags (
    tenant_id  int4 NOT NULL,
    machine    text NOT NULL,
    name       text NOT NULL,
    unit       text NOT NULL,
    is_numeric bool NOT NULL,
    PRIMARY KEY (tenant_id, machine, name)
);

-- Time series.
CREATE TABLE readings (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    tag       text NOT NULL,
    ts        timestamptz NOT NULL,
    value     float8,
    text      text,
    quality   int2 NOT NULL,
    received  timestamptz NOT NULL,
    source_ts timestamptz
);

CREATE TABLE windows (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    tag       text NOT NULL,
    ts        timestamptz NOT NULL,     -- start of the window
    width_us  int8 NOT NULL,
    version   int4 NOT NULL,            -- 1, then +1 for every revision by late readings
    count     int8 NOT NULL,
    sum       float8 NOT NULL,
    min       float8 NOT NULL,
    max       float8 NOT NULL
);

CREATE TABLE states (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    ts        timestamptz NOT NULL,     -- start of the interval
    version   int4 NOT NULL,            -- 1 when it opens, 2 when it closes, more when revised
    end_ts    timestamptz,              -- null while it lasts
    state     text NOT NULL,            -- no_data, run, stop, setup, planned_stop
    reason    text NOT NULL,            -- the machine's own word for it
    program   text
);

CREATE TABLE runs (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    ts        timestamptz NOT NULL,     -- start of the program run
    end_ts    timestamptz NOT NULL,
    program   text,
    completed int2 NOT NULL,            -- 1 when the program ran to its end
    parts     int8 NOT NULL
);

CREATE TABLE oee (
    tenant_id        int4 NOT NULL,
    machine          text NOT NULL,
    ts               timestamptz NOT NULL,   -- start of the shift
    shift            text NOT NULL,
    version          int8 NOT NULL,
    as_of            timestamptz NOT NULL,   -- everything before it is accounted for
    calendar_us      int8 NOT NULL,          -- = the sum of the ten below, to the microsecond
    unscheduled_us   int8 NOT NULL,
    no_data_us       int8 NOT NULL,
    planned_stop_us  int8 NOT NULL,
    setup_us         int8 NOT NULL,
    unplanned_stop_us int8 NOT NULL,
    minor_stop_us    int8 NOT NULL,
    speed_loss_us    int8 NOT NULL,
    reject_loss_us   int8 NOT NULL,
    review_loss_us   int8 NOT NULL,
    effective_us     int8 NOT NULL,
    good             int8 NOT NULL,
    reject           int8 NOT NULL,
    review           int8 NOT NULL,
    ideal_cycle_us   int8                     -- null while none is known: then no part counts as time
);

CREATE TABLE anomalies (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    ts        timestamptz NOT NULL,
    score     float8 NOT NULL,          -- root mean squared deviation, in standard deviations
    threshold float8 NOT NULL,
    tag       text NOT NULL,            -- the tag that explains most of it
    share     float8 NOT NULL           -- of the squared score, 0..1
);

CREATE TABLE verdicts (
    tenant_id          int4 NOT NULL,
    station            text NOT NULL,
    machine            text NOT NULL,   -- whose OEE the part enters
    serial             text NOT NULL,
    part_number        text NOT NULL,
    attempt            int4 NOT NULL,
    ts                 timestamptz NOT NULL,
    outcome            text NOT NULL,   -- OK, NG, REVIEW
    reason             text NOT NULL,
    model_hash         text NOT NULL,
    preprocessing_hash text NOT NULL,
    recipe_hash        text NOT NULL,
    received           timestamptz NOT NULL
);

CREATE TABLE findings (
    tenant_id  int4 NOT NULL,
    station    text NOT NULL,
    serial     text NOT NULL,
    attempt    int4 NOT NULL,
    ts         timestamptz NOT NULL,
    camera     text NOT NULL,
    view       text NOT NULL,
    frame_hash text NOT NULL,
    label      text NOT NULL,
    iso6520    text,                    -- reference number where the class is an imperfection of ISO 6520-1
    score      float8 NOT NULL,
    x0         float8 NOT NULL,
    y0         float8 NOT NULL,
    x1         float8 NOT NULL,
    y1         float8 NOT NULL
);

-- Every captured frame exactly once: captured = inspected + dropped + late + unmatched.
CREATE TABLE frame_ledger (
    tenant_id  int4 NOT NULL,
    station    text NOT NULL,
    camera     text NOT NULL,
    view       text NOT NULL,
    run        text NOT NULL,
    first      int8 NOT NULL,           -- sequence numbers first..last of the camera's run
    last       int8 NOT NULL,
    ts         timestamptz NOT NULL,
    outcome    text NOT NULL,           -- inspected, dropped, late, unmatched
    reason     text NOT NULL,
    serial     text,
    frame_hash text,
    width      int4,
    height     int4,
    quality    jsonb
);

CREATE TABLE quarantine (
    tenant_id int4 NOT NULL,
    ts        timestamptz NOT NULL,     -- when it was received
    source    text NOT NULL,            -- the producer
    machine   text,
    tag       text,
    event_ts  text,                     -- as claimed, ISO 8601; null when there was none
    reason    text NOT NULL,
    raw       text NOT NULL
);

-- How far each shard is, and who owns it.
CREATE TABLE shard (
    id        text PRIMARY KEY,
    tenant_id int4 NOT NULL,
    epoch     int8 NOT NULL,
    position  int8 NOT NULL,
    clock     timestamptz,              -- stamp of the last committed log entry: the plant's time now
    committed timestamptz               -- wall time of the commit
);

CREATE TABLE snapshots (
    shard    text NOT NULL,
    operator text NOT NULL,
    version  int4 NOT NULL,
    position int8 NOT NULL,
    part     int4 NOT NULL,
    data     bytea NOT NULL,
    PRIMARY KEY (shard, position, operator, part)
);
