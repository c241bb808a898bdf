-- One partition a day, as for every time series.
-- depends: 0012.clocks

ALTER TABLE clocks RENAME TO clocks_single;
CREATE TABLE clocks (LIKE clocks_single INCLUDING ALL) PARTITION BY RANGE (ts);
DROP TABLE clocks_single;

CREATE INDEX clocks_machine ON clocks (machine, ts);
