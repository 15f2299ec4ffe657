-- Of a partitioned table Postgres trusts no plan that it made before, and plans every refresh anew: that takes longer than the
-- refresh. One plan fits all grants, because it finds each by its key.
ALTER FUNCTION refresh_grant SET plan_cache_mode = force_generic_plan;

-- In a month just begun, which was never analysed, an index that also began with the tenant looked as good as the key and was taken:
-- a plan kept from then on would read all of the tenant's grants for one.
DROP INDEX grants_tenant_id_user_id_idx;
DROP INDEX grants_tenant_id_client_id_idx;
DROP INDEX grants_tenant_id_session_id_idx;
CREATE INDEX grants_user_id_tenant_id_idx ON grants (user_id, tenant_id);
CREATE INDEX grants_client_id_tenant_id_idx ON grants (client_id, tenant_id);
CREATE INDEX grants_session_id_tenant_id_idx ON grants (session_id, tenant_id);
