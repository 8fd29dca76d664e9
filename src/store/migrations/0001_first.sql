-- Times are milliseconds since 1970-01-01T00:00:00Z. What is sealed opens only with the appointment's key; destroying that key destroys the rest.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE appointments (
    id            TEXT PRIMARY KEY,             -- 32 hex digits, also the consultation's id
    reference     TEXT NOT NULL UNIQUE,
    service       TEXT NOT NULL,
    start_ms      INTEGER NOT NULL,
    end_ms        INTEGER NOT NULL,
    early_ms      INTEGER NOT NULL,             -- the service's numbers at the time of booking
    come_back_ms  INTEGER NOT NULL,
    give_up_ms    INTEGER NOT NULL,
    language      TEXT NOT NULL,
    wrapped_key   BLOB NOT NULL,                -- the appointment's key under the master key
    name_sealed   BLOB NOT NULL,
    record_sealed BLOB NOT NULL,                -- the consultation's record, JSON
    link_hash     BLOB NOT NULL UNIQUE,         -- SHA-256 of the join token; the token itself is nowhere
    link_epoch    INTEGER NOT NULL,
    created_ms    INTEGER NOT NULL,
    changed_ms    INTEGER NOT NULL,
    CHECK (start_ms < end_ms)
) STRICT;

CREATE INDEX appointments_by_time ON appointments (end_ms, start_ms);

CREATE TABLE replaced_links (
    link_hash   BLOB PRIMARY KEY,
    appointment TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE agents (
    id            INTEGER PRIMARY KEY,
    username      TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL,
    language      TEXT NOT NULL,
    password_hash TEXT NOT NULL,                -- argon2id, PHC string
    created_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE agent_sign_ins (
    cookie_hash BLOB PRIMARY KEY,               -- SHA-256
    agent       INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE,
    created_ms  INTEGER NOT NULL,
    seen_ms     INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL                -- absolute end, whatever happens
) STRICT;

CREATE INDEX agent_sign_ins_by_agent ON agent_sign_ins (agent);

CREATE TABLE citizen_sign_ins (
    cookie_hash BLOB PRIMARY KEY,               -- SHA-256
    appointment TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
    link_epoch  INTEGER NOT NULL,               -- a rotated link ends what the old one opened
    created_ms  INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    key_hash   BLOB PRIMARY KEY,                -- SHA-256
    label      TEXT NOT NULL UNIQUE,
    created_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms       INTEGER NOT NULL,
    what        TEXT NOT NULL,
    who         TEXT NOT NULL,                  -- 'citizen', 'agent:7', 'api', 'service'
    appointment TEXT                            -- an id, no reference: the line outlives the appointment
) STRICT;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit lines are never changed'); END;
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit lines are never deleted'); END;
