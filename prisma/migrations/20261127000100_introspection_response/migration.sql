-- Signed and encrypted introspection responses (RFC 9701), and which signing keys an API has told it holds.

-- Keys of their own purpose sign them.
ALTER TABLE keys DROP CONSTRAINT keys_purpose_check, DROP CONSTRAINT keys_public_check;
ALTER TABLE keys
  ADD CONSTRAINT keys_purpose_check
    CHECK (purpose IN ('access_token', 'revocations', 'status_list', 'introspection', 'id_token', 'kek', 'mac', 'permutation', 'cookie')),
  ADD CONSTRAINT keys_public_check
    CHECK ((public_jwk IS NOT NULL) = (purpose IN ('access_token', 'revocations', 'status_list', 'introspection', 'id_token')));

-- RFC 9701 §6: RS256 unless told. Encryption is the API's own, as tokens are sealed with.
ALTER TABLE apis
  ADD COLUMN introspection_algorithm  text NOT NULL DEFAULT 'RS256',
  ADD COLUMN introspection_encryption boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT apis_introspection_algorithm_check CHECK (introspection_algorithm IN ('ES256', 'RS256', 'PS256', 'Ed25519')),
  ADD CONSTRAINT apis_introspection_encryption_check
    CHECK (NOT introspection_encryption OR (encryption_algorithm IS NOT NULL AND encryption_method IS NOT NULL));

-- What an API said when it read the revocation list. A key takes its rows along, and an API too.
CREATE TABLE api_known_keys (
  tenant_id uuid NOT NULL,
  api_id    text NOT NULL,
  kid       text NOT NULL,
  seen_at   timestamptz(6) NOT NULL,
  PRIMARY KEY (tenant_id, api_id, kid),
  CONSTRAINT api_known_keys_tenant_id_api_id_fkey FOREIGN KEY (tenant_id, api_id) REFERENCES apis (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE,
  CONSTRAINT api_known_keys_tenant_id_kid_fkey FOREIGN KEY (tenant_id, kid) REFERENCES keys (tenant_id, id) ON DELETE CASCADE ON UPDATE CASCADE
) WITH (fillfactor = 70);
CREATE INDEX api_known_keys_tenant_id_kid_idx ON api_known_keys (tenant_id, kid);
