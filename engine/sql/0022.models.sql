-- Models that look on, who answered for which, what people decided, and how inputs drift.
-- depends: 0021.releases

-- What a model said that only looks on: nobody acts on it, it enters no OEE and no ledger.
CREATE TABLE shadow_verdicts (
    tenant_id   int4 NOT NULL,
    station     text NOT NULL,
    serial      text NOT NULL,
    attempt     int4 NOT NULL,
    part_number text NOT NULL,
    ts          timestamptz NOT NULL,   -- of the part, as in verdicts
    outcome     text NOT NULL,          -- OK, NG, REVIEW
    reason      text NOT NULL,
    model_hash  text NOT NULL,
    recipe_hash text NOT NULL,
    score       float8,                 -- of its worst defect; null: it found none
    received    timestamptz NOT NULL
);

-- How far what a station sees is from what it saw at first, a row for each window of frames.
CREATE TABLE drift (
    tenant_id   int4 NOT NULL,
    station     text NOT NULL,
    part_number text NOT NULL,
    view        text NOT NULL,
    measure     text NOT NULL,          -- of the quality gate, or 'score': that of the worst defect
    ts          timestamptz NOT NULL,   -- of the window's last frame
    frames      int8 NOT NULL,
    psi         float8 NOT NULL,        -- population stability index against the reference window
    mean        float8 NOT NULL,
    reference   float8 NOT NULL         -- the reference window's mean
);

-- The file of approvals, line by line, as the stations that follow it told the log.
CREATE TABLE model_approvals (
    tenant_id   int4 NOT NULL,
    shard       text NOT NULL,
    number      int8 NOT NULL,          -- of the line
    line_hash   text NOT NULL,
    at          timestamptz NOT NULL,   -- when it was done, by the clock of the machine
    deed        text NOT NULL,          -- enrol, retire, sign, withdraw, promote, rollback
    person      text NOT NULL,
    name        text NOT NULL,          -- of the model, or of the person let in
    model_hash  text NOT NULL,          -- empty: it is about a person
    part_number text NOT NULL,
    station     text NOT NULL,          -- '*': every station
    reason      text NOT NULL,
    gate        jsonb NOT NULL,         -- what it was measured on, and the figures
    received    timestamptz NOT NULL
);
CREATE INDEX model_approvals_order ON model_approvals (shard, number);

-- What people decided about parts; a row is never changed, a later one counts instead.
CREATE TABLE reviews (
    id        int8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id int4 NOT NULL REFERENCES tenants (id),
    station   text NOT NULL,
    serial    text NOT NULL,
    attempt   int4 NOT NULL,
    ts        timestamptz NOT NULL,     -- of the verdict that was looked at
    decision  text NOT NULL CHECK (decision IN ('OK', 'NG')),
    label     text NOT NULL,            -- the class of the defect; empty: none, or nobody said
    boxes     jsonb NOT NULL,           -- [{"frame_hash", "label", "box": [x0, y0, x1, y1]}]
    reason    text NOT NULL CHECK (reason <> ''),
    person    text NOT NULL CHECK (person <> ''),
    role      text NOT NULL DEFAULT session_user,
    decided   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX reviews_part ON reviews (tenant_id, station, serial, attempt, id);
CREATE INDEX reviews_serial ON reviews (serial);

-- People write it: each sees and adds rows of its own tenants, and nobody takes one away.
ALTER TABLE reviews ENABLE ROW LEVEL SECURITY;
CREATE POLICY reviews_read ON reviews FOR SELECT
USING (tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user));
CREATE POLICY reviews_add ON reviews FOR INSERT
WITH CHECK (
    role = session_user AND tenant_id IN (SELECT tenant_id FROM tenant_users WHERE name = session_user)
);
CREATE FUNCTION reviews_stay() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION 'a decision is never changed: decide again'; END $$;
CREATE TRIGGER reviews_stay BEFORE UPDATE OR DELETE ON reviews
FOR EACH ROW EXECUTE FUNCTION reviews_stay();
