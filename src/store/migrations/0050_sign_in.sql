-- Who somebody is: citizens who signed in at a provider, roles of the staff, the second factor of local accounts.

CREATE TABLE person_sign_ins (
    cookie_hash   BLOB PRIMARY KEY,               -- SHA-256
    person_mark   BLOB NOT NULL,                  -- HMAC-SHA-256 of issuer and subject; neither is kept
    assurance     TEXT NOT NULL,                  -- 'low', 'substantial', 'high'
    person_sealed BLOB NOT NULL,                  -- name, e-mail, phone as JSON, under a key made from the cookie: nothing that is kept here opens it
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER NOT NULL
) STRICT;

CREATE INDEX person_sign_ins_by_person ON person_sign_ins (person_mark);

CREATE TABLE people_of_appointments (
    appointment TEXT PRIMARY KEY REFERENCES appointments (id) ON DELETE CASCADE,
    person_mark BLOB NOT NULL
) STRICT;

CREATE INDEX people_of_appointments_by_person ON people_of_appointments (person_mark);

-- How sure a provider was of who opened the link in this browser; null when nobody asked it.
ALTER TABLE citizen_sign_ins ADD COLUMN assurance TEXT;

ALTER TABLE agents ADD COLUMN role TEXT NOT NULL DEFAULT 'agent';       -- 'agent', 'supervisor'
ALTER TABLE agents ADD COLUMN disabled INTEGER NOT NULL DEFAULT 0;      -- 1: nobody signs in with it
ALTER TABLE agents ADD COLUMN person_mark BLOB;                         -- of those who sign in at a provider; they have no password
ALTER TABLE agents ADD COLUMN totp_sealed BLOB;                         -- the secret of the second factor, under the master key
ALTER TABLE agents ADD COLUMN totp_step INTEGER NOT NULL DEFAULT 0;     -- of the last code that was used: none is used twice

CREATE UNIQUE INDEX agents_by_person ON agents (person_mark);

CREATE TABLE recovery_codes (
    code_hash BLOB PRIMARY KEY,                   -- HMAC-SHA-256 of account and code
    agent     INTEGER NOT NULL REFERENCES agents (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX recovery_codes_by_agent ON recovery_codes (agent);
