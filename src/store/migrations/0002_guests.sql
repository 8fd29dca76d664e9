-- Links of guests. Who they are, and whether the link still leads anywhere, is in the sealed record of the consultation.

CREATE TABLE guest_links (
    link_hash   BLOB PRIMARY KEY,               -- SHA-256 of the token; the token itself is nowhere
    appointment TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE
) STRICT;

CREATE INDEX guest_links_by_appointment ON guest_links (appointment);

CREATE TABLE guest_sign_ins (
    cookie_hash BLOB PRIMARY KEY,               -- SHA-256
    link_hash   BLOB NOT NULL REFERENCES guest_links (link_hash) ON DELETE CASCADE,
    created_ms  INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL
) STRICT;

CREATE INDEX guest_sign_ins_by_link ON guest_sign_ins (link_hash);
