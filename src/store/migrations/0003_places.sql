-- Which places of a slot are taken is asked with every page of the agenda and every booking; a cancelled appointment takes none.
ALTER TABLE appointments ADD COLUMN holds_place INTEGER NOT NULL DEFAULT 1;

CREATE INDEX appointments_by_service ON appointments (service, start_ms, end_ms) WHERE holds_place = 1;
