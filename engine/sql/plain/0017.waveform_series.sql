-- Waveforms become a partitioned table, one partition a day.
-- depends: 0016.waveforms

ALTER TABLE waveforms RENAME TO waveforms_single;
CREATE TABLE waveforms (LIKE waveforms_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE waveforms_single;
