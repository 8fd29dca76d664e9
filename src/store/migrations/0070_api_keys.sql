-- What a portal's key is good for, and how often. Keys of before are good for everything.
ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT 'appointments:read appointments:write callbacks:read callbacks:write load';
ALTER TABLE api_keys ADD COLUMN per_minute INTEGER;

-- What a portal asked for under an Idempotency-Key: asked again, it is answered what was made then, and nothing more is made.
CREATE TABLE api_requests (
    key_hash     BLOB PRIMARY KEY,              -- SHA-256 of the portal's label and its Idempotency-Key
    request_hash BLOB NOT NULL,                 -- SHA-256 of what was asked for
    appointment  TEXT REFERENCES appointments (id) ON DELETE CASCADE,
    callback     TEXT REFERENCES callbacks (id) ON DELETE CASCADE,
    created_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX api_requests_by_time ON api_requests (created_ms);
CREATE INDEX api_requests_by_appointment ON api_requests (appointment);
CREATE INDEX api_requests_by_callback ON api_requests (callback);
