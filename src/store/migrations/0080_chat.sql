-- The chat of a consultation: a row for each message, in order. Who said what, and who was there, is sealed under the appointment's key.
CREATE TABLE chat (
    appointment    TEXT NOT NULL REFERENCES appointments (id) ON DELETE CASCADE,
    number         INTEGER NOT NULL,        -- 1 and up
    message_sealed BLOB NOT NULL,           -- id, author, name, text, time, guests who were there; JSON
    PRIMARY KEY (appointment, number)
) STRICT;
