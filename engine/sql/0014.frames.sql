-- What was missed: from when, and an unknown number of frames.
-- depends: 0013.clocks_series

-- Frames that never came were missed between `since` and `ts`. A row whose `last` is one less than its
-- `first` stands for an unknown number: it counts as none, so the sums close, and is there to be read.
ALTER TABLE frame_ledger ADD COLUMN since timestamptz;
