-- How sessions and access end: by their owner, and how the apps are told.

-- Apps that are to be told of a session that is over, OpenID Connect Back-Channel Logout §2.5: written with the end itself, removed
-- once they know. Of users and clients no foreign key: it would lock them after the sessions, against the order of locks.
CREATE TABLE logout_deliveries (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  session_id uuid NOT NULL,
  client_id  text NOT NULL,
  user_id    uuid NOT NULL,
  tries      integer NOT NULL DEFAULT 0,
  due_at     timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,  -- of the next try; while one is under way, when it counts as lost
  created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, session_id, client_id)
);
CREATE INDEX logout_deliveries_due_at_idx ON logout_deliveries (due_at);

-- The codes of a user whose access to an app ends before they are redeemed.
CREATE INDEX authorization_codes_user_id_tenant_id_idx ON authorization_codes (user_id, tenant_id);

-- As a claim says it: 16 bytes, base64url.
CREATE FUNCTION claim_of_id(id uuid) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT translate(rtrim(encode(uuid_send(id), 'base64'), '='), '+/', '-_')
$$;

-- Every client that ever had a grant in one of the sessions is told that it is over: it may have one of its own that began with it.
-- Before anything leaves the sessions.
CREATE FUNCTION tell_of_logout(t uuid, ended uuid[]) RETURNS void LANGUAGE sql AS $$
  INSERT INTO logout_deliveries (tenant_id, session_id, client_id, user_id)
  SELECT DISTINCT t, g.session_id, g.client_id, g.user_id
    FROM grants g JOIN clients c ON c.tenant_id = t AND c.id = g.client_id
   WHERE g.tenant_id = t AND g.session_id = ANY (ended) AND c.backchannel_logout_uri IS NOT NULL AND c.deleted_at IS NULL
  ON CONFLICT DO NOTHING
$$;

-- Grants that outlive their session leave it: their next access tokens know of none. Answers the places of those they have.
CREATE FUNCTION leave_session(t uuid, ids uuid[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE places bigint[];
BEGIN
  -- Locked already: what is read here is what is there.
  SELECT coalesce(array_agg(p), '{}') INTO places FROM grants, unnest(live) AS p
   WHERE tenant_id = t AND id = ANY (ids) AND month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i);
  UPDATE grants SET session_id = NULL, live = '{}'
   WHERE tenant_id = t AND id = ANY (ids) AND month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i);
  RETURN places;
END $$;

-- What signing out does: the sessions end and with them their grants, but for those that are `offline`, which the user gave to last.
-- Of these the access tokens end that name a session. Null: there was none to end.
CREATE FUNCTION end_sessions(t uuid, wanted uuid[], who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  ids uuid[];
  bound uuid[];
  kept uuid[];
  places bigint[];
  each record;
BEGIN
  SELECT array_agg(id) INTO ids FROM (
    SELECT id FROM sessions
     WHERE tenant_id = t AND id = ANY (wanted) AND month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(wanted) AS i) AND revoked_at IS NULL
     ORDER BY month, id FOR UPDATE) AS s;
  IF ids IS NULL THEN RETURN NULL; END IF;
  UPDATE sessions SET revoked_at = clock_timestamp()
   WHERE tenant_id = t AND id = ANY (ids) AND month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i);
  SELECT array_agg(id) FILTER (WHERE NOT offline), array_agg(id) FILTER (WHERE offline) INTO bound, kept FROM (
    SELECT id, offline FROM grants WHERE tenant_id = t AND session_id = ANY (ids) AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS g;
  PERFORM tell_of_logout(t, ids);
  FOR each IN
    SELECT s.id, s.user_id, count(g.id) FILTER (WHERE NOT offline) AS grants, count(g.id) FILTER (WHERE offline) AS kept
      FROM sessions s LEFT JOIN grants g ON g.tenant_id = t AND g.session_id = s.id AND g.revoked_at IS NULL
     WHERE s.tenant_id = t AND s.id = ANY (ids) AND s.month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i)
     GROUP BY s.month, s.id, s.user_id ORDER BY s.month, s.id
  LOOP
    r := append_revocation(t, 'sid', claim_of_id(each.id));
    PERFORM audit(t, 'session.ended', who, jsonb_build_object('session', each.id, 'user', each.user_id),
                  jsonb_build_object('reason', reason, 'grants', each.grants, 'kept', each.kept));
  END LOOP;
  places := end_grants(t, bound) || leave_session(t, kept);
  PERFORM flip(t, places, r);
  RETURN r;
END $$;

CREATE FUNCTION end_session(t uuid, s uuid, who jsonb, reason text) RETURNS bigint LANGUAGE sql AS $$
  SELECT end_sessions(t, ARRAY[s], who, reason)
$$;

-- What "end access" does: all that a user gave a client, and is never asked about again, is gone: consents, grants, and codes not yet
-- redeemed. The user's row is locked first: whoever is about to redeem a code finds it gone, or has made the grant that is ended
-- here. False: there was nothing.
CREATE FUNCTION end_access(t uuid, u uuid, c text, who jsonb, reason text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  ids uuid[];
  g uuid;
  places bigint[];
  codes integer;
  consented integer;
BEGIN
  PERFORM 1 FROM users WHERE tenant_id = t AND id = u FOR NO KEY UPDATE;
  IF NOT FOUND THEN RETURN false; END IF;
  DELETE FROM consents WHERE tenant_id = t AND user_id = u AND client_id = c;
  GET DIAGNOSTICS consented = ROW_COUNT;
  DELETE FROM authorization_codes WHERE tenant_id = t AND user_id = u AND client_id = c AND redeemed_at IS NULL AND expires_at > clock_timestamp();
  GET DIAGNOSTICS codes = ROW_COUNT;
  SELECT array_agg(id) INTO ids FROM (
    SELECT id FROM grants WHERE tenant_id = t AND user_id = u AND client_id = c AND revoked_at IS NULL AND expires_at > clock_timestamp()
     ORDER BY month, id FOR UPDATE) AS o;
  IF consented + codes = 0 AND ids IS NULL THEN RETURN false; END IF;
  places := end_grants(t, ids);
  FOREACH g IN ARRAY coalesce(ids, '{}') LOOP
    r := append_revocation(t, 'grant', claim_of_id(g));
  END LOOP;
  PERFORM flip(t, places, r);
  PERFORM audit(t, 'access.ended', who, jsonb_build_object('user', u, 'client', c),
                jsonb_build_object('reason', reason, 'grants', coalesce(cardinality(ids), 0), 'consents', consented, 'codes', codes));
  RETURN true;
END $$;

-- As before; and the clients are told.
CREATE OR REPLACE FUNCTION revoke_session(t uuid, s uuid, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  u uuid;
  ids uuid[];
  indices bigint[];
BEGIN
  UPDATE sessions SET revoked_at = clock_timestamp() WHERE tenant_id = t AND month = month_of_id(s) AND id = s AND revoked_at IS NULL RETURNING user_id INTO u;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT array_agg(id) INTO ids FROM (SELECT id FROM grants WHERE tenant_id = t AND session_id = s AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS g;
  PERFORM tell_of_logout(t, ARRAY[s]);
  indices := end_grants(t, ids);
  r := append_revocation(t, 'sid', claim_of_id(s));
  PERFORM flip(t, indices, r);
  PERFORM audit(t, 'session.revoked', who, jsonb_build_object('session', s, 'user', u), jsonb_build_object('reason', reason, 'grants', coalesce(cardinality(ids), 0)));
  RETURN r;
END $$;

-- As before; and the clients are told, and the sessions are locked in the order of their ids, as whoever ends several does.
CREATE OR REPLACE FUNCTION revoke_user(t uuid, u uuid, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  ended uuid[];
  ids uuid[];
  indices bigint[];
BEGIN
  UPDATE users SET credential_version = credential_version + 1, updated_at = clock_timestamp() WHERE tenant_id = t AND id = u;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT array_agg(id) INTO ended FROM (
    SELECT id FROM sessions WHERE tenant_id = t AND user_id = u AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS s;
  UPDATE sessions SET revoked_at = clock_timestamp() WHERE tenant_id = t AND user_id = u AND revoked_at IS NULL;
  SELECT array_agg(id) INTO ids FROM (SELECT id FROM grants WHERE tenant_id = t AND user_id = u AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS g;
  PERFORM tell_of_logout(t, ended);
  indices := end_grants(t, ids);
  r := append_revocation(t, 'sub', u::text);
  PERFORM flip(t, indices, r);
  PERFORM audit(t, 'user.revoked', who, jsonb_build_object('user', u), jsonb_build_object('reason', reason, 'grants', coalesce(cardinality(ids), 0)));
  RETURN r;
END $$;

-- As before, and it answers the session that the grant is of now: one that ended while a refresh waited for the row is not in the
-- token, which would be dead by its `sid` and alive by its place in a status list.
DROP FUNCTION refresh_grant(uuid, uuid, integer, uuid, interval, bigint, jsonb);
CREATE FUNCTION refresh_grant(t uuid, g uuid, presented integer, attempt uuid, grace interval, place bigint, who jsonb,
  OUT generation integer, OUT result text, OUT session uuid) LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
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
  session := row_.session_id;
  result := CASE WHEN row_.revoked_at IS NOT NULL THEN 'reused' WHEN row_.refresh_id = attempt THEN 'rotated' ELSE 'replayed' END;
  IF result = 'reused' THEN
    r := append_revocation(t, 'grant', claim_of_id(g));
    PERFORM flip(t, row_.live, r);
    PERFORM audit(t, 'grant.reused', who, jsonb_build_object('grant', g, 'user', row_.user_id, 'client', row_.client_id),
                  jsonb_build_object('presented', presented, 'generation', row_.generation));
  END IF;
END $$;
