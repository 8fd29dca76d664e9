-- How long after the end the copy of the identity card is kept, the service's number at the time of booking as the others; and what an agent said after a
-- look at it (method, agent, time, result; JSON), sealed under the appointment's key.
ALTER TABLE appointments ADD COLUMN identity_ms INTEGER NOT NULL DEFAULT 3600000;
ALTER TABLE appointments ADD COLUMN identity_sealed BLOB;
