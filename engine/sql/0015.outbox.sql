-- What is told to others: rows of the flow's own transaction, and what became of each.
-- depends: 0014.frames

-- Events of a line in the order of its log; nothing here changes any more.
CREATE TABLE outbox (
    tenant_id int4 NOT NULL,
    shard     text NOT NULL,
    position  int8 NOT NULL,            -- of the log entry that let it happen
    key       text NOT NULL,            -- idempotency key: the same event has the same, over all replays
    kind      text NOT NULL,            -- machine_stopped, alarm_began, alarm_ended, shift_revised
    machine   text NOT NULL,
    at        timestamptz NOT NULL,     -- when it happened, event time
    payload   jsonb NOT NULL
);
-- Not unique, though each is there once: a new owner of the shard would wait for the rows of a stalled one.
CREATE INDEX outbox_order ON outbox (shard, position, key);

-- What the relay did with them; a replay tells nobody, so this is of the plant alone.
CREATE TABLE outbox_deliveries (
    shard    text NOT NULL,
    position int8 NOT NULL,
    key      text NOT NULL,
    attempts int4 NOT NULL,
    first    timestamptz NOT NULL,      -- wall time of the first attempt
    last     timestamptz NOT NULL,      -- and of the last
    outcome  text,                      -- delivered, dead; null: it will be tried again
    error    text NOT NULL,             -- why the last attempt failed; empty: it did not
    PRIMARY KEY (shard, position, key)
);
CREATE INDEX outbox_open ON outbox_deliveries (shard) WHERE outcome IS NULL;
CREATE INDEX outbox_dead ON outbox_deliveries (shard) WHERE outcome = 'dead';
