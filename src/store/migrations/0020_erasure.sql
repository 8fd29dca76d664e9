-- Deletion: when the next of an appointment goes, and what remains of it afterwards.

-- The service's number at the time of booking, as the others.
ALTER TABLE appointments ADD COLUMN documents_ms INTEGER NOT NULL DEFAULT 86400000;
-- When to look at it again. Rows of an older version are looked at once, at the next start.
ALTER TABLE appointments ADD COLUMN look_ms INTEGER NOT NULL DEFAULT 0;

CREATE INDEX appointments_by_look ON appointments (look_ms);

-- Counters and no person. The id is random and stands in the audit trail; the hash of the link lets it say what became of the appointment.
CREATE TABLE erased (
    appointment TEXT PRIMARY KEY,
    link_hash   BLOB NOT NULL UNIQUE,
    service     TEXT NOT NULL,
    start_ms    INTEGER NOT NULL,
    end_ms      INTEGER NOT NULL,
    language    TEXT NOT NULL,
    outcome     TEXT NOT NULL,              -- 'done', 'follow_up', 'not_served', 'ended', 'missed', 'no_show', 'cancelled'
    documents   INTEGER NOT NULL,           -- how many were destroyed with it
    asked       INTEGER NOT NULL,           -- 1: by the citizen, 0: because the time was over
    erased_ms   INTEGER NOT NULL,
    line        INTEGER NOT NULL            -- of the audit trail
) STRICT;
