-- Waveforms: recordings of a sensor at a high rate, one row each, their samples in it.
-- depends: 0015.outbox

CREATE TABLE waveforms (
    tenant_id  int4 NOT NULL,
    machine    text NOT NULL,
    sensor     text NOT NULL,
    axis       text NOT NULL,            -- empty where the sensor has but one
    ts         timestamptz NOT NULL,     -- of the first sample
    rate_hz    float8 NOT NULL,
    count      int4 NOT NULL,            -- of samples: known without reading them
    unit       text NOT NULL,
    full_scale float8,                   -- null while not known
    shaft_rpm  float8,                   -- null while not known
    clipped    int4,                     -- samples at full scale or beyond; null while that is not known
    quality    int2 NOT NULL,
    received   timestamptz NOT NULL,
    samples    float4[] NOT NULL
);

-- Samples are noise to a compressor: they lie outside the row as they are, and a part of them is read as quickly.
ALTER TABLE waveforms ALTER COLUMN samples SET STORAGE EXTERNAL;
