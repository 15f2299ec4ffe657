-- A try is taken before the password is looked at, from every bucket or from none, and given back on success.
-- Buckets are locked in one order (address, account, account and address), so that two sign-ins never wait for each other.

-- The row of yesterday counts on after midnight, while it has not reset.
CREATE FUNCTION throttle_carry(t uuid, b bytea, at timestamptz) RETURNS void LANGUAGE sql AS $$
  INSERT INTO throttle (tenant_id, day, bucket, tries, resets_at, blocked_until, audited_at)
  SELECT tenant_id, day_of(at), bucket, tries, resets_at, blocked_until, audited_at
    FROM throttle WHERE tenant_id = t AND day = day_of(at) - 1 AND bucket = b AND resets_at > at
  ON CONFLICT (tenant_id, day, bucket) DO NOTHING
$$;

-- At most `free` tries in `span`. Answers the seconds to wait, 0 when the try was taken.
CREATE FUNCTION throttle_window(t uuid, b bytea, free integer, span interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE at timestamptz := clock_timestamp();
BEGIN
  PERFORM throttle_carry(t, b, at);
  INSERT INTO throttle AS o (tenant_id, day, bucket, tries, resets_at) VALUES (t, day_of(at), b, 1, at + span)
  ON CONFLICT (tenant_id, day, bucket) DO UPDATE SET
    tries     = CASE WHEN o.resets_at <= at THEN 1 ELSE o.tries + 1 END,
    resets_at = CASE WHEN o.resets_at <= at THEN at + span ELSE o.resets_at END
   WHERE o.resets_at <= at OR o.tries < free;
  IF FOUND THEN RETURN 0; END IF;
  RETURN (SELECT greatest(1, ceil(extract(epoch FROM resets_at - at)))::integer FROM throttle WHERE tenant_id = t AND day = day_of(at) AND bucket = b);
END $$;

-- `free` tries at once, then one after each wait: `wait`, doubled every time, up to `ceiling`. Forgotten after a quiet day.
CREATE FUNCTION throttle_doubling(t uuid, b bytea, free integer, wait interval, ceiling interval) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE at timestamptz := clock_timestamp();
BEGIN
  PERFORM throttle_carry(t, b, at);
  INSERT INTO throttle AS o (tenant_id, day, bucket, tries, resets_at) VALUES (t, day_of(at), b, 1, at + interval '1 day')
  ON CONFLICT (tenant_id, day, bucket) DO UPDATE SET
    tries         = CASE WHEN o.resets_at <= at THEN 1 ELSE o.tries + 1 END,
    resets_at     = at + interval '1 day',
    blocked_until = CASE WHEN o.resets_at > at AND o.tries + 1 >= free THEN at + least(ceiling, wait * 2 ^ least(o.tries + 1 - free, 20)) END
   WHERE coalesce(o.blocked_until, at) <= at;
  IF FOUND THEN RETURN 0; END IF;
  RETURN (SELECT greatest(1, ceil(extract(epoch FROM blocked_until - at)))::integer FROM throttle WHERE tenant_id = t AND day = day_of(at) AND bucket = b);
END $$;

-- Wait 0: taken from all three. Otherwise from none; `refused` is the bucket that said no.
CREATE FUNCTION throttle_take(t uuid, address bytea, account bytea, pair bytea, OUT wait integer, OUT refused text) LANGUAGE plpgsql AS $$
BEGIN
  refused := 'address';
  wait := throttle_window(t, address, 50, interval '15 minutes');
  IF wait > 0 THEN RETURN; END IF;
  BEGIN
    refused := 'account';
    wait := throttle_window(t, account, 100, interval '1 hour');
    -- Above it the account stays open to the addresses it is used from: nobody can lock its owner out.
    IF wait > 0 AND EXISTS (SELECT FROM known_addresses WHERE tenant_id = t AND bucket = pair
                              AND month BETWEEN month_of(clock_timestamp()) - 1 AND month_of(clock_timestamp())
                              AND seen_on > day_of(clock_timestamp()) - 30) THEN
      wait := 0;
    END IF;
    IF wait = 0 THEN
      refused := 'account_address';
      wait := throttle_doubling(t, pair, 5, interval '15 seconds', interval '15 minutes');
    END IF;
    IF wait > 0 THEN RAISE EXCEPTION USING ERRCODE = 'BU429'; END IF;
    refused := NULL;
  EXCEPTION WHEN SQLSTATE 'BU429' THEN
    -- The account's try is rolled back; the address's is given back here, so that its row stays locked until the end.
    UPDATE throttle SET tries = tries - 1 WHERE tenant_id = t AND day = day_of(clock_timestamp()) AND bucket = address AND tries > 0;
  END;
END $$;

-- The password was not looked at: as if the try had never been taken.
CREATE FUNCTION throttle_returned(t uuid, address bytea, account bytea, pair bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE today date := day_of(clock_timestamp());
BEGIN
  UPDATE throttle SET tries = greatest(tries - 1, 0) WHERE tenant_id = t AND day = today AND bucket = address;
  UPDATE throttle SET tries = greatest(tries - 1, 0) WHERE tenant_id = t AND day = today AND bucket = account;
  UPDATE throttle SET tries = greatest(tries - 1, 0), blocked_until = NULL WHERE tenant_id = t AND day = today AND bucket = pair;
END $$;

CREATE FUNCTION throttle_succeeded(t uuid, address bytea, account bytea, pair bytea) RETURNS void LANGUAGE plpgsql AS $$
DECLARE today date := day_of(clock_timestamp());
BEGIN
  UPDATE throttle SET tries = greatest(tries - 1, 0) WHERE tenant_id = t AND day = today AND bucket = address;
  UPDATE throttle SET tries = greatest(tries - 1, 0) WHERE tenant_id = t AND day = today AND bucket = account;
  UPDATE throttle SET tries = 0, blocked_until = NULL WHERE tenant_id = t AND day = today AND bucket = pair;
  INSERT INTO known_addresses AS o (tenant_id, month, bucket, seen_on) VALUES (t, month_of(clock_timestamp()), pair, today)
  ON CONFLICT (tenant_id, month, bucket) DO UPDATE SET seen_on = today WHERE o.seen_on < today;
END $$;

-- One event per bucket and quarter of an hour, however many tries are refused.
CREATE FUNCTION throttle_refused(t uuid, b bytea, who jsonb, about jsonb, reason text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE at timestamptz := clock_timestamp();
BEGIN
  UPDATE throttle SET audited_at = at WHERE tenant_id = t AND day = day_of(at) AND bucket = b AND (audited_at IS NULL OR audited_at <= at - interval '15 minutes');
  IF FOUND THEN
    PERFORM audit(t, 'sign_in.refused', who, about, jsonb_build_object('reason', reason, 'bucket', left(encode(b, 'hex'), 16)));
  END IF;
END $$;
