-- A partition leaves under a lock of its parent, and whoever waits for that lock keeps all waiting who come after: every refresh would
-- stand behind a dump of the database, for as long as we wait. (DETACH CONCURRENTLY takes no such lock, but no default partition either.)
-- So a table that one transaction has held for half a second is not waited for: a request holds it for milliseconds.

-- The transactions of others that hold any of these tables. `pg_locks` shows them to every role, which `pg_stat_activity` doesn't.
CREATE FUNCTION relation_holders(tables text[]) RETURNS text[] LANGUAGE sql AS $$
  SELECT coalesce(array_agg(DISTINCT virtualtransaction), '{}') FROM pg_locks
   WHERE locktype = 'relation' AND granted AND pid IS DISTINCT FROM pg_backend_pid()
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
     AND relation = ANY (tables::regclass[]::oid[])
$$;

-- Makes one table's partitions from `first` to `last` and drops those before `cut`. Raises BU409 when it should be tried again,
-- and BU423 when that would not help for now.
CREATE OR REPLACE FUNCTION maintain_table(parent text, kind text, first integer, last integer, cut integer, storage text, OUT made integer, OUT dropped integer) LANGUAGE plpgsql AS $$
DECLARE
  key text := substring(pg_get_partkeydef(parent::regclass) FROM '\((.*)\)');
  rest text := parent || '_default';
  prefix text := parent || '_' || kind;
  missing integer[] := ARRAY(SELECT n FROM generate_series(first, last) AS n WHERE to_regclass(prefix || n) IS NULL);
  past text[] := ARRAY(SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = parent::regclass
                        AND relname ~ ('^' || prefix || '[0-9]+$') AND substring(relname FROM '[0-9]+$')::integer < cut);
  n integer;
  name text;
  waiting boolean;
  busy text[];
BEGIN
  made := cardinality(missing);
  dropped := cardinality(past);
  IF made + dropped > 0 THEN
    busy := relation_holders(past || ARRAY[parent, rest]);
    FOR look IN 1..5 LOOP
      EXIT WHEN busy = '{}';
      PERFORM pg_sleep(0.1);
      busy := ARRAY(SELECT unnest(busy) INTERSECT SELECT unnest(relation_holders(past || ARRAY[parent, rest])));
    END LOOP;
    IF busy <> '{}' THEN RAISE EXCEPTION '% is in use for long', parent USING ERRCODE = 'BU423'; END IF;
    EXECUTE format('LOCK TABLE ONLY %I, ONLY %I IN ACCESS EXCLUSIVE MODE', parent, rest);
    -- A new partition's foreign keys lock the tables they name. Whoever changes those and then wants this one, as every revocation
    -- of a user does, waits for us: to wait for them would be a deadlock.
    BEGIN
      EXECUTE (SELECT 'LOCK TABLE ' || string_agg(confrelid::regclass::text, ', ') || ' IN SHARE ROW EXCLUSIVE MODE NOWAIT'
                 FROM pg_constraint WHERE conrelid = parent::regclass AND contype = 'f');
    EXCEPTION WHEN lock_not_available THEN
      RAISE EXCEPTION 'what % refers to is being changed', parent USING ERRCODE = 'BU409';
    END;
  END IF;
  FOREACH n IN ARRAY missing LOOP
    EXECUTE format('SELECT EXISTS (SELECT FROM %I WHERE %I = %L)', rest, key, partition_bound(kind, n)) INTO waiting;
    IF waiting THEN
      -- Rows that came before their partition wait in the default one and move with it.
      EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS) %s', prefix || n, parent, storage);
      EXECUTE format('WITH moved AS (DELETE FROM %I WHERE %I = %L RETURNING *) INSERT INTO %I SELECT * FROM moved', rest, key, partition_bound(kind, n), prefix || n);
      EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES IN (%L)', parent, prefix || n, partition_bound(kind, n));
    ELSE
      EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%L) %s', prefix || n, parent, partition_bound(kind, n), storage);
    END IF;
  END LOOP;
  FOREACH name IN ARRAY past LOOP
    EXECUTE format('DROP TABLE %I', name);
  END LOOP;
  EXECUTE format('DELETE FROM %I WHERE %I < %L', rest, key, partition_bound(kind, cut));
END $$;

-- As before, and a table in use for long is left for the next call at once.
CREATE OR REPLACE PROCEDURE maintain_partitions(grant_lifetime interval, audit_months integer, INOUT made integer DEFAULT 0, INOUT dropped integer DEFAULT 0, INOUT postponed integer DEFAULT 0) LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz := clock_timestamp();
  -- A margin over what the rows themselves say, for clocks and for answers about tokens just expired.
  late timestamptz := at - interval '1 day';
  month integer := month_of(at);
  day integer := day_of(at) - date '1970-01-01';
  slot integer := slot_of(at);
  past_slot integer := slot_of(at - interval '5 minutes');
  -- As far as entries are kept, and an hour; those of a stolen key, kept longer, wait in the default partition.
  last_slot integer := slot + 2 + coalesce((SELECT ceil(max(max_token_lifetime) / 3600.0) FROM tenants), 1);
  wanted record;
  done record;
  tries integer;
BEGIN
  FOR wanted IN
    SELECT * FROM (VALUES
      ('grants', 'm', month, month_of(at + grant_lifetime) + 1, month_of(late)::integer, 'WITH (fillfactor = 70)'),
      ('sessions', 'm', month, month + 3, month_of(late), 'WITH (fillfactor = 70)'),
      ('known_addresses', 'm', month, month + 3, month - 1, ''),
      ('audit_events', 'm', month, month + 3, month - audit_months, ''),
      ('authorization_codes', 'd', day, day + 7, day - 1, ''),
      ('sign_in_states', 'd', day, day + 7, day - 1, ''),
      ('pushed_requests', 'd', day, day + 7, day - 1, ''),
      ('throttle', 'd', day, day + 7, day - 1, 'WITH (fillfactor = 70)'),
      ('revocations', 's', slot, last_slot, past_slot, ''),
      ('lists', 's', slot, slot + 3, past_slot, 'WITH (fillfactor = 50)'),
      ('leases', 's', slot, slot + 3, past_slot, ''),
      ('flips', 's', slot, slot + 3, past_slot, '')
    ) AS w (parent, kind, first, last, cut, storage)
  LOOP
    tries := 30;
    done := NULL;
    WHILE tries > 0 LOOP
      PERFORM pg_advisory_xact_lock(hashtext('bulla partitions'));
      -- Whoever wants the table waits behind us: for no longer than this, and for less than a deadlock takes to be seen.
      SET LOCAL lock_timeout = '300ms';
      BEGIN
        SELECT * INTO done FROM maintain_table(wanted.parent, wanted.kind, wanted.first, wanted.last, wanted.cut, wanted.storage);
        made := made + done.made;
        dropped := dropped + done.dropped;
        tries := 0;
      EXCEPTION
        WHEN SQLSTATE 'BU409' THEN tries := tries - 1;
        WHEN SQLSTATE 'BU423' THEN tries := 0;
        WHEN lock_not_available THEN tries := tries - 10;
      END;
      COMMIT;
      IF done IS NULL AND tries <= 0 THEN postponed := postponed + 1; END IF;
      IF tries > 0 THEN PERFORM pg_sleep(0.1); END IF;
    END LOOP;
  END LOOP;
END $$;
