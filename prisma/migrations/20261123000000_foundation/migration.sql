-- Every row belongs to a tenant, by composite keys (tenant_id, …) in every foreign key.
-- What expires leaves by DROP PARTITION: grants, sessions, audit by month; codes, sign-in states, throttle by day;
-- revocations, lists, leases, flips by the hour. prisma/schema.prisma says the same, but for what Prisma cannot express.

CREATE TABLE tenants (
  id                 uuid PRIMARY KEY,
  slug               text NOT NULL,
  name               text NOT NULL,
  max_token_lifetime integer NOT NULL DEFAULT 3600,
  revoked_revision   bigint NOT NULL DEFAULT 0,
  disabled_at        timestamptz(6),
  deleted_at         timestamptz(6),
  created_at         timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at         timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  CONSTRAINT tenants_slug_check CHECK (slug ~ '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$'),
  CONSTRAINT tenants_max_token_lifetime_check CHECK (max_token_lifetime BETWEEN 30 AND 86400)
);
CREATE UNIQUE INDEX tenants_slug_key ON tenants (slug);

-- One row a tenant: its lock makes commit order equal to revision order. `revision` is moved by revocations alone,
-- `wide_revision` by those that name no single index, `config_revision` by administrative changes.
CREATE TABLE revisions (
  tenant_id       uuid PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  revision        bigint NOT NULL DEFAULT 0,
  wide_revision   bigint NOT NULL DEFAULT 0,
  config_revision bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE users (
  tenant_id          uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  id                 uuid NOT NULL,
  username           text,                -- normalised; null once deleted, so that the name is free again
  email              text,                -- as it was written
  email_verified_at  timestamptz(6),
  name               text,
  credential_version integer NOT NULL DEFAULT 1,
  disabled_at        timestamptz(6),
  deleted_at         timestamptz(6),
  created_at         timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at         timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX users_tenant_id_username_key ON users (tenant_id, username);

CREATE TABLE credentials (
  tenant_id    uuid NOT NULL,
  id           uuid NOT NULL,
  user_id      uuid NOT NULL,
  kind         text NOT NULL,
  name         text NOT NULL DEFAULT '',  -- tells several of a kind apart
  secret       text NOT NULL,             -- an argon2id PHC string for a password
  created_at   timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at   timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT credentials_kind_check CHECK (kind IN ('password')),
  CONSTRAINT credentials_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE UNIQUE INDEX credentials_tenant_id_user_id_kind_name_key ON credentials (tenant_id, user_id, kind, name);

CREATE TABLE apis (
  tenant_id            uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  id                   text NOT NULL,
  identifier           text NOT NULL,     -- RFC 8707 resource, compared byte for byte
  name                 text NOT NULL,
  format               text NOT NULL DEFAULT 'sealed',
  signing_algorithm    text NOT NULL DEFAULT 'ES256',
  encryption_algorithm text,
  encryption_method    text,
  jwks                 jsonb,             -- the last good set
  jwks_uri             text,
  jwks_fetched_at      timestamptz(6),
  jwks_checked_at      timestamptz(6),
  jwks_error           text,
  token_lifetime       integer,
  secret_hashes        bytea[] NOT NULL DEFAULT '{}',
  revoked_revision     bigint NOT NULL DEFAULT 0,
  disabled_at          timestamptz(6),
  deleted_at           timestamptz(6),
  created_at           timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at           timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT apis_format_check CHECK (format IN ('sealed', 'signed', 'opaque')),
  CONSTRAINT apis_signing_algorithm_check CHECK (signing_algorithm IN ('ES256', 'RS256', 'PS256', 'Ed25519')),
  CONSTRAINT apis_encryption_check CHECK (format <> 'sealed' OR (encryption_algorithm IS NOT NULL AND encryption_method IS NOT NULL)),
  CONSTRAINT apis_encryption_algorithm_check CHECK (encryption_algorithm IN ('ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256')),
  CONSTRAINT apis_encryption_method_check CHECK (encryption_method IN ('A256GCM', 'A128CBC-HS256')),
  CONSTRAINT apis_token_lifetime_check CHECK (token_lifetime > 0),
  CONSTRAINT apis_secret_hashes_check CHECK (cardinality(secret_hashes) <= 2)
);
-- Among the living: a deleted API's identifier may be registered again while its tombstone stands.
CREATE UNIQUE INDEX apis_live_identifier_key ON apis (tenant_id, identifier) WHERE deleted_at IS NULL;

CREATE TABLE api_scopes (
  tenant_id   uuid NOT NULL,
  api_id      text NOT NULL,
  name        text NOT NULL,
  description text,
  PRIMARY KEY (tenant_id, api_id, name),
  CONSTRAINT api_scopes_tenant_id_api_id_fkey FOREIGN KEY (tenant_id, api_id) REFERENCES apis (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
);

CREATE TABLE clients (
  tenant_id           uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  id                  text NOT NULL,
  name                text NOT NULL,
  public              boolean NOT NULL DEFAULT false,
  first_party         boolean NOT NULL DEFAULT false,
  grant_types         text[] NOT NULL DEFAULT '{}',
  redirect_uris       text[] NOT NULL DEFAULT '{}',
  origins             text[] NOT NULL DEFAULT '{}',
  scopes              text[] NOT NULL DEFAULT '{}',  -- empty: every scope of its APIs
  default_resource    text,
  rotation            text NOT NULL DEFAULT 'always',
  grace               integer,                       -- seconds; null: the server's
  secret_hashes       bytea[] NOT NULL DEFAULT '{}',
  revoked_revision    bigint NOT NULL DEFAULT 0,     -- grants made before it no longer count
  disabled_at         timestamptz(6),
  deleted_at          timestamptz(6),
  created_at          timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at          timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT clients_rotation_check CHECK (rotation IN ('always', 'never')),
  CONSTRAINT clients_public_rotates_check CHECK (NOT public OR rotation = 'always'),
  CONSTRAINT clients_grace_check CHECK (grace BETWEEN 0 AND 300),
  CONSTRAINT clients_secret_hashes_check CHECK (cardinality(secret_hashes) <= 2 AND (NOT public OR cardinality(secret_hashes) = 0))
);

CREATE TABLE client_apis (
  tenant_id uuid NOT NULL,
  client_id text NOT NULL,
  api_id    text NOT NULL,
  PRIMARY KEY (tenant_id, client_id, api_id),
  CONSTRAINT client_apis_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT client_apis_tenant_id_api_id_fkey FOREIGN KEY (tenant_id, api_id) REFERENCES apis (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX client_apis_tenant_id_api_id_idx ON client_apis (tenant_id, api_id);

-- Keys by purpose. Private parts under the master key; `master_key_id` says which.
CREATE TABLE keys (
  tenant_id     uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  id            text NOT NULL,
  purpose       text NOT NULL,
  algorithm     text NOT NULL,
  number        integer,                  -- the id inside tokens: of a MAC key (0-255) and of a KEK
  status        text NOT NULL,
  public_jwk    jsonb,
  sealed        bytea NOT NULL,
  master_key_id text NOT NULL,
  created_at    timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  activates_at  timestamptz(6) NOT NULL,
  activated_at  timestamptz(6),
  retired_at    timestamptz(6),
  revoked_at    timestamptz(6),
  expires_at    timestamptz(6),           -- of a retired key: when nothing it made can be live, and it is destroyed
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT keys_purpose_check CHECK (purpose IN ('access_token', 'revocations', 'status_list', 'id_token', 'kek', 'mac', 'permutation', 'cookie')),
  CONSTRAINT keys_status_check CHECK (status IN ('next', 'active', 'retired')),
  CONSTRAINT keys_public_check CHECK ((public_jwk IS NOT NULL) = (purpose IN ('access_token', 'revocations', 'status_list', 'id_token')))
);
CREATE UNIQUE INDEX keys_one_active_key ON keys (tenant_id, purpose, algorithm) WHERE status = 'active';
CREATE UNIQUE INDEX keys_one_next_key ON keys (tenant_id, purpose, algorithm) WHERE status = 'next';
CREATE UNIQUE INDEX keys_tenant_id_purpose_number_key ON keys (tenant_id, purpose, number);

-- A browser's single sign-on. The month is of its absolute expiry and the first two bytes of its id.
CREATE TABLE sessions (
  tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  month        smallint NOT NULL,
  id           uuid NOT NULL,
  secret_hash  bytea NOT NULL,
  user_id      uuid NOT NULL,
  revision     bigint NOT NULL,
  acr          text,
  amr          text[] NOT NULL DEFAULT '{}',
  auth_time    timestamptz(6) NOT NULL,
  used_at      timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  idle         integer NOT NULL,           -- seconds
  created_at   timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at   timestamptz(6) NOT NULL,
  revoked_at   timestamptz(6),
  PRIMARY KEY (tenant_id, month, id),
  CONSTRAINT sessions_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
) PARTITION BY LIST (month);
CREATE INDEX sessions_tenant_id_user_id_idx ON sessions (tenant_id, user_id);
CREATE TABLE sessions_default PARTITION OF sessions DEFAULT WITH (fillfactor = 70);

-- What one subject gave one client at one login on one device: one row, however often it is refreshed.
-- No indexed column changes on refresh and fillfactor leaves room, so Postgres updates in place.
CREATE TABLE grants (
  tenant_id    uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  month        smallint NOT NULL,
  id           uuid NOT NULL,
  user_id      uuid NOT NULL,
  client_id    text NOT NULL,
  session_id   uuid,
  secret       bytea NOT NULL,
  revision     bigint NOT NULL,            -- the tenant's, when it was made
  scope        text[] NOT NULL DEFAULT '{}',
  apis         text[] NOT NULL DEFAULT '{}',
  acr          text,
  amr          text[] NOT NULL DEFAULT '{}',
  auth_time    timestamptz(6) NOT NULL,
  rotate       boolean NOT NULL DEFAULT true,
  generation   integer NOT NULL DEFAULT 0,
  refresh_id   uuid,
  refreshed_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  spent_at     timestamptz(6)[] NOT NULL DEFAULT '{}',
  live         bigint[] NOT NULL DEFAULT '{}',
  idle         integer NOT NULL,           -- seconds
  created_at   timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  expires_at   timestamptz(6) NOT NULL,
  revoked_at   timestamptz(6),
  PRIMARY KEY (tenant_id, month, id),
  CONSTRAINT grants_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT grants_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
) PARTITION BY LIST (month);
CREATE INDEX grants_tenant_id_user_id_idx ON grants (tenant_id, user_id);
CREATE INDEX grants_tenant_id_client_id_idx ON grants (tenant_id, client_id);
CREATE INDEX grants_tenant_id_session_id_idx ON grants (tenant_id, session_id);
CREATE TABLE grants_default PARTITION OF grants DEFAULT WITH (fillfactor = 70);

CREATE TABLE authorization_codes (
  tenant_id      uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  day            date NOT NULL,
  code_hash      bytea NOT NULL,
  client_id      text NOT NULL,
  user_id        uuid NOT NULL,
  session_id     uuid,
  redirect_uri   text NOT NULL,
  code_challenge text NOT NULL,
  scope          text[] NOT NULL DEFAULT '{}',
  apis           text[] NOT NULL DEFAULT '{}',
  nonce          text,
  acr            text,
  amr            text[] NOT NULL DEFAULT '{}',
  auth_time      timestamptz(6) NOT NULL,
  expires_at     timestamptz(6) NOT NULL,
  redeemed_at    timestamptz(6),
  grant_id       uuid,
  PRIMARY KEY (tenant_id, day, code_hash)
) PARTITION BY LIST (day);
CREATE TABLE authorization_codes_default PARTITION OF authorization_codes DEFAULT;

-- The sign-in step machine between two answers.
CREATE TABLE sign_in_states (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  day        date NOT NULL,
  id_hash    bytea NOT NULL,
  client_id  text NOT NULL,
  state      jsonb NOT NULL,
  expires_at timestamptz(6) NOT NULL,
  PRIMARY KEY (tenant_id, day, id_hash)
) PARTITION BY LIST (day);
CREATE TABLE sign_in_states_default PARTITION OF sign_in_states DEFAULT;

-- Buckets are HMACs of what they count, so that the table names nobody.
CREATE TABLE throttle (
  tenant_id     uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  day           date NOT NULL,
  bucket        bytea NOT NULL,
  tries         integer NOT NULL,
  resets_at     timestamptz(6) NOT NULL,
  blocked_until timestamptz(6),
  audited_at    timestamptz(6),
  PRIMARY KEY (tenant_id, day, bucket)
) PARTITION BY LIST (day);
CREATE TABLE throttle_default PARTITION OF throttle DEFAULT WITH (fillfactor = 70);

-- Addresses an account has signed in from, for thirty days.
CREATE TABLE known_addresses (
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  month     smallint NOT NULL,
  bucket    bytea NOT NULL,
  seen_on   date NOT NULL,
  PRIMARY KEY (tenant_id, month, bucket)
) PARTITION BY LIST (month);
CREATE TABLE known_addresses_default PARTITION OF known_addresses DEFAULT;

-- The entries of the revocation list: which tokens no longer count, until they would have expired anyway.
-- slot: the hour since the epoch in which the entry expires.
CREATE TABLE revocations (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  slot       integer NOT NULL,
  revision   bigint NOT NULL,
  kind       text NOT NULL,
  digest     text NOT NULL,
  below      bigint,                       -- kills only what has a lower `rev`
  expires_at timestamptz(6) NOT NULL,
  PRIMARY KEY (tenant_id, slot, revision),
  CONSTRAINT revocations_kind_check CHECK (kind IN ('jti', 'grant', 'sid', 'sub', 'client', 'aud', 'act', 'kid', 'tenant'))
) PARTITION BY LIST (slot);
CREATE INDEX revocations_tenant_id_revision_idx ON revocations (tenant_id, revision);
CREATE INDEX revocations_tenant_id_digest_idx ON revocations (tenant_id, digest);
CREATE TABLE revocations_default PARTITION OF revocations DEFAULT;

-- Token status lists, by the hour in which the last token that points into them expires.
CREATE TABLE lists (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  slot       integer NOT NULL,
  number     integer NOT NULL,
  id         text NOT NULL,                -- random, the last part of its URL
  next       integer NOT NULL DEFAULT 0,   -- the first position nobody has leased
  created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, slot, number)
) PARTITION BY LIST (slot);
CREATE INDEX lists_tenant_id_id_idx ON lists (tenant_id, id);
CREATE TABLE lists_default PARTITION OF lists DEFAULT WITH (fillfactor = 50);

CREATE TABLE leases (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  slot       integer NOT NULL,
  id         uuid NOT NULL,
  list       integer NOT NULL,
  first      integer NOT NULL,
  size       integer NOT NULL,
  client_id  text NOT NULL,
  api_id     text NOT NULL,
  kid        text NOT NULL,
  flipped_at timestamptz(6),
  PRIMARY KEY (tenant_id, slot, id)
) PARTITION BY LIST (slot);
CREATE TABLE leases_default PARTITION OF leases DEFAULT;

-- An index is slot · 2^32 + list · 2^20 + index, as in grants.live.
CREATE TABLE flips (
  tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  slot      integer NOT NULL,
  index     bigint NOT NULL,
  revision  bigint NOT NULL,
  PRIMARY KEY (tenant_id, slot, index)
) PARTITION BY LIST (slot);
CREATE TABLE flips_default PARTITION OF flips DEFAULT;

CREATE TABLE audit_events (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  month      smallint NOT NULL,
  id         bigserial NOT NULL,
  at         timestamptz(6) NOT NULL DEFAULT clock_timestamp(),
  type       text NOT NULL,
  actor      jsonb NOT NULL,               -- {"kind": "operator" | "client" | "user" | "system", …}
  subject    jsonb NOT NULL,               -- {"user": …, "client": …, "grant": …, …}
  detail     jsonb NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, month, id)
) PARTITION BY LIST (month);
CREATE INDEX audit_events_tenant_id_id_idx ON audit_events (tenant_id, id);
CREATE TABLE audit_events_default PARTITION OF audit_events DEFAULT;

-- Which history of the database this is: part of every cursor.
CREATE TABLE installation (
  id         uuid PRIMARY KEY,
  created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO installation VALUES (gen_random_uuid());

-- Time ---------------------------------------------------------------------------------------------------------------

-- Months since 1970-01, UTC.
CREATE FUNCTION month_of(at timestamptz) RETURNS smallint LANGUAGE sql STABLE AS $$
  SELECT ((extract(year FROM at AT TIME ZONE 'UTC') - 1970) * 12 + extract(month FROM at AT TIME ZONE 'UTC') - 1)::smallint
$$;
CREATE FUNCTION day_of(at timestamptz) RETURNS date LANGUAGE sql STABLE AS $$ SELECT (at AT TIME ZONE 'UTC')::date $$;
CREATE FUNCTION slot_of(at timestamptz) RETURNS integer LANGUAGE sql STABLE AS $$ SELECT floor(extract(epoch FROM at) / 3600)::integer $$;
-- Of grants and sessions. Masked, so that an id nobody made is looked up in vain and not an error.
CREATE FUNCTION month_of_id(id uuid) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
  SELECT ((get_byte(uuid_send(id), 0) & 127) * 256 + get_byte(uuid_send(id), 1))::smallint
$$;

-- Partitions ---------------------------------------------------------------------------------------------------------

-- A partition is called after its bound, counted since 1970: <table>_m<month>, <table>_d<day>, <table>_s<hour>.
CREATE FUNCTION partition_bound(kind text, n integer) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE kind WHEN 'd' THEN to_char(date '1970-01-01' + n, 'YYYY-MM-DD') ELSE n::text END
$$;

-- Makes one table's partitions from `first` to `last` and drops those before `cut`. Raises BU409 when it should be tried again.
CREATE FUNCTION maintain_table(parent text, kind text, first integer, last integer, cut integer, storage text, OUT made integer, OUT dropped integer) LANGUAGE plpgsql AS $$
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
BEGIN
  made := cardinality(missing);
  dropped := cardinality(past);
  IF made + dropped > 0 THEN
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

-- Makes the partitions that will be needed and drops those that nothing can need any more. Months for grants are made as far
-- ahead as a grant can live; `audit_months` full months of audit are kept. Answers how many were made and dropped, and how many
-- tables were too busy to be locked: they wait for the next call. A table at a time, each in a transaction of its own, so that
-- no statement over two of them can deadlock with it: call it outside of a transaction.
CREATE PROCEDURE maintain_partitions(grant_lifetime interval, audit_months integer, INOUT made integer DEFAULT 0, INOUT dropped integer DEFAULT 0, INOUT postponed integer DEFAULT 0) LANGUAGE plpgsql AS $$
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
        WHEN lock_not_available THEN tries := tries - 10;
      END;
      COMMIT;
      IF done IS NULL AND tries <= 0 THEN postponed := postponed + 1; END IF;
      IF tries > 0 THEN PERFORM pg_sleep(0.1); END IF;
    END LOOP;
  END LOOP;
END $$;

-- Audit --------------------------------------------------------------------------------------------------------------

CREATE FUNCTION audit(t uuid, event text, who jsonb, about jsonb, detail jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
  INSERT INTO audit_events (tenant_id, month, type, actor, subject, detail)
  VALUES (t, month_of(statement_timestamp()), event, who, about, detail)
$$;

-- Revisions and revocations ------------------------------------------------------------------------------------------
-- Locks are taken in one order everywhere: tenant, user, client, API or key, then sessions, grants by id, revisions, leases.
-- Any other order deadlocks. The first is taken by an UPDATE, so that no later statement needs a stronger lock on its table.

CREATE FUNCTION next_revision(last bigint) RETURNS bigint LANGUAGE sql VOLATILE AS $$
  SELECT greatest(last + 1, (extract(epoch FROM clock_timestamp()) * 1e6)::bigint)
$$;

CREATE FUNCTION config_changed(t uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE revisions SET config_revision = next_revision(config_revision) WHERE tenant_id = t RETURNING config_revision INTO r;
  PERFORM pg_notify('bulla', t || ':' || r);
  RETURN r;
END $$;

CREATE FUNCTION revocation_digest(kind text, value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT left(translate(encode(sha256(convert_to(kind || E'\n' || value, 'UTF8')), 'base64'), E'+/\n', '-_'), 22)
$$;

-- The one place where an entry is made. `keep`: how long it is needed; null: the tenant's cap on token lifetimes + 120 s.
CREATE FUNCTION append_revocation(t uuid, k text, v text, keep interval DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  wide boolean := k IN ('client', 'aud', 'kid', 'tenant');
  until timestamptz;
BEGIN
  UPDATE revisions SET revision = next_revision(revision) WHERE tenant_id = t RETURNING revision INTO r;
  IF wide THEN
    UPDATE revisions SET wide_revision = r WHERE tenant_id = t;
  END IF;
  SELECT clock_timestamp() + coalesce(keep, make_interval(secs => max_token_lifetime + 120)) INTO until FROM tenants WHERE id = t;
  INSERT INTO revocations (tenant_id, slot, revision, kind, digest, below, expires_at)
  VALUES (t, slot_of(until), r, k, revocation_digest(k, v), CASE WHEN k IN ('sub', 'client', 'aud', 'act', 'tenant') THEN r END, until);
  PERFORM pg_notify('bulla', t || ':' || r);
  RETURN r;
END $$;

CREATE FUNCTION flip(t uuid, indices bigint[], r bigint) RETURNS void LANGUAGE sql AS $$
  INSERT INTO flips (tenant_id, slot, index, revision)
  SELECT t, (i >> 32)::integer, i, r FROM unnest(indices) AS i WHERE (i >> 32) >= slot_of(clock_timestamp())
  ON CONFLICT DO NOTHING
$$;

-- `expires`: the token's own, which may lie beyond the tenant's cap when that was lowered since.
CREATE FUNCTION revoke_token(t uuid, jti text, who jsonb, about jsonb, expires timestamptz DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  r := append_revocation(t, 'jti', jti, expires - clock_timestamp() + interval '120 s');
  PERFORM audit(t, 'token.revoked', who, about || jsonb_build_object('jti', jti));
  RETURN r;
END $$;

-- Null: there was nothing to revoke.
CREATE FUNCTION revoke_grant(t uuid, g uuid, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  ended grants;
BEGIN
  UPDATE grants SET revoked_at = clock_timestamp() WHERE tenant_id = t AND month = month_of_id(g) AND id = g AND revoked_at IS NULL RETURNING * INTO ended;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'grant', translate(rtrim(encode(uuid_send(g), 'base64'), '='), '+/', '-_'));
  PERFORM flip(t, ended.live, r);
  PERFORM audit(t, 'grant.revoked', who, jsonb_build_object('grant', g, 'user', ended.user_id, 'client', ended.client_id), jsonb_build_object('reason', reason));
  RETURN r;
END $$;

CREATE FUNCTION end_grants(t uuid, ids uuid[]) RETURNS bigint[] LANGUAGE sql AS $$
  WITH ended AS (
    UPDATE grants SET revoked_at = clock_timestamp()
     WHERE tenant_id = t AND id = ANY (ids) AND month = ANY (SELECT DISTINCT month_of_id(i) FROM unnest(ids) AS i) AND revoked_at IS NULL
    RETURNING live
  ) SELECT coalesce(array_agg(i), '{}') FROM ended, unnest(live) AS i
$$;

CREATE FUNCTION revoke_session(t uuid, s uuid, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  u uuid;
  ids uuid[];
  indices bigint[];
BEGIN
  UPDATE sessions SET revoked_at = clock_timestamp() WHERE tenant_id = t AND month = month_of_id(s) AND id = s AND revoked_at IS NULL RETURNING user_id INTO u;
  IF NOT FOUND THEN RETURN NULL; END IF;
  SELECT array_agg(id) INTO ids FROM (SELECT id FROM grants WHERE tenant_id = t AND session_id = s AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS g;
  indices := end_grants(t, ids);
  r := append_revocation(t, 'sid', translate(rtrim(encode(uuid_send(s), 'base64'), '='), '+/', '-_'));
  PERFORM flip(t, indices, r);
  PERFORM audit(t, 'session.revoked', who, jsonb_build_object('session', s, 'user', u), jsonb_build_object('reason', reason, 'grants', coalesce(cardinality(ids), 0)));
  RETURN r;
END $$;

-- Ends every grant and session of a user; the version makes a sign-in that began before fail. Null: no such user.
CREATE FUNCTION revoke_user(t uuid, u uuid, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  ids uuid[];
  indices bigint[];
BEGIN
  UPDATE users SET credential_version = credential_version + 1, updated_at = clock_timestamp() WHERE tenant_id = t AND id = u;
  IF NOT FOUND THEN RETURN NULL; END IF;
  UPDATE sessions SET revoked_at = clock_timestamp() WHERE tenant_id = t AND user_id = u AND revoked_at IS NULL;
  SELECT array_agg(id) INTO ids FROM (SELECT id FROM grants WHERE tenant_id = t AND user_id = u AND revoked_at IS NULL ORDER BY month, id FOR UPDATE) AS g;
  indices := end_grants(t, ids);
  r := append_revocation(t, 'sub', u::text);
  PERFORM flip(t, indices, r);
  PERFORM audit(t, 'user.revoked', who, jsonb_build_object('user', u), jsonb_build_object('reason', reason, 'grants', coalesce(cardinality(ids), 0)));
  RETURN r;
END $$;

-- Grants made before the revision no longer count: nothing is written per grant.
CREATE FUNCTION revoke_client(t uuid, c text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE clients SET updated_at = clock_timestamp() WHERE tenant_id = t AND id = c;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'client', c);
  UPDATE clients SET revoked_revision = r WHERE tenant_id = t AND id = c;
  UPDATE leases SET flipped_at = clock_timestamp() WHERE tenant_id = t AND slot >= slot_of(clock_timestamp()) AND client_id = c AND flipped_at IS NULL;
  PERFORM audit(t, 'client.revoked', who, jsonb_build_object('client', c), jsonb_build_object('reason', reason));
  RETURN r;
END $$;

CREATE FUNCTION revoke_api(t uuid, a text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  r bigint;
  uri text;
BEGIN
  UPDATE apis SET updated_at = clock_timestamp() WHERE tenant_id = t AND id = a RETURNING identifier INTO uri;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'aud', uri);
  UPDATE apis SET revoked_revision = r WHERE tenant_id = t AND id = a;
  UPDATE leases SET flipped_at = clock_timestamp() WHERE tenant_id = t AND slot >= slot_of(clock_timestamp()) AND api_id = a AND flipped_at IS NULL;
  PERFORM audit(t, 'api.revoked', who, jsonb_build_object('api', a), jsonb_build_object('reason', reason));
  RETURN r;
END $$;

-- `issuer`: the tenant's `iss`, the one name that readers of the list know it by.
CREATE FUNCTION revoke_tenant(t uuid, issuer text, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE tenants SET updated_at = clock_timestamp() WHERE id = t;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'tenant', issuer);
  UPDATE tenants SET revoked_revision = r WHERE id = t;
  UPDATE leases SET flipped_at = clock_timestamp() WHERE tenant_id = t AND slot >= slot_of(clock_timestamp()) AND flipped_at IS NULL;
  PERFORM audit(t, 'tenant.revoked', who, '{}', jsonb_build_object('reason', reason));
  RETURN r;
END $$;

-- A stolen signing key leaves the JWKS with the answer; `keep`: how long a verifier may still hold it.
CREATE FUNCTION revoke_key(t uuid, k text, keep interval, who jsonb, reason text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE r bigint;
BEGIN
  UPDATE keys SET status = 'retired', revoked_at = clock_timestamp(), retired_at = coalesce(retired_at, clock_timestamp())
   WHERE tenant_id = t AND id = k AND public_jwk IS NOT NULL AND revoked_at IS NULL;
  IF NOT FOUND THEN RETURN NULL; END IF;
  r := append_revocation(t, 'kid', k, keep);
  UPDATE leases SET flipped_at = clock_timestamp() WHERE tenant_id = t AND slot >= slot_of(clock_timestamp()) AND kid = k AND flipped_at IS NULL;
  PERFORM audit(t, 'key.revoked', who, jsonb_build_object('key', k), jsonb_build_object('reason', reason));
  PERFORM config_changed(t);
  RETURN r;
END $$;

-- Refresh: the row is the lock, its own SET and WHERE the guard. Of any number of callers one rotates, those inside the grace
-- get the row's current generation, an older one ends the grant. No row: expired or revoked, and nothing was written.
-- `index`: the new access token's place in a status list, or null; places below `oldest` are in retired lists.
CREATE FUNCTION refresh_grant(t uuid, g uuid, presented integer, attempt uuid, grace interval, index bigint, oldest bigint, who jsonb,
  OUT generation integer, OUT result text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  r bigint;
  row_ grants;
  -- A generation spent later than this is in its grace; with no grace none is, not even one spent while this call waited.
  since timestamptz := CASE WHEN grace > interval '0' THEN statement_timestamp() - grace ELSE 'infinity' END;
BEGIN
  UPDATE grants AS o SET
    generation   = CASE WHEN o.rotate AND presented >= o.generation THEN presented + 1 ELSE o.generation END,
    spent_at     = CASE WHEN NOT o.rotate OR presented < o.generation THEN o.spent_at
                        WHEN presented > o.generation THEN ARRAY[statement_timestamp()]
                        ELSE (statement_timestamp() || o.spent_at)[1:8] END,
    refresh_id   = CASE WHEN presented >= o.generation THEN attempt ELSE o.refresh_id END,
    refreshed_at = CASE WHEN presented >= o.generation THEN statement_timestamp() ELSE o.refreshed_at END,
    live         = CASE WHEN index IS NOT NULL AND (presented >= o.generation OR o.spent_at[o.generation - presented] > since)
                        THEN ARRAY(SELECT x FROM unnest(o.live) AS x WHERE x >= oldest) || index ELSE o.live END,
    revoked_at   = CASE WHEN presented >= o.generation OR o.spent_at[o.generation - presented] > since
                        THEN NULL ELSE statement_timestamp() END
   WHERE o.tenant_id = t AND o.month = month_of_id(g) AND o.id = g AND o.revoked_at IS NULL
     AND o.expires_at > statement_timestamp() AND o.refreshed_at + make_interval(secs => o.idle) > statement_timestamp()
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
