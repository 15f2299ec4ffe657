-- Counted at every sign-in, in tables that are partitioned by day: a plan made anew takes longer than the counting, as with refresh_grant.
-- Each row is found by its key, in whatever day.
ALTER FUNCTION throttle_window SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION throttle_take SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION throttle_returned SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION throttle_succeeded SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION take_lease SET plan_cache_mode = force_generic_plan;
