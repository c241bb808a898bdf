-- Hot tables carry BRIN only: a btree costs the landing more than half of its rate.
-- Small tables carry what the console and planning look up.
-- depends: 0002.series

CREATE INDEX readings_ts ON readings USING brin (ts) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX windows_ts ON windows USING brin (ts) WITH (pages_per_range = 64, autosummarize = on);
CREATE INDEX anomalies_ts ON anomalies USING brin (ts) WITH (pages_per_range = 64, autosummarize = on);

CREATE INDEX states_machine ON states (machine, ts);
CREATE INDEX runs_machine ON runs (machine, ts);
CREATE INDEX oee_machine ON oee (machine, ts, shift, version);
CREATE INDEX verdicts_station ON verdicts (station, ts);
CREATE INDEX verdicts_serial ON verdicts (serial);
CREATE INDEX findings_serial ON findings (serial);
CREATE INDEX frame_ledger_camera ON frame_ledger (station, camera, run);
CREATE INDEX frame_ledger_station ON frame_ledger (station, ts);
CREATE INDEX quarantine_reason ON quarantine (reason, ts);
