-- The audit trail becomes a chain: each line holds SHA-256 over the line before and itself. Lines of an older version are chained once, at the next start.
DROP TRIGGER audit_is_never_changed;

ALTER TABLE audit ADD COLUMN hash BLOB;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
WHEN OLD.hash IS NOT NULL OR NEW.number <> OLD.number OR NEW.at_ms <> OLD.at_ms OR NEW.what <> OLD.what OR NEW.who <> OLD.who
    OR coalesce(NEW.appointment, '') <> coalesce(OLD.appointment, '')
BEGIN SELECT RAISE(ABORT, 'audit lines are never changed'); END;
