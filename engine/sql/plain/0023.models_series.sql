-- Shadow verdicts and drift become partitioned tables, one partition a day.
-- depends: 0022.models

ALTER TABLE shadow_verdicts RENAME TO shadow_verdicts_single;
CREATE TABLE shadow_verdicts (LIKE shadow_verdicts_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE shadow_verdicts_single;

ALTER TABLE drift RENAME TO drift_single;
CREATE TABLE drift (LIKE drift_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE drift_single;
