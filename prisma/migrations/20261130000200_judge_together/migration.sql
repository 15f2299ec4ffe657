-- Why a token is dead; NULL of one that lives. Every layer in one snapshot. Entries speak for what has no row of its own (a token, an API
-- registered again under the same identifier); rows for what outlives its entry. Of what a token does not have, NULL. Found by keys in one
-- plan that is kept, as with find_grants.
CREATE FUNCTION judge_token(tenant uuid, digests text[], rev bigint, lifetime integer, key_id text, client text, api text, grant_id uuid,
  session_id uuid) RETURNS text LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_variable
BEGIN
  RETURN (
    SELECT CASE
             WHEN t.id IS NULL THEN 'tenant_unknown'
             WHEN t.disabled_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN 'tenant_disabled'
             WHEN t.revoked_revision > rev THEN 'tenant_revoked'
             WHEN lifetime > t.max_token_lifetime THEN 'lifetime_above_cap'
             WHEN e.kind IS NOT NULL THEN e.kind || '_revoked'
             WHEN k.revoked_at IS NOT NULL THEN 'kid_revoked'
             WHEN c.id IS NULL OR c.deleted_at IS NOT NULL THEN 'client_deleted'
             WHEN c.disabled_at IS NOT NULL THEN 'client_disabled'
             WHEN c.revoked_revision > rev THEN 'client_revoked'
             WHEN api IS NOT NULL AND a.id IS NULL THEN 'api_deleted'
             WHEN a.disabled_at IS NOT NULL THEN 'api_disabled'
             WHEN a.revoked_revision > rev THEN 'api_revoked'
             WHEN s.revoked_at IS NOT NULL THEN 'sid_revoked'
             WHEN grant_id IS NULL THEN NULL
             WHEN g.id IS NULL THEN 'grant_unknown'
             WHEN g.revoked_at IS NOT NULL OR c.revoked_revision > g.revision OR t.revoked_revision > g.revision THEN 'grant_revoked'
             WHEN g.expires_at <= statement_timestamp() THEN 'grant_expired'
             WHEN u.deleted_at IS NOT NULL THEN 'user_deleted'
             WHEN u.disabled_at IS NOT NULL THEN 'user_disabled'
           END AS dead
      FROM (SELECT tenant AS id) AS asked
      LEFT JOIN tenants t ON t.id = asked.id
      LEFT JOIN clients c ON c.tenant_id = tenant AND c.id = client
      LEFT JOIN apis a ON a.tenant_id = tenant AND a.identifier = api AND a.deleted_at IS NULL
      LEFT JOIN keys k ON k.tenant_id = tenant AND k.id = key_id
      LEFT JOIN sessions s ON s.tenant_id = tenant AND s.month = month_of_id(session_id) AND s.id = session_id
      LEFT JOIN grants g ON g.tenant_id = tenant AND g.month = month_of_id(grant_id) AND g.id = grant_id
      LEFT JOIN users u ON u.tenant_id = tenant AND u.id = g.user_id
      LEFT JOIN LATERAL (
        -- A digest at a time: of an hour just begun the planner knows nothing, and would read all of a tenant's entries for eight.
        SELECT found.kind FROM unnest(digests) AS token (digest), LATERAL (
          SELECT kind FROM revocations
           WHERE tenant_id = tenant AND digest = token.digest AND expires_at > statement_timestamp() AND (below IS NULL OR below > rev)
           LIMIT 1
        ) AS found LIMIT 1
      ) AS e ON true
  );
END $$;
