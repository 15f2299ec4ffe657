-- Each grant by its key, whatever the statistics say. The plan is kept, and one that was made while the tables were new and never analysed
-- read all grants of the tenant for each that was asked for. OFFSET 0 keeps a subquery as it is: nothing but its key is known in it.
CREATE OR REPLACE FUNCTION find_grants(tenants uuid[], ids uuid[]) RETURNS TABLE (
  place bigint,                            -- in the arrays, from 1
  tenant_id uuid, id uuid, user_id uuid, client_id text, session_id uuid, secret bytea, scope text[], apis text[], acr text, amr text[],
  auth_time timestamptz, claims jsonb, generation integer, created_at timestamptz, expires_at timestamptz, rev bigint, wide bigint,
  state text
) LANGUAGE plpgsql STABLE
  SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
  -- The revision is read with all that it vouches for: one statement, one snapshot.
  RETURN QUERY
    SELECT asked.place, g.tenant_id, g.id, g.user_id, g.client_id, g.session_id, g.secret, g.scope,
           ARRAY(SELECT a.id FROM unnest(g.apis) WITH ORDINALITY AS covered (id, place)
                   JOIN apis a ON a.tenant_id = g.tenant_id AND a.id = covered.id AND a.disabled_at IS NULL AND a.deleted_at IS NULL
                  ORDER BY covered.place),
           g.acr, g.amr, g.auth_time, g.claims, g.generation, g.created_at, g.expires_at, r.revision, r.wide_revision,
           CASE
             WHEN g.revoked_at IS NOT NULL OR c.revoked_revision > g.revision OR t.revoked_revision > g.revision THEN 'revoked'
             WHEN g.expires_at <= statement_timestamp()
               OR g.refreshed_at + make_interval(secs => g.idle) <= statement_timestamp() THEN 'expired'
             WHEN t.disabled_at IS NOT NULL OR t.deleted_at IS NOT NULL THEN 'tenant_disabled'
             WHEN c.disabled_at IS NOT NULL OR c.deleted_at IS NOT NULL THEN 'client_disabled'
             WHEN u.disabled_at IS NOT NULL OR u.deleted_at IS NOT NULL THEN 'user_disabled'
             ELSE 'live'
           END
      FROM unnest(tenants, ids) WITH ORDINALITY AS asked (tenant_id, id, place)
     CROSS JOIN LATERAL (
       SELECT * FROM grants one WHERE one.tenant_id = asked.tenant_id AND one.month = month_of_id(asked.id) AND one.id = asked.id OFFSET 0) AS g
     CROSS JOIN LATERAL (SELECT * FROM users one WHERE one.tenant_id = g.tenant_id AND one.id = g.user_id OFFSET 0) AS u
      JOIN clients c ON c.tenant_id = g.tenant_id AND c.id = g.client_id
      JOIN tenants t ON t.id = g.tenant_id
      JOIN revisions r ON r.tenant_id = g.tenant_id;
END $$;
