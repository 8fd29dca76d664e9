-- Wishes to be called back. What is personal is sealed under a key of the wish; erasing the row erases that key.

CREATE TABLE callbacks (
    id             TEXT PRIMARY KEY,            -- 32 hex digits
    service        TEXT NOT NULL,
    appointment    TEXT REFERENCES appointments (id) ON DELETE SET NULL,
    start_ms       INTEGER NOT NULL,            -- when it suits
    end_ms         INTEGER NOT NULL,
    language       TEXT NOT NULL,
    wrapped_key    BLOB NOT NULL,               -- under the master key
    details_sealed BLOB NOT NULL,               -- name, phone, reason, own words; JSON
    phone_mark     BLOB NOT NULL,               -- HMAC-SHA-256 of service and phone
    created_ms     INTEGER NOT NULL,
    done_ms        INTEGER,
    CHECK (start_ms < end_ms)
) STRICT;

CREATE INDEX callbacks_by_service ON callbacks (service, start_ms) WHERE done_ms IS NULL;
CREATE INDEX callbacks_by_appointment ON callbacks (appointment);
