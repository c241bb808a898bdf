-- What a restart reads again beside a snapshot, and each reading once, however often it was sent.
-- depends: 0009.retention

-- Entries behind it are read again to fill what a snapshot is too small for; null: none are.
ALTER TABLE snapshots ADD COLUMN since int8;

-- Every accepted reading once: the table holds it as often as it was sent, with the time of each receipt.
-- To leave repetitions out at the landing, each reading would have to be looked up among all before it.
CREATE VIEW readings_once AS
SELECT DISTINCT ON (tenant_id, machine, tag, ts, value, text)
    tenant_id, machine, tag, ts, value, text, quality, received, source_ts
FROM readings
ORDER BY tenant_id, machine, tag, ts, value, text, received;
