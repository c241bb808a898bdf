-- Waveforms become a hypertable, one chunk a day.
-- depends: 0016.waveforms

SELECT create_hypertable('waveforms'::regclass, by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
