-- What retention took away, and what stays of it: the audit, and the sums of frames whose rows are gone.
-- depends: 0004.views

CREATE TABLE retention_log (
    id        int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int4 NOT NULL,
    shard     text NOT NULL,
    what      text NOT NULL,            -- a table, or 'evidence'
    since     timestamptz,              -- event times [since, until) of what went; null: from the beginning
    until     timestamptz NOT NULL,
    rows      int8 NOT NULL,            -- rows, or files of evidence
    bytes     int8 NOT NULL,            -- given back by the database, or size of the files
    place     text,                     -- where it was moved to; null: deleted
    policy    jsonb NOT NULL,           -- the days asked for
    clock     timestamptz NOT NULL,     -- the plant's time
    started   timestamptz NOT NULL DEFAULT now(),
    finished  timestamptz               -- null: interrupted, the next pass went on with it
);

-- Frames of a run whose ledger rows are gone: counted here, so that the ledger still closes.
CREATE TABLE frame_sums (
    tenant_id int4 NOT NULL,
    station   text NOT NULL,
    camera    text NOT NULL,
    run       text NOT NULL,
    since     timestamptz NOT NULL,
    until     timestamptz NOT NULL,
    captured  int8 NOT NULL,            -- the highest sequence number
    inspected int8 NOT NULL,
    dropped   int8 NOT NULL,
    late      int8 NOT NULL,
    unmatched int8 NOT NULL,
    PRIMARY KEY (tenant_id, station, camera, run)
);

-- Every captured frame once: the difference is 0, or the ledger does not close.
CREATE OR REPLACE VIEW frame_balance AS
SELECT
    counted.*,
    captured - inspected - dropped - late - unmatched AS difference
FROM (
    SELECT
        tenant_id, station, camera, run,
        min(since) AS since,
        max(until) AS until,
        max(captured) AS captured,
        sum(inspected)::int8 AS inspected,
        sum(dropped)::int8 AS dropped,
        sum(late)::int8 AS late,
        sum(unmatched)::int8 AS unmatched
    FROM (
        SELECT
            tenant_id, station, camera, run, ts AS since, ts AS until, last AS captured,
            CASE outcome WHEN 'inspected' THEN last - first + 1 ELSE 0 END AS inspected,
            CASE outcome WHEN 'dropped' THEN last - first + 1 ELSE 0 END AS dropped,
            CASE outcome WHEN 'late' THEN last - first + 1 ELSE 0 END AS late,
            CASE outcome WHEN 'unmatched' THEN last - first + 1 ELSE 0 END AS unmatched
        FROM frame_ledger
        UNION ALL
        SELECT
            tenant_id, station, camera, run, since, until, captured, inspected, dropped, late, unmatched
        FROM frame_sums
    ) AS frames
    GROUP BY tenant_id, station, camera, run
) AS counted;
