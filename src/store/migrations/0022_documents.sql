-- Documents. Their bytes are in the vault, a file each under this id; the file's key and the name are sealed under the appointment's key.
CREATE TABLE documents (
    id             TEXT PRIMARY KEY,        -- 32 hex digits, also the name of the file
    appointment    TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
    kind           TEXT NOT NULL,           -- 'document', 'identity_copy'
    details_sealed BLOB NOT NULL,           -- name and type, JSON
    wrapped_key    BLOB NOT NULL,
    bytes          INTEGER NOT NULL,
    added_ms       INTEGER NOT NULL
) STRICT;

CREATE INDEX documents_by_appointment ON documents (appointment, added_ms);
