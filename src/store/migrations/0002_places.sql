-- Which places of a slot are taken is asked with every page of the agenda and every booking.
CREATE INDEX appointments_by_service ON appointments (service, start_ms, end_ms);
