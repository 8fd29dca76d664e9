-- Who booked by themselves, so that nobody takes the places of others. Gone when the appointment is over: then it holds no place.

CREATE TABLE public_bookings (
    appointment  TEXT PRIMARY KEY REFERENCES appointments (id) ON DELETE CASCADE,
    email_mark   BLOB NOT NULL,                 -- HMAC-SHA-256 of service and mailbox
    attempt_hash BLOB UNIQUE                    -- SHA-256 of the page's own secret: the same attempt, sent again, books once
) STRICT;

CREATE INDEX public_bookings_by_email ON public_bookings (email_mark);
