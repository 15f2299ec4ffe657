-- The life of keys. Of several processes that want the same change one wins: the guard is a unique index or the WHERE, by this
-- database's clock. Every change is audited here and tells other processes to forget what they remember of the tenant.
-- Locks: the tenant's turn, keys by id, then revisions, then leases.

-- New and active keys are a tenant's one after the other: who waited for a unique index with revisions locked would deadlock.
CREATE FUNCTION take_turn_with_keys(t uuid) RETURNS void LANGUAGE sql AS $$
  SELECT pg_advisory_xact_lock(hashtextextended('bulla keys ' || t, 0))
$$;

-- False: another process was first (one active, one next, a number, an id), or the tenant is deleted.
CREATE FUNCTION create_key(t uuid, k text, purpose text, algorithm text, number integer, status text, public_jwk jsonb, sealed bytea, master_key_id text,
  lead interval, who jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE at timestamptz;
BEGIN
  PERFORM take_turn_with_keys(t);
  at := clock_timestamp();
  INSERT INTO keys AS o (tenant_id, id, purpose, algorithm, number, status, public_jwk, sealed, master_key_id, created_at, activates_at, activated_at)
  SELECT t, k, purpose, algorithm, number, status, public_jwk, sealed, master_key_id, at, at + lead, CASE WHEN status = 'active' THEN at END
    FROM tenants WHERE tenants.id = t AND deleted_at IS NULL
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN false; END IF;
  PERFORM audit(t, 'key.created', who, jsonb_build_object('key', k), jsonb_build_object('purpose', purpose, 'algorithm', algorithm, 'activates_at', at + lead));
  IF status = 'active' THEN
    PERFORM audit(t, 'key.activated', who, jsonb_build_object('key', k), jsonb_build_object('purpose', purpose, 'algorithm', algorithm));
  END IF;
  PERFORM config_changed(t);
  RETURN true;
END $$;

-- The next key becomes active and the active one retires, until `keep` from now. Not before its time, unless `at_once` says so
-- or there is no active key. False: not due, or somebody else did it.
CREATE FUNCTION activate_key(t uuid, k text, at_once boolean, keep interval, who jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  new_ keys;
  old text;
BEGIN
  PERFORM take_turn_with_keys(t);
  SELECT * INTO new_ FROM keys WHERE tenant_id = t AND id = k;
  PERFORM 1 FROM keys WHERE tenant_id = t AND purpose = new_.purpose AND algorithm = new_.algorithm AND status IN ('next', 'active') ORDER BY id FOR UPDATE;
  -- Read again: this statement sees what the holder of the locks did.
  SELECT id INTO old FROM keys WHERE tenant_id = t AND purpose = new_.purpose AND algorithm = new_.algorithm AND status = 'active';
  PERFORM 1 FROM keys WHERE tenant_id = t AND id = k AND status = 'next' AND (at_once OR old IS NULL OR activates_at <= clock_timestamp());
  IF NOT FOUND THEN RETURN false; END IF;
  UPDATE keys SET status = 'retired', retired_at = clock_timestamp(), expires_at = clock_timestamp() + keep WHERE tenant_id = t AND id = old;
  UPDATE keys SET status = 'active', activated_at = clock_timestamp() WHERE tenant_id = t AND id = k;
  IF old IS NOT NULL THEN
    PERFORM audit(t, 'key.retired', who, jsonb_build_object('key', old), jsonb_build_object('purpose', new_.purpose, 'algorithm', new_.algorithm));
  END IF;
  PERFORM audit(t, 'key.activated', who, jsonb_build_object('key', k), jsonb_build_object('purpose', new_.purpose, 'algorithm', new_.algorithm));
  PERFORM config_changed(t);
  RETURN true;
END $$;

-- The next key is due as soon as it has been public for `lead`. Null: there is none, or it is due already.
CREATE FUNCTION hasten_key(t uuid, k text, lead interval, who jsonb) RETURNS timestamptz LANGUAGE plpgsql AS $$
DECLARE due timestamptz;
BEGIN
  UPDATE keys SET activates_at = greatest(created_at + lead, clock_timestamp())
   WHERE tenant_id = t AND id = k AND status = 'next' AND activates_at > greatest(created_at + lead, clock_timestamp())
  RETURNING activates_at INTO due;
  IF NOT FOUND THEN RETURN NULL; END IF;
  PERFORM audit(t, 'key.hastened', who, jsonb_build_object('key', k), jsonb_build_object('activates_at', due));
  PERFORM config_changed(t);
  RETURN due;
END $$;

-- Emergency: a key nobody has seen yet signs from now on, and every other one that verifiers accept for the purpose and algorithm
-- is revoked: who took one from memory or the database took all of them. Answers the ids of the revoked ones.
CREATE FUNCTION replace_keys(t uuid, k text, purpose text, algorithm text, public_jwk jsonb, sealed bytea, master_key_id text, keep interval, who jsonb,
  reason text) RETURNS text[] LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  old text[];
  each text;
BEGIN
  PERFORM take_turn_with_keys(t);
  PERFORM 1 FROM keys AS o WHERE o.tenant_id = t AND o.purpose = purpose AND o.algorithm = algorithm ORDER BY o.id FOR UPDATE;
  SELECT coalesce(array_agg(o.id ORDER BY o.id), '{}') INTO old
    FROM keys AS o WHERE o.tenant_id = t AND o.purpose = purpose AND o.algorithm = algorithm AND o.revoked_at IS NULL;
  FOREACH each IN ARRAY old LOOP
    PERFORM revoke_key(t, each, keep, who, reason);
  END LOOP;
  IF NOT create_key(t, k, purpose, algorithm, NULL, 'active', public_jwk, sealed, master_key_id, interval '0', who) THEN
    RAISE EXCEPTION 'no key was put in the place of the revoked ones';
  END IF;
  RETURN old;
END $$;

-- Removes a key that nothing live was made with, private part and all. `keep` stands in where no time was set: a revoked key, and
-- every key of a deleted tenant. A MAC key stays as long as a grant may hold a refresh token made with it: one that rotates was
-- last given a token at `refreshed_at`, one that does not may still show its first. `slack`: how long after retirement another
-- process may have gone on using it.
CREATE FUNCTION destroy_key(t uuid, k text, keep interval, slack interval, who jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  gone keys;
  until timestamptz;
  at timestamptz := clock_timestamp();
BEGIN
  SELECT keys.* INTO gone FROM keys JOIN tenants ON tenants.id = tenant_id
   WHERE tenant_id = t AND keys.id = k AND coalesce(expires_at, retired_at + keep, tenants.deleted_at + keep) <= at FOR UPDATE OF keys;
  IF NOT FOUND THEN RETURN false; END IF;
  IF gone.purpose = 'mac' AND gone.status = 'retired' THEN
    SELECT max(least(expires_at, CASE WHEN rotate THEN refreshed_at + make_interval(secs => idle) END)) INTO until FROM grants
     WHERE tenant_id = t AND revoked_at IS NULL AND expires_at > at AND refreshed_at + make_interval(secs => idle) > at
       AND CASE WHEN rotate THEN refreshed_at ELSE created_at END <= gone.retired_at + slack;
    IF until IS NOT NULL THEN
      UPDATE keys SET expires_at = until + slack WHERE tenant_id = t AND id = k;
      RETURN false;
    END IF;
  END IF;
  DELETE FROM keys WHERE tenant_id = t AND id = k;
  PERFORM audit(t, 'key.destroyed', who, jsonb_build_object('key', k), jsonb_build_object('purpose', gone.purpose, 'algorithm', gone.algorithm));
  PERFORM config_changed(t);
  RETURN true;
END $$;

-- The encryption keys of APIs ------------------------------------------------------------------------------------------

-- The set that an API's jwks_uri gave, if nobody asked again since `claimed`, when it was asked for. Other processes are told of a
-- new set, and once an hour that the old one is still good. Null: superseded. Otherwise: is the set another one?
CREATE FUNCTION keep_api_keys(t uuid, a text, claimed timestamptz, fetched jsonb, who jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  was apis;
  at timestamptz := clock_timestamp();
BEGIN
  SELECT * INTO was FROM apis WHERE tenant_id = t AND id = a AND jwks_checked_at = claimed AND jwks_uri IS NOT NULL AND deleted_at IS NULL FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE apis SET jwks = fetched, jwks_fetched_at = at, jwks_error = NULL WHERE tenant_id = t AND id = a;
  IF was.jwks IS DISTINCT FROM fetched THEN
    PERFORM audit(t, 'api.keys_fetched', who, jsonb_build_object('api', a), jsonb_build_object('keys', was.jwks_uri));
  END IF;
  IF was.jwks IS DISTINCT FROM fetched OR was.jwks_fetched_at IS NULL OR slot_of(was.jwks_fetched_at) <> slot_of(at) THEN
    PERFORM config_changed(t);
  END IF;
  RETURN was.jwks IS DISTINCT FROM fetched;
END $$;

-- Tombstones -----------------------------------------------------------------------------------------------------------

-- Removes what was deleted so long ago that its last token and grant have expired, a batch of each kind. `keep`: as long as a grant
-- lives, and until its partition is dropped, so that little is left to cascade to; the tenant's cap on tokens is added here. A tenant
-- goes with the last of its audit events. Answers how many rows of their own went.
CREATE FUNCTION remove_tombstones(keep interval, batch integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  at timestamptz := clock_timestamp();
  removed integer := 0;
  n integer;
BEGIN
  DELETE FROM users AS o USING (
    SELECT u.tenant_id, u.id FROM users AS u JOIN tenants ON tenants.id = u.tenant_id
     WHERE u.deleted_at < at - keep - make_interval(secs => max_token_lifetime) LIMIT batch FOR UPDATE OF u SKIP LOCKED
  ) AS gone WHERE o.tenant_id = gone.tenant_id AND o.id = gone.id;
  GET DIAGNOSTICS n = ROW_COUNT;
  removed := removed + n;
  DELETE FROM clients AS o USING (
    SELECT c.tenant_id, c.id FROM clients AS c JOIN tenants ON tenants.id = c.tenant_id
     WHERE c.deleted_at < at - keep - make_interval(secs => max_token_lifetime) LIMIT batch FOR UPDATE OF c SKIP LOCKED
  ) AS gone WHERE o.tenant_id = gone.tenant_id AND o.id = gone.id;
  GET DIAGNOSTICS n = ROW_COUNT;
  removed := removed + n;
  DELETE FROM apis AS o USING (
    SELECT a.tenant_id, a.id FROM apis AS a JOIN tenants ON tenants.id = a.tenant_id
     WHERE a.deleted_at < at - keep - make_interval(secs => max_token_lifetime) LIMIT batch FOR UPDATE OF a SKIP LOCKED
  ) AS gone WHERE o.tenant_id = gone.tenant_id AND o.id = gone.id;
  GET DIAGNOSTICS n = ROW_COUNT;
  removed := removed + n;
  DELETE FROM tenants AS o USING (
    SELECT id FROM tenants WHERE deleted_at < at - keep - make_interval(secs => max_token_lifetime)
       AND NOT EXISTS (SELECT FROM audit_events WHERE tenant_id = tenants.id) LIMIT batch FOR UPDATE SKIP LOCKED
  ) AS gone WHERE o.id = gone.id;
  GET DIAGNOSTICS n = ROW_COUNT;
  RETURN removed + n;
END $$;
