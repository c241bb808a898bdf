-- One chunk a day, as for every time series.
-- depends: 0012.clocks

SELECT create_hypertable(
    'clocks'::regclass, by_range('ts', INTERVAL '1 day'), create_default_indexes => false
);

CREATE INDEX clocks_machine ON clocks (machine, ts);
