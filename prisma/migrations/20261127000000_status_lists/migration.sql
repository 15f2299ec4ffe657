-- Token status lists come into use. A token's place, as in grants.live, is exp · 2^30 + list · 2^20 + index: it says when the token
-- is gone, so that a grant holds the places of tokens that may be alive and no others. The hour of `exp` is the slot of its list.

CREATE FUNCTION place_slot(place bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT ((place >> 30) / 3600)::integer $$;
CREATE FUNCTION place_list(place bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT ((place >> 20) & 1023)::integer $$;
CREATE FUNCTION place_index(place bigint) RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT (place & 1048575)::integer $$;
-- The places below are of tokens that nobody accepts any more, clocks a minute or two apart included.
CREATE FUNCTION oldest_place(at timestamptz) RETURNS bigint LANGUAGE sql STABLE AS $$
  SELECT (extract(epoch FROM at)::bigint - 120) << 30
$$;

-- Nothing wrote to these before.
DROP TABLE flips;
CREATE TABLE flips (
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  slot      integer NOT NULL,
  list      integer NOT NULL,
  index     integer NOT NULL,
  revision  bigint NOT NULL,
  PRIMARY KEY (tenant_id, slot, list, index)
) PARTITION BY LIST (slot);
-- What a list gained since it was last read.
CREATE INDEX flips_tenant_id_slot_list_revision_index_idx ON flips (tenant_id, slot, list, revision, index);
CREATE TABLE flips_default PARTITION OF flips DEFAULT;

-- A lease flips with all of its positions, by the revocation of its client, API or key, or of the tenant.
ALTER TABLE leases DROP COLUMN flipped_at, ADD COLUMN flipped_revision bigint;
CREATE INDEX leases_tenant_id_slot_list_flipped_revision_idx ON leases (tenant_id, slot, list, flipped_revision);

-- A range of positions in the tenant's list of a slot for the tokens of one client, API and signing key. The tenant's row of
-- `revisions` is shared meanwhile: a wide revocation either finds the lease, or is in `wide`, which the lease is taken after.
CREATE FUNCTION take_lease(t uuid, s integer, c text, a text, k text, wanted integer, list_id text,
  OUT id text, OUT number integer, OUT first integer, OUT size integer, OUT wide bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  length CONSTANT integer := 1048576;
BEGIN
  SELECT r.wide_revision INTO wide FROM revisions r WHERE r.tenant_id = t FOR SHARE;
  IF NOT FOUND THEN RAISE EXCEPTION 'there is no such tenant'; END IF;
  LOOP
    -- Whoever else wants a range of the slot waits for this row, and then sees where we left off.
    SELECT l.id, l.number, l.next INTO id, number, first FROM lists l
     WHERE l.tenant_id = t AND l.slot = s ORDER BY l.number DESC LIMIT 1 FOR UPDATE;
    EXIT WHEN first < length;
    number := coalesce(number + 1, 0);
    IF number > 1023 THEN RAISE EXCEPTION 'the tenant has used up the status lists of an hour'; END IF;
    INSERT INTO lists (tenant_id, slot, number, id) VALUES (t, s, number, list_id) ON CONFLICT DO NOTHING;
  END LOOP;
  size := least(wanted, length - first);
  UPDATE lists l SET next = first + size WHERE l.tenant_id = t AND l.slot = s AND l.number = take_lease.number;
  INSERT INTO leases (tenant_id, slot, id, list, first, size, client_id, api_id, kid) VALUES (t, s, gen_random_uuid(), number, first, size, c, a, k);
END $$;

CREATE OR REPLACE FUNCTION flip(t uuid, indices bigint[], r bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO flips (tenant_id, slot, list, index, revision)
  SELECT t, place_slot(p), place_list(p), place_index(p), r FROM unnest(indices) AS p WHERE p >= oldest_place(clock_timestamp())
  ON CONFLICT DO NOTHING
$$;

-- Wide revocations flip leases, those of retired lists aside.
CREATE FUNCTION flip_leases(t uuid, r bigint, c text DEFAULT NULL, a text DEFAULT NULL, k text DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  UPDATE leases SET flipped_revision = r
   WHERE tenant_id = t AND slot >= slot_of(clock_timestamp() - interval '5 minutes') AND flipped_revision IS NULL
     AND client_id = coalesce(c, client_id) AND api_id = coalesce(a, api_id) AND kid = coalesce(k, kid)
$$;

-- `expires`: the token's own, which may lie beyond the tenant's cap when that was lowered since. `place`: null for a token that has none.
DROP FUNCTION revoke_token;
CREATE FUNCTION revoke_token(t uuid, jti text, who jsonb, about jsonb, expires timestamptz DEFAULT NULL, place bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  r := append_revocation(t, 'jti', jti, expires - clock_timestamp() + interval '120 s');
  IF place IS NOT NULL THEN PERFORM flip(t, ARRAY[place], r); END IF;
  PERFORM audit(t, 'token.revoked', who, about || jsonb_build_object('jti', jti));
  RETURN r;
END $$;

CREATE OR REPLACE FUNCTION revoke_client(t uuid, c text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE clients SET updated_at = clock_timestamp() WHERE tenant_id = t AND id = c;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'client', c);
  UPDATE clients SET revoked_revision = r WHERE tenant_id = t AND id = c;
  PERFORM flip_leases(t, r, c => c);
  PERFORM audit(t, 'client.revoked', who, jsonb_build_object('client', c), jsonb_build_object('reason', reason));
  RETURN r;
END $$;

CREATE OR REPLACE FUNCTION revoke_api(t uuid, a text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  uri text;
BEGIN
  UPDATE apis SET updated_at = clock_timestamp() WHERE tenant_id = t AND id = a RETURNING identifier INTO uri;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'aud', uri);
  UPDATE apis SET revoked_revision = r WHERE tenant_id = t AND id = a;
  PERFORM flip_leases(t, r, a => a);
  PERFORM audit(t, 'api.revoked', who, jsonb_build_object('api', a), jsonb_build_object('reason', reason));
  RETURN r;
END $$;

CREATE OR REPLACE FUNCTION revoke_tenant(t uuid, issuer text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE tenants SET updated_at = clock_timestamp() WHERE id = t;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'tenant', issuer);
  UPDATE tenants SET revoked_revision = r WHERE id = t;
  PERFORM flip_leases(t, r);
  PERFORM audit(t, 'tenant.revoked', who, '{}', jsonb_build_object('reason', reason));
  RETURN r;
END $$;

CREATE OR REPLACE FUNCTION revoke_key(t uuid, k text, keep interval, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE keys SET status = 'retired', revoked_at = clock_timestamp(), retired_at = coalesce(retired_at, clock_timestamp())
   WHERE tenant_id = t AND id = k AND public_jwk IS NOT NULL AND revoked_at IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'kid', k, keep);
  PERFORM flip_leases(t, r, k => k);
  PERFORM audit(t, 'key.revoked', who, jsonb_build_object('key', k), jsonb_build_object('reason', reason));
  PERFORM config_changed(t);
  RETURN r;
END $$;

-- Refresh: the row is the lock, its own SET and WHERE the guard. Of any number of callers one rotates, those inside the grace
-- get the row's current generation, an older one ends the grant. `place`: the new access token's. No row: expired, revoked, or so
-- many of its access tokens are alive that one more could not be revoked with them; and nothing was written.
-- The one with `index` and `oldest` stays for replicas of the release before, until they are replaced.
CREATE FUNCTION refresh_grant(t uuid, g uuid, presented integer, attempt uuid, grace interval, place bigint, who jsonb,
  OUT generation integer, OUT result text) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
  r bigint;
  row_ grants;
  -- A generation spent later than this is in its grace; with no grace none is, not even one spent while this call waited.
  since timestamptz := CASE WHEN grace > interval '0' THEN statement_timestamp() - grace ELSE 'infinity' END;
  oldest bigint := oldest_place(statement_timestamp());
BEGIN
  UPDATE grants AS o SET
    generation   = CASE WHEN o.rotate AND presented >= o.generation THEN presented + 1 ELSE o.generation END,
    spent_at     = CASE WHEN NOT o.rotate OR presented < o.generation THEN o.spent_at
                        WHEN presented > o.generation THEN ARRAY[statement_timestamp()]
                        ELSE (statement_timestamp() || o.spent_at)[1:8] END,
    refresh_id   = CASE WHEN presented >= o.generation THEN attempt ELSE o.refresh_id END,
    refreshed_at = CASE WHEN presented >= o.generation THEN statement_timestamp() ELSE o.refreshed_at END,
    live         = CASE WHEN presented >= o.generation OR o.spent_at[o.generation - presented] > since
                        THEN ARRAY(SELECT x FROM unnest(o.live) AS x WHERE x >= oldest) || place ELSE o.live END,
    revoked_at   = CASE WHEN presented >= o.generation OR o.spent_at[o.generation - presented] > since
                        THEN NULL ELSE statement_timestamp() END
   WHERE o.tenant_id = t AND o.month = month_of_id(g) AND o.id = g AND o.revoked_at IS NULL
     AND o.expires_at > statement_timestamp() AND o.refreshed_at + make_interval(secs => o.idle) > statement_timestamp()
     AND (cardinality(o.live) < 64 OR (SELECT count(*) FROM unnest(o.live) AS x WHERE x >= oldest) < 64
          -- Theft is found all the same.
          OR (presented < o.generation AND coalesce(o.spent_at[o.generation - presented] <= since, true)))
  RETURNING * INTO row_;
  IF NOT FOUND THEN RETURN; END IF;
  generation := row_.generation;
  result := CASE WHEN row_.revoked_at IS NOT NULL THEN 'reused' WHEN row_.refresh_id = attempt THEN 'rotated' ELSE 'replayed' END;
  IF result = 'reused' THEN
    r := append_revocation(t, 'grant', translate(rtrim(encode(uuid_send(g), 'base64'), '='), '+/', '-_'));
    PERFORM flip(t, row_.live, r);
    PERFORM audit(t, 'grant.reused', who, jsonb_build_object('grant', g, 'user', row_.user_id, 'client', row_.client_id),
                  jsonb_build_object('presented', presented, 'generation', row_.generation));
  END IF;
END $$;
