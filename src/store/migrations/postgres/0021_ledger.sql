-- The audit trail is never changed: PostgreSQL's form of the triggers of 0001 and 0021.
CREATE FUNCTION audit_refuses() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit lines are never changed or deleted'; END $$;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit FOR EACH ROW
WHEN (OLD.hash IS NOT NULL OR NEW.number <> OLD.number OR NEW.at_ms <> OLD.at_ms OR NEW.what <> OLD.what OR NEW.who <> OLD.who
    OR NEW.appointment IS DISTINCT FROM OLD.appointment)
EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER audit_is_never_deleted BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuses();
CREATE TRIGGER audit_is_never_emptied BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_refuses();

-- What SQLite keeps in sqlite_sequence: the highest number that was ever given, so that a trail whose end was cut off shows it.
CREATE TABLE audit_given (
    number BIGINT NOT NULL
);
INSERT INTO audit_given (number) VALUES (0);

CREATE FUNCTION audit_counts() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN UPDATE audit_given SET number = greatest(number, NEW.number); RETURN NULL; END $$;
CREATE TRIGGER audit_is_counted AFTER INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_counts();
