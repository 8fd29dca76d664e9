-- What a load test made: it goes when the test ends, and at the latest when the server starts again.

CREATE TABLE load_appointments (
    appointment TEXT PRIMARY KEY REFERENCES appointments (id) ON DELETE CASCADE
) STRICT;

CREATE TABLE load_agents (
    agent INTEGER PRIMARY KEY REFERENCES agents (id) ON DELETE CASCADE
) STRICT;
