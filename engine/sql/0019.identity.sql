-- Who a part is, and what the line was told of it. Columns of the view stand in docs/views.md.
-- depends: 0018.waveform_views

ALTER TABLE verdicts ADD COLUMN serial_source text;  -- camera, plc, scanner, datamatrix, station
ALTER TABLE verdicts ADD COLUMN order_number text;
ALTER TABLE verdicts ADD COLUMN fixture text;
ALTER TABLE verdicts ADD COLUMN operator text;
ALTER TABLE verdicts ADD COLUMN line_answer text;    -- OK, NG, REVIEW; null where no line asks

-- Every verdict with the part's identity, as it was said.
CREATE VIEW quality.inspections WITH (security_barrier) AS
SELECT
    tenant_id, station, machine, serial, attempt, ts AS inspected_at, outcome, reason, line_answer,
    part_number, serial_source, order_number, fixture, operator
FROM verdicts
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user);
