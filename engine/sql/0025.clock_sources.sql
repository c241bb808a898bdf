-- Several sources may tell of one machine, and each has a clock of its own.
-- depends: 0024.models_views

ALTER TABLE clocks ADD COLUMN source text;  -- the connector, or one sender behind it; null: any, before this was kept
