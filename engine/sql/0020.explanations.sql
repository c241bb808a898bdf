-- What decided a verdict, and what each finding was judged to be; null where a verdict is from before.
-- depends: 0019.identity

ALTER TABLE verdicts ADD COLUMN recipe text;            -- name and version; empty: the station's own
ALTER TABLE verdicts ADD COLUMN purpose text;           -- master: a master part, which counts nowhere
ALTER TABLE verdicts ADD COLUMN rule text;              -- of the rule set, or what else decided
ALTER TABLE verdicts ADD COLUMN rule_set text;          -- name and version
ALTER TABLE verdicts ADD COLUMN process text;
ALTER TABLE verdicts ADD COLUMN standard text;
ALTER TABLE verdicts ADD COLUMN decided_view text;      -- empty where no single view decided
ALTER TABLE verdicts ADD COLUMN decided_finding int4;   -- its place among the view's findings, from 0
ALTER TABLE verdicts ADD COLUMN measure text;           -- score, length_mm, area_mm2, depth_mm, count
ALTER TABLE verdicts ADD COLUMN measured float8;
ALTER TABLE verdicts ADD COLUMN bound float8;           -- from where on the rule asks for this verdict

ALTER TABLE findings ADD COLUMN place int4;             -- among the findings of its view, from 0
ALTER TABLE findings ADD COLUMN rule text;
ALTER TABLE findings ADD COLUMN judged text;            -- feature, faint, accepted, review, reject
ALTER TABLE findings ADD COLUMN length_mm float8;       -- longer side of the box; null without calibration
ALTER TABLE findings ADD COLUMN area_mm2 float8;
ALTER TABLE findings ADD COLUMN on_seam int2;           -- 1 or 0; null where no seam was found
