-- The browser flow: authorization codes, sessions, consent, pushed requests; what OpenID Connect keeps of users and clients.

-- Standard claims beyond name and email, OpenID Connect Core §5.1: an object of those that are known.
ALTER TABLE users
  ADD COLUMN claims jsonb NOT NULL DEFAULT '{}',
  ADD CONSTRAINT users_claims_check CHECK (jsonb_typeof(claims) = 'object');

ALTER TABLE clients
  ADD COLUMN verified                     boolean NOT NULL DEFAULT false,  -- somebody of the tenant has checked who is behind it
  ADD COLUMN require_pushed_requests      boolean NOT NULL DEFAULT false,  -- RFC 9126 §6
  ADD COLUMN jwks                         jsonb,                           -- public keys that ID tokens and userinfo are encrypted to
  ADD COLUMN id_token_algorithm           text NOT NULL DEFAULT 'RS256',
  ADD COLUMN id_token_encryption          text,
  ADD COLUMN id_token_encryption_method   text,
  ADD COLUMN userinfo_algorithm           text,                            -- null: userinfo is plain JSON
  ADD COLUMN userinfo_encryption          text,
  ADD COLUMN userinfo_encryption_method   text,
  ADD COLUMN subject_type                 text NOT NULL DEFAULT 'public',
  ADD COLUMN sector                       text,                            -- host; what pairwise subjects are made for
  ADD COLUMN default_max_age              integer,                         -- seconds
  ADD COLUMN post_logout_redirect_uris    text[] NOT NULL DEFAULT '{}',
  ADD COLUMN backchannel_logout_uri       text,
  ADD COLUMN frontchannel_logout_uri      text,
  ADD CONSTRAINT clients_id_token_algorithm_check CHECK (id_token_algorithm IN ('RS256', 'ES256', 'PS256', 'Ed25519')),
  ADD CONSTRAINT clients_userinfo_algorithm_check CHECK (userinfo_algorithm IN ('RS256', 'ES256', 'PS256', 'Ed25519')),
  ADD CONSTRAINT clients_id_token_encryption_check CHECK ((id_token_encryption IS NULL) = (id_token_encryption_method IS NULL)
    AND (id_token_encryption IS NULL OR jwks IS NOT NULL)
    AND id_token_encryption IN ('ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256') AND id_token_encryption_method IN ('A256GCM', 'A128CBC-HS256')),
  ADD CONSTRAINT clients_userinfo_encryption_check CHECK ((userinfo_encryption IS NULL) = (userinfo_encryption_method IS NULL)
    AND (userinfo_encryption IS NULL OR (jwks IS NOT NULL AND userinfo_algorithm IS NOT NULL))
    AND userinfo_encryption IN ('ECDH-ES', 'ECDH-ES+A256KW', 'RSA-OAEP-256') AND userinfo_encryption_method IN ('A256GCM', 'A128CBC-HS256')),
  ADD CONSTRAINT clients_subject_type_check CHECK (subject_type IN ('public', 'pairwise') AND (subject_type = 'public' OR sector IS NOT NULL)),
  ADD CONSTRAINT clients_default_max_age_check CHECK (default_max_age >= 0);

-- Subjects of pairwise clients are made with a key of the tenant's own, OpenID Connect Core §8.1: it is never replaced.
ALTER TABLE keys DROP CONSTRAINT keys_purpose_check;
ALTER TABLE keys ADD CONSTRAINT keys_purpose_check
  CHECK (purpose IN ('access_token', 'revocations', 'status_list', 'introspection', 'id_token', 'kek', 'mac', 'permutation', 'cookie', 'pairwise'));

-- Where a session was begun, for the person who looks for one that is not theirs.
ALTER TABLE sessions
  ADD COLUMN user_agent text,
  ADD COLUMN address    text;

-- `offline`: it outlives the session it was made in. `claims`: what the client asked for by name, OpenID Connect Core §5.5.
ALTER TABLE grants
  ADD COLUMN offline boolean NOT NULL DEFAULT false,
  ADD COLUMN claims  jsonb;

ALTER TABLE authorization_codes
  ADD COLUMN claims             jsonb,
  ADD COLUMN offline            boolean NOT NULL DEFAULT false,
  ADD COLUMN credential_version integer NOT NULL DEFAULT 0;
ALTER TABLE authorization_codes ALTER COLUMN credential_version DROP DEFAULT;

-- What a browser is in the middle of. Without the browser that began it, its id is worth nothing. No client: it is on its way to the
-- account's own page. `version` guards against two answers to one page.
ALTER TABLE sign_in_states
  ADD COLUMN browser_hash bytea NOT NULL,
  ADD COLUMN version      integer NOT NULL DEFAULT 0,
  ALTER COLUMN client_id DROP NOT NULL;

-- RFC 9126. A pushed request is used up when its authorization is done, not when it is first looked at.
CREATE TABLE pushed_requests (
  tenant_id  uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE ON UPDATE CASCADE,
  day        date NOT NULL,
  id_hash    bytea NOT NULL,
  client_id  text NOT NULL,
  params     jsonb NOT NULL,
  expires_at timestamptz(6) NOT NULL,
  used_at    timestamptz(6),
  PRIMARY KEY (tenant_id, day, id_hash)
) PARTITION BY LIST (day);
CREATE TABLE pushed_requests_default PARTITION OF pushed_requests DEFAULT;

-- What a user allowed a client, by API; the empty id stands for the tenant itself: who the user is.
CREATE TABLE consents (
  tenant_id  uuid NOT NULL,
  user_id    uuid NOT NULL,
  client_id  text NOT NULL,
  api_id     text NOT NULL,
  scope      text[] NOT NULL DEFAULT '{}',
  created_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  updated_at timestamptz(6) NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (tenant_id, user_id, client_id, api_id),
  CONSTRAINT consents_tenant_id_user_id_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT consents_tenant_id_client_id_fkey FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
);
CREATE INDEX consents_tenant_id_client_id_idx ON consents (tenant_id, client_id);

-- As before, with the partitions of pushed requests.
CREATE OR REPLACE PROCEDURE maintain_partitions(grant_lifetime interval, audit_months integer, INOUT made integer DEFAULT 0, INOUT dropped integer DEFAULT 0, INOUT postponed integer DEFAULT 0) LANGUAGE plpgsql AS $$
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
      ('pushed_requests', 'd', day, day + 7, day - 1, ''),
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
