-- A cart lives where it was made; at sign-in its lines move to one in the home region.
-- version counts changes. A write that names an old version is sent to -1 and refused by
-- the CHECK, so the whole batch it is part of fails.
CREATE TABLE IF NOT EXISTS carts (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  account_region crdb_internal_region,
  account_id uuid,
  currency text NOT NULL,
  country text NOT NULL,
  status text NOT NULL DEFAULT 'open',
  version int8 NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT carts_pkey PRIMARY KEY (region, id),
  CONSTRAINT carts_status_known CHECK (status IN ('open', 'ordered', 'merged')),
  CONSTRAINT carts_version_current CHECK (version > 0)
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE UNIQUE INDEX IF NOT EXISTS carts_open_account_key ON carts (region, account_id) WHERE account_id IS NOT NULL AND status = 'open';

CREATE INDEX IF NOT EXISTS carts_expires_idx ON carts (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;

CREATE TABLE IF NOT EXISTS cart_lines (
  region crdb_internal_region NOT NULL,
  cart_id uuid NOT NULL,
  sku text NOT NULL,
  quantity int8 NOT NULL,
  added_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT cart_lines_pkey PRIMARY KEY (region, cart_id, sku),
  CONSTRAINT cart_lines_cart_fkey FOREIGN KEY (region, cart_id) REFERENCES carts (region, id) ON DELETE CASCADE,
  CONSTRAINT cart_lines_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT cart_lines_quantity_allowed CHECK (quantity BETWEEN 1 AND 10000)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;
