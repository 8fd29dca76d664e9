-- A desk reads the two days around now, and a booking page counts a season's places of a service, without looking at any other appointment. The indices hold whatever
-- is asked for, so that no row is read for a count.
CREATE INDEX appointments_by_start ON appointments (start_ms, end_ms, id);
CREATE INDEX appointments_by_change ON appointments (changed_ms, created_ms, start_ms, id) WHERE changed_ms > created_ms;
DROP INDEX appointments_by_time;

CREATE INDEX appointments_by_place ON appointments (service, holds_place, start_ms, end_ms, id);
DROP INDEX appointments_by_service;
