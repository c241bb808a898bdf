-- The sources' clocks, every minute of plant time, and each jump at once.
-- depends: 0011.revisions

CREATE TABLE clocks (
    tenant_id int4 NOT NULL,
    machine   text NOT NULL,
    ts        timestamptz NOT NULL,     -- by the log's stamps
    offset_us int8 NOT NULL,            -- stamp less event time of what comes soonest; negative: clock ahead
    jitter_us int8 NOT NULL,            -- how much the delays vary, 5th to 95th percentile
    jump_us   int8                      -- how far it jumped just now, forward positive; null: it did not
);
