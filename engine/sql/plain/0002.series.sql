-- Time series become partitioned tables, one partition a day; the writer adds partitions before it copies.
-- depends: 0001.tables

ALTER TABLE readings RENAME TO readings_single;
CREATE TABLE readings (LIKE readings_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE readings_single;

ALTER TABLE windows RENAME TO windows_single;
CREATE TABLE windows (LIKE windows_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE windows_single;

ALTER TABLE states RENAME TO states_single;
CREATE TABLE states (LIKE states_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE states_single;

ALTER TABLE runs RENAME TO runs_single;
CREATE TABLE runs (LIKE runs_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE runs_single;

ALTER TABLE oee RENAME TO oee_single;
CREATE TABLE oee (LIKE oee_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE oee_single;

ALTER TABLE anomalies RENAME TO anomalies_single;
CREATE TABLE anomalies (LIKE anomalies_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE anomalies_single;

ALTER TABLE verdicts RENAME TO verdicts_single;
CREATE TABLE verdicts (LIKE verdicts_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE verdicts_single;

ALTER TABLE findings RENAME TO findings_single;
CREATE TABLE findings (LIKE findings_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE findings_single;

ALTER TABLE frame_ledger RENAME TO frame_ledger_single;
CREATE TABLE frame_ledger (LIKE frame_ledger_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE frame_ledger_single;

ALTER TABLE quarantine RENAME TO quarantine_single;
CREATE TABLE quarantine (LIKE quarantine_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE quarantine_single;
