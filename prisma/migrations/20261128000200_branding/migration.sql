-- How a tenant's pages look: a few settings, and a picture that browsers are sure to take for one.
ALTER TABLE tenants
  ADD COLUMN branding  jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN logo      bytea,
  ADD COLUMN logo_type text,
  ADD CONSTRAINT tenants_branding_check CHECK (jsonb_typeof(branding) = 'object'),
  ADD CONSTRAINT tenants_logo_check CHECK ((logo IS NULL) = (logo_type IS NULL) AND octet_length(logo) BETWEEN 1 AND 262144),
  ADD CONSTRAINT tenants_logo_type_check CHECK (logo_type IN ('image/png', 'image/jpeg', 'image/webp'));
