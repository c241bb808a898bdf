-- Shadow verdicts and drift become hypertables, one chunk a day.
-- depends: 0022.models

SELECT create_hypertable('shadow_verdicts'::regclass, by_range('ts', INTERVAL '1 day'), create_default_indexes => false);

SELECT create_hypertable('drift'::regclass, by_range('ts', INTERVAL '1 day'), create_default_indexes => false);
