-- A row about a call back has its id here, and an empty appointment and reference.
ALTER TABLE outbox ADD COLUMN callback TEXT;

-- Whether it was looked at its end whether somebody came: who did not is told to the webhook once. What ended before this version is not told.
ALTER TABLE appointments ADD COLUMN looked_at_end INTEGER NOT NULL DEFAULT 0;

CREATE INDEX appointments_to_look_at_end ON appointments (end_ms) WHERE looked_at_end = 0;
