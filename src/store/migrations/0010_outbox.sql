-- What leaves the server. A row is written in the transaction of what it tells of and holds ids and words alone: who is written to, and what, is opened when it is sent.

CREATE TABLE outbox (
    id           TEXT PRIMARY KEY,                -- 32 hex digits, random: Message-ID of the mail, id of the event
    channel      TEXT NOT NULL,                   -- 'mail', 'sms', 'event'
    kind         TEXT NOT NULL,                   -- 'booked', 'reminder', 'waiting'…
    appointment  TEXT NOT NULL,                   -- no foreign key: that an appointment was erased is told after it
    reference    TEXT NOT NULL,
    at_ms        INTEGER NOT NULL,                -- when that happened which it tells of
    first_due_ms INTEGER NOT NULL,
    due_ms       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    state        TEXT NOT NULL DEFAULT 'waiting', -- 'waiting', 'sent', 'given_up', 'moot'
    fault        TEXT,                            -- a word for why the last attempt failed
    changed_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX outbox_due ON outbox (channel, due_ms) WHERE state = 'waiting';
CREATE INDEX outbox_by_appointment ON outbox (appointment);

-- What the server that runs on this database can send, written at its start: nothing is put into the outbox that nobody would take out.
CREATE TABLE outlets (
    channel TEXT PRIMARY KEY
) STRICT;

CREATE TABLE reminders (
    service   TEXT NOT NULL,
    before_ms INTEGER NOT NULL,
    PRIMARY KEY (service, before_ms)
) STRICT;

-- Grows with every change that a calendar entry must follow (RFC 5546 SEQUENCE).
ALTER TABLE appointments ADD COLUMN calendar_sequence INTEGER NOT NULL DEFAULT 0;

-- SHA-256 of the cancel link's token; filled at the start for appointments of before.
ALTER TABLE appointments ADD COLUMN cancel_hash BLOB;

CREATE UNIQUE INDEX appointments_by_cancel_link ON appointments (cancel_hash);
