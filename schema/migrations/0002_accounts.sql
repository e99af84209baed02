-- Customers. Personal data is in accounts, addresses and orders only, in the home region.

-- The key a sign-in is found by: HMAC of the normalised e-mail address. It holds no
-- personal data, so it may be GLOBAL, and sign-in is local everywhere.
CREATE TABLE IF NOT EXISTS email_directory (
  email_hash bytea NOT NULL,
  region crdb_internal_region NOT NULL,
  account_id uuid NOT NULL,
  CONSTRAINT email_directory_pkey PRIMARY KEY (email_hash)
) /*crdb LOCALITY GLOBAL */;

-- Access tokens are signed with the newest key that is not retired; verified with any that
-- has not expired. private_key is sealed (AES-256-GCM) under the deployment's secret.
CREATE TABLE IF NOT EXISTS signing_keys (
  kid text NOT NULL,
  public_key bytea NOT NULL,
  private_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  sign_from timestamptz NOT NULL,
  sign_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
) /*crdb LOCALITY GLOBAL */;

-- seller_id is set for role 'seller'. session_epoch is raised by "sign out everywhere".
CREATE TABLE IF NOT EXISTS accounts (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  email text NOT NULL,
  email_hash bytea NOT NULL,
  name text NOT NULL,
  country text NOT NULL,
  password_hash text NOT NULL,
  roles text[] NOT NULL DEFAULT ARRAY['shopper'],
  seller_id uuid,
  status text NOT NULL DEFAULT 'active',
  session_epoch int8 NOT NULL DEFAULT 1,
  failed_sign_ins int8 NOT NULL DEFAULT 0,
  locked_until timestamptz,
  version int8 NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT accounts_pkey PRIMARY KEY (region, id),
  CONSTRAINT accounts_status_known CHECK (status IN ('active', 'suspended', 'closed')),
  CONSTRAINT accounts_version_current CHECK (version > 0)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE UNIQUE INDEX IF NOT EXISTS accounts_email_key ON accounts (region, email_hash);

CREATE TABLE IF NOT EXISTS addresses (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  label text NOT NULL DEFAULT '',
  name text NOT NULL,
  line1 text NOT NULL,
  line2 text NOT NULL DEFAULT '',
  city text NOT NULL,
  state text NOT NULL DEFAULT '',
  postcode text NOT NULL DEFAULT '',
  country text NOT NULL,
  phone text NOT NULL DEFAULT '',
  is_default bool NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT addresses_pkey PRIMARY KEY (region, id),
  CONSTRAINT addresses_account_fkey FOREIGN KEY (region, account_id) REFERENCES accounts (region, id) ON DELETE CASCADE
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS addresses_account_idx ON addresses (region, account_id);

-- Refresh tokens. A family is one sign-in; every refresh uses its token up and adds one.
-- A used token that comes back means theft: the whole family is revoked.
CREATE TABLE IF NOT EXISTS refresh_tokens (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  account_id uuid NOT NULL,
  family_id uuid NOT NULL,
  token_hash bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  revoked_at timestamptz,
  CONSTRAINT refresh_tokens_pkey PRIMARY KEY (region, id),
  CONSTRAINT refresh_tokens_account_fkey FOREIGN KEY (region, account_id) REFERENCES accounts (region, id) ON DELETE CASCADE
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS refresh_tokens_family_idx ON refresh_tokens (region, family_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_account_idx ON refresh_tokens (region, account_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_expires_idx ON refresh_tokens (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;
