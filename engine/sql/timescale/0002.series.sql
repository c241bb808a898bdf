-- Time series become hypertables, one chunk a day. No default index: hot tables carry BRIN only.
-- depends: 0001.tables

DO $$
DECLARE
    series text;
BEGIN
    FOREACH series IN ARRAY ARRAY[
        'readings', 'windows', 'states', 'runs', 'oee', 'anomalies',
        'verdicts', 'findings', 'frame_ledger', 'quarantine'
    ] LOOP
        PERFORM create_hypertable(
            series::regclass, by_range('ts', INTERVAL '1 day'), create_default_indexes => false
        );
    END LOOP;
END $$;
