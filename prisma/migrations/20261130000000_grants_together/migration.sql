-- Several grants in one statement: what a process is asked in the same moment goes to Postgres together.
--
-- One plan for any number of them, kept, that finds each by its key: of a partitioned table Postgres would make a new one each time, which
-- takes longer than what it is for, and for a table that was small when it was analysed one that reads all of it.

CREATE FUNCTION find_grants(tenants uuid[], ids uuid[]) RETURNS TABLE (
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
      JOIN grants g ON g.tenant_id = asked.tenant_id AND g.month = month_of_id(asked.id) AND g.id = asked.id
      JOIN users u ON u.tenant_id = g.tenant_id AND u.id = g.user_id
      JOIN clients c ON c.tenant_id = g.tenant_id AND c.id = g.client_id
      JOIN tenants t ON t.id = g.tenant_id
      JOIN revisions r ON r.tenant_id = g.tenant_id;
END $$;

-- What refresh_grant does when the newest token of a live grant comes. Rows that another transaction holds are left out, so that no
-- request waits for another grant's and two of these never wait for each other; and so is all that is not as plain as that.
--
-- A month at a time: where the month of a row that is locked or updated came from a join, Postgres 18 would crash. It looks for the partition
-- of the next row in memory that it freed when it had to check the row before again, because somebody else had just changed it.
CREATE FUNCTION rotate_grants(tenants uuid[], ids uuid[], generations integer[], attempts uuid[], live_places bigint[]) RETURNS TABLE (
  place bigint, generation integer, session uuid
) LANGUAGE plpgsql
  SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
  oldest bigint := oldest_place(statement_timestamp());
  one_month smallint;
BEGIN
  FOR one_month IN SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i LOOP
    RETURN QUERY
      WITH held AS MATERIALIZED (
        SELECT asked.*
          FROM unnest(tenants, ids, generations, attempts, live_places) WITH ORDINALITY
               AS asked (tenant_id, id, generation, attempt, live, place)
         CROSS JOIN LATERAL (
           SELECT FROM grants g
            WHERE g.tenant_id = asked.tenant_id AND g.month = one_month AND g.id = asked.id
              AND g.generation = asked.generation AND g.revoked_at IS NULL AND g.expires_at > statement_timestamp()
              AND g.refreshed_at + make_interval(secs => g.idle) > statement_timestamp()
              AND cardinality(g.live) < 64
              FOR NO KEY UPDATE SKIP LOCKED) AS lock
         WHERE month_of_id(asked.id) = one_month
      )
      UPDATE grants AS g SET
        generation   = CASE WHEN g.rotate THEN held.generation + 1 ELSE g.generation END,
        spent_at     = CASE WHEN g.rotate THEN (statement_timestamp() || g.spent_at)[1:8] ELSE g.spent_at END,
        refresh_id   = held.attempt,
        refreshed_at = statement_timestamp(),
        live         = ARRAY(SELECT x FROM unnest(g.live) AS x WHERE x >= oldest) || held.live
        FROM held
       WHERE g.tenant_id = held.tenant_id AND g.month = one_month AND g.id = held.id
      RETURNING held.place, g.generation, g.session_id;
  END LOOP;
END $$;

-- It locks several sessions whose months come from a join, too.
ALTER FUNCTION end_sessions SET enable_partition_pruning = off;
