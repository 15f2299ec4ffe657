-- What the server that runs on this database calls itself. Scripts make issuers of it: one that was given another PUBLIC_URL, or
-- none, would revoke in the name of an issuer that no token has.
ALTER TABLE installation ADD COLUMN public_url text;
