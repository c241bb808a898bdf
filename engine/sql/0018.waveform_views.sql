-- What reliability teams read of waveforms. Columns stand in docs/views.md.
-- depends: 0017.waveform_series

CREATE INDEX waveforms_sensor ON waveforms (machine, sensor, ts);

-- Every waveform once, however often it was sent, with the time of its last sample.
CREATE VIEW reliability.waveforms WITH (security_barrier) AS
SELECT DISTINCT ON (tenant_id, machine, sensor, axis, ts)
    tenant_id,
    machine,
    sensor,
    axis,
    ts AS starts_at,
    ts + (count - 1) / rate_hz * interval '1 second' AS ends_at,
    rate_hz,
    count,
    unit,
    full_scale,
    shaft_rpm,
    clipped,
    quality,
    samples
FROM waveforms
WHERE tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
ORDER BY tenant_id, machine, sensor, axis, ts, received;
