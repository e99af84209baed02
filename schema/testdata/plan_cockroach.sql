ALTER DATABASE "shop" PRIMARY REGION "us-east";

ALTER DATABASE "shop" ADD REGION IF NOT EXISTS "ap-southeast";

ALTER DATABASE "shop" ADD REGION IF NOT EXISTS "eu-west";

ALTER DATABASE "shop" ADD REGION IF NOT EXISTS "us-west";

ALTER DATABASE "shop" SURVIVE REGION FAILURE;

CREATE TABLE IF NOT EXISTS sellers (
  id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sellers_pkey PRIMARY KEY (id),
  CONSTRAINT sellers_status_known CHECK (status IN ('active', 'suspended'))
) LOCALITY GLOBAL;

CREATE UNIQUE INDEX IF NOT EXISTS sellers_slug_key ON sellers (slug);

CREATE TABLE IF NOT EXISTS categories (
  id text NOT NULL,
  parent_id text,
  slug text NOT NULL,
  name text NOT NULL,
  path text NOT NULL,
  level int8 NOT NULL,
  position int8 NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT categories_pkey PRIMARY KEY (id),
  CONSTRAINT categories_parent_fkey FOREIGN KEY (parent_id) REFERENCES categories (id),
  CONSTRAINT categories_not_own_parent CHECK (parent_id IS NULL OR parent_id <> id)
) LOCALITY GLOBAL;

CREATE UNIQUE INDEX IF NOT EXISTS categories_slug_key ON categories (slug);

CREATE UNIQUE INDEX IF NOT EXISTS categories_path_key ON categories (path);

CREATE TABLE IF NOT EXISTS products (
  id uuid NOT NULL,
  seller_id uuid NOT NULL,
  seller_key text NOT NULL,
  slug text NOT NULL,
  title text NOT NULL,
  description text NOT NULL DEFAULT '',
  brand text NOT NULL DEFAULT '',
  category_id text NOT NULL,
  tax_category text NOT NULL DEFAULT 'standard',
  attributes jsonb NOT NULL DEFAULT '{}',
  images jsonb NOT NULL DEFAULT '[]',
  status text NOT NULL DEFAULT 'draft',
  version int8 NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT products_pkey PRIMARY KEY (id),
  CONSTRAINT products_seller_fkey FOREIGN KEY (seller_id) REFERENCES sellers (id),
  CONSTRAINT products_category_fkey FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT products_status_known CHECK (status IN ('draft', 'active', 'archived')),
  CONSTRAINT products_tax_category_known CHECK (tax_category IN ('standard', 'reduced', 'zero')),
  CONSTRAINT products_version_current CHECK (version > 0)
) LOCALITY GLOBAL;

CREATE UNIQUE INDEX IF NOT EXISTS products_seller_key_key ON products (seller_id, seller_key);

CREATE UNIQUE INDEX IF NOT EXISTS products_slug_key ON products (slug);

CREATE INDEX IF NOT EXISTS products_category_idx ON products (category_id);

CREATE INDEX IF NOT EXISTS products_updated_idx ON products (updated_at) USING HASH WITH (bucket_count = 8);

CREATE TABLE IF NOT EXISTS category_products (
  category_id text NOT NULL,
  product_id uuid NOT NULL,
  listed_at timestamptz NOT NULL,
  CONSTRAINT category_products_pkey PRIMARY KEY (category_id, product_id),
  CONSTRAINT category_products_category_fkey FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT category_products_product_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
) LOCALITY GLOBAL;

CREATE INDEX IF NOT EXISTS category_products_listed_idx ON category_products (category_id, listed_at DESC, product_id DESC);

CREATE INDEX IF NOT EXISTS category_products_product_idx ON category_products (product_id);

CREATE TABLE IF NOT EXISTS skus (
  sku text NOT NULL,
  product_id uuid NOT NULL,
  position int8 NOT NULL DEFAULT 0,
  barcode text NOT NULL DEFAULT '',
  options jsonb NOT NULL DEFAULT '{}',
  weight_grams int8 NOT NULL DEFAULT 0,
  status text NOT NULL DEFAULT 'active',
  CONSTRAINT skus_pkey PRIMARY KEY (sku),
  CONSTRAINT skus_product_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT skus_status_known CHECK (status IN ('active', 'archived')),
  CONSTRAINT skus_weight_not_negative CHECK (weight_grams >= 0)
) LOCALITY GLOBAL;

CREATE INDEX IF NOT EXISTS skus_product_idx ON skus (product_id, position);

CREATE TABLE IF NOT EXISTS prices (
  sku text NOT NULL,
  currency text NOT NULL,
  amount_minor int8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT prices_pkey PRIMARY KEY (sku, currency),
  CONSTRAINT prices_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT prices_not_negative CHECK (amount_minor >= 0)
) LOCALITY GLOBAL;

CREATE TABLE IF NOT EXISTS email_directory (
  email_hash bytea NOT NULL,
  region crdb_internal_region NOT NULL,
  account_id uuid NOT NULL,
  CONSTRAINT email_directory_pkey PRIMARY KEY (email_hash)
) LOCALITY GLOBAL;

CREATE TABLE IF NOT EXISTS signing_keys (
  kid text NOT NULL,
  public_key bytea NOT NULL,
  private_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  sign_from timestamptz NOT NULL,
  sign_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
) LOCALITY GLOBAL;

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
) LOCALITY REGIONAL BY ROW AS region;

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
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS addresses_account_idx ON addresses (region, account_id);

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
) WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS refresh_tokens_family_idx ON refresh_tokens (region, family_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_account_idx ON refresh_tokens (region, account_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_expires_idx ON refresh_tokens (expires_at) USING HASH WITH (bucket_count = 8);

CREATE TABLE IF NOT EXISTS warehouses (
  code text NOT NULL,
  region crdb_internal_region NOT NULL,
  title text NOT NULL,
  country text NOT NULL,
  latitude float8 NOT NULL,
  longitude float8 NOT NULL,
  active bool NOT NULL DEFAULT true,
  CONSTRAINT warehouses_pkey PRIMARY KEY (code)
) LOCALITY GLOBAL;

CREATE TABLE IF NOT EXISTS stock (
  region crdb_internal_region NOT NULL,
  sku text NOT NULL,
  warehouse text NOT NULL,
  on_hand int8 NOT NULL DEFAULT 0,
  reserved int8 NOT NULL DEFAULT 0,
  allocated int8 NOT NULL DEFAULT 0,
  reorder_point int8 NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_pkey PRIMARY KEY (region, sku, warehouse),
  CONSTRAINT stock_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT stock_warehouse_fkey FOREIGN KEY (warehouse) REFERENCES warehouses (code),
  CONSTRAINT stock_not_negative CHECK (on_hand >= 0 AND reserved >= 0 AND allocated >= 0),
  CONSTRAINT stock_not_oversold CHECK (reserved + allocated <= on_hand),
  CONSTRAINT stock_reorder_point_not_negative CHECK (reorder_point >= 0)
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS stock_warehouse_idx ON stock (region, warehouse, sku);

CREATE TABLE IF NOT EXISTS reservations (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  sku text NOT NULL,
  warehouse text NOT NULL,
  order_region crdb_internal_region NOT NULL,
  order_id uuid NOT NULL,
  line_no int8 NOT NULL,
  quantity int8 NOT NULL,
  status text NOT NULL DEFAULT 'held',
  transition_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT reservations_pkey PRIMARY KEY (region, id),
  CONSTRAINT reservations_stock_fkey FOREIGN KEY (region, sku, warehouse) REFERENCES stock (region, sku, warehouse),
  CONSTRAINT reservations_status_known CHECK (status IN ('held', 'allocated', 'released', 'shipped')),
  CONSTRAINT reservations_quantity_positive CHECK (quantity > 0)
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS reservations_order_idx ON reservations (region, order_id);

CREATE INDEX IF NOT EXISTS reservations_sku_idx ON reservations (region, sku, warehouse);

CREATE TABLE IF NOT EXISTS stock_movements (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  sku text NOT NULL,
  warehouse text NOT NULL,
  kind text NOT NULL,
  on_hand_delta int8 NOT NULL DEFAULT 0,
  reserved_delta int8 NOT NULL DEFAULT 0,
  allocated_delta int8 NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  actor text NOT NULL,
  reference text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_movements_pkey PRIMARY KEY (region, id),
  CONSTRAINT stock_movements_stock_fkey FOREIGN KEY (region, sku, warehouse) REFERENCES stock (region, sku, warehouse),
  CONSTRAINT stock_movements_kind_known CHECK (kind IN ('receive', 'adjust', 'transfer_in', 'transfer_out', 'reserve', 'release', 'allocate', 'deallocate', 'ship', 'return'))
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS stock_movements_stock_idx ON stock_movements (region, sku, warehouse, at);

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
) WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region;

CREATE UNIQUE INDEX IF NOT EXISTS carts_open_account_key ON carts (region, account_id) WHERE account_id IS NOT NULL AND status = 'open';

CREATE INDEX IF NOT EXISTS carts_expires_idx ON carts (expires_at) USING HASH WITH (bucket_count = 8);

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
) LOCALITY REGIONAL BY ROW AS region;

CREATE TABLE IF NOT EXISTS orders (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  account_id uuid,
  cart_region crdb_internal_region NOT NULL,
  cart_id uuid NOT NULL,
  status text NOT NULL,
  cancel_reason text NOT NULL DEFAULT '',
  version int8 NOT NULL DEFAULT 1,
  transition_id uuid NOT NULL,
  stock_regions crdb_internal_region[] NOT NULL,
  currency text NOT NULL,
  country text NOT NULL,
  subtotal_minor int8 NOT NULL,
  shipping_minor int8 NOT NULL,
  tax_minor int8 NOT NULL,
  total_minor int8 NOT NULL,
  prices_include_tax bool NOT NULL,
  email text NOT NULL,
  ship_to jsonb NOT NULL,
  placed_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  CONSTRAINT orders_pkey PRIMARY KEY (region, id),
  CONSTRAINT orders_account_fkey FOREIGN KEY (region, account_id) REFERENCES accounts (region, id),
  CONSTRAINT orders_status_known CHECK (status IN ('pending_payment', 'paid', 'packed', 'shipped', 'delivered', 'returned', 'refunded', 'cancelled')),
  CONSTRAINT orders_cancel_reason_known CHECK (cancel_reason IN ('', 'payment_failed', 'expired', 'by_customer', 'by_operator')),
  CONSTRAINT orders_version_current CHECK (version > 0),
  CONSTRAINT orders_amounts_not_negative CHECK (subtotal_minor >= 0 AND shipping_minor >= 0 AND tax_minor >= 0 AND total_minor >= 0)
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS orders_account_idx ON orders (region, account_id, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_status_idx ON orders (region, status, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_expires_idx ON orders (expires_at) USING HASH WITH (bucket_count = 8)  WHERE status = 'pending_payment';

CREATE UNIQUE INDEX IF NOT EXISTS orders_cart_key ON orders (region, cart_id);

CREATE TABLE IF NOT EXISTS order_lines (
  region crdb_internal_region NOT NULL,
  order_id uuid NOT NULL,
  line_no int8 NOT NULL,
  sku text NOT NULL,
  product_id uuid NOT NULL,
  title text NOT NULL,
  quantity int8 NOT NULL,
  unit_price_minor int8 NOT NULL,
  subtotal_minor int8 NOT NULL,
  tax_rate_bp int8 NOT NULL,
  tax_minor int8 NOT NULL,
  total_minor int8 NOT NULL,
  refunded_quantity int8 NOT NULL DEFAULT 0,
  refunded_minor int8 NOT NULL DEFAULT 0,
  CONSTRAINT order_lines_pkey PRIMARY KEY (region, order_id, line_no),
  CONSTRAINT order_lines_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id),
  CONSTRAINT order_lines_quantity_positive CHECK (quantity > 0),
  CONSTRAINT order_lines_refund_within CHECK (refunded_quantity BETWEEN 0 AND quantity AND refunded_minor BETWEEN 0 AND total_minor)
) LOCALITY REGIONAL BY ROW AS region;

CREATE TABLE IF NOT EXISTS order_history (
  region crdb_internal_region NOT NULL,
  order_id uuid NOT NULL,
  version int8 NOT NULL,
  status text NOT NULL,
  reason text NOT NULL DEFAULT '',
  actor text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT order_history_pkey PRIMARY KEY (region, order_id, version),
  CONSTRAINT order_history_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id)
) LOCALITY REGIONAL BY ROW AS region;

CREATE TABLE IF NOT EXISTS payments (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  provider text NOT NULL,
  provider_ref text NOT NULL DEFAULT '',
  method text NOT NULL DEFAULT '',
  status text NOT NULL DEFAULT 'pending',
  failure_code text NOT NULL DEFAULT '',
  currency text NOT NULL,
  amount_minor int8 NOT NULL,
  captured_minor int8 NOT NULL DEFAULT 0,
  refunded_minor int8 NOT NULL DEFAULT 0,
  transition_id uuid NOT NULL,
  attempts int8 NOT NULL DEFAULT 0,
  next_check_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payments_pkey PRIMARY KEY (region, id),
  CONSTRAINT payments_id_is_order CHECK (id = order_id),
  CONSTRAINT payments_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id),
  CONSTRAINT payments_status_known CHECK (status IN ('pending', 'requires_action', 'captured', 'failed', 'cancelled')),
  CONSTRAINT payments_captured_within CHECK (captured_minor BETWEEN 0 AND amount_minor),
  CONSTRAINT payments_refunded_within CHECK (refunded_minor BETWEEN 0 AND captured_minor)
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS payments_check_idx ON payments (next_check_at) USING HASH WITH (bucket_count = 8)  WHERE status IN ('pending', 'requires_action');

CREATE TABLE IF NOT EXISTS refunds (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  payment_id uuid NOT NULL,
  amount_minor int8 NOT NULL,
  currency text NOT NULL,
  reason text NOT NULL,
  actor text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  provider_ref text NOT NULL DEFAULT '',
  failure_code text NOT NULL DEFAULT '',
  lines jsonb NOT NULL DEFAULT '[]',
  attempts int8 NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT refunds_pkey PRIMARY KEY (region, id),
  CONSTRAINT refunds_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id),
  CONSTRAINT refunds_payment_fkey FOREIGN KEY (region, payment_id) REFERENCES payments (region, id),
  CONSTRAINT refunds_status_known CHECK (status IN ('pending', 'succeeded', 'failed', 'replaced')),
  CONSTRAINT refunds_amount_positive CHECK (amount_minor > 0)
) LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS refunds_order_idx ON refunds (region, order_id);

CREATE INDEX IF NOT EXISTS refunds_due_idx ON refunds (next_attempt_at) USING HASH WITH (bucket_count = 8)  WHERE status = 'pending';

CREATE TABLE IF NOT EXISTS shipments (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  order_id uuid NOT NULL,
  warehouse text NOT NULL,
  carrier text NOT NULL DEFAULT '',
  tracking text NOT NULL DEFAULT '',
  shipped_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  CONSTRAINT shipments_pkey PRIMARY KEY (region, id),
  CONSTRAINT shipments_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id)
) LOCALITY REGIONAL BY ROW AS region;

CREATE UNIQUE INDEX IF NOT EXISTS shipments_order_key ON shipments (region, order_id, warehouse);

CREATE TABLE IF NOT EXISTS webhook_inbox (
  region crdb_internal_region NOT NULL,
  provider text NOT NULL,
  event_id text NOT NULL,
  event jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  attempts int8 NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  last_error text NOT NULL DEFAULT '',
  expires_at timestamptz,
  CONSTRAINT webhook_inbox_pkey PRIMARY KEY (region, provider, event_id)
) WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@daily') LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS webhook_inbox_due_idx ON webhook_inbox (next_attempt_at) USING HASH WITH (bucket_count = 8)  WHERE processed_at IS NULL;

CREATE INDEX IF NOT EXISTS webhook_inbox_expires_idx ON webhook_inbox (expires_at) USING HASH WITH (bucket_count = 8);

CREATE TABLE IF NOT EXISTS outbox (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  topic text NOT NULL,
  key text NOT NULL,
  payload jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  delivered_at timestamptz,
  attempts int8 NOT NULL DEFAULT 0,
  next_attempt_at timestamptz NOT NULL DEFAULT now(),
  last_error text NOT NULL DEFAULT '',
  expires_at timestamptz,
  CONSTRAINT outbox_pkey PRIMARY KEY (region, id)
) WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS outbox_due_idx ON outbox (next_attempt_at) USING HASH WITH (bucket_count = 16)  WHERE delivered_at IS NULL;

CREATE INDEX IF NOT EXISTS outbox_expires_idx ON outbox (expires_at) USING HASH WITH (bucket_count = 16);

CREATE TABLE IF NOT EXISTS idempotency_keys (
  region crdb_internal_region NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  resource text NOT NULL DEFAULT '',
  status int8 NOT NULL,
  answer text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + INTERVAL '3 days',
  CONSTRAINT idempotency_keys_pkey PRIMARY KEY (region, scope, key)
) WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region;

CREATE INDEX IF NOT EXISTS idempotency_keys_expires_idx ON idempotency_keys (expires_at) USING HASH WITH (bucket_count = 8);

CREATE TABLE IF NOT EXISTS imports (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  seller_id uuid NOT NULL,
  source text NOT NULL,
  format text NOT NULL,
  policy text NOT NULL,
  status text NOT NULL DEFAULT 'running',
  lines_done int8 NOT NULL DEFAULT 0,
  products_written int8 NOT NULL DEFAULT 0,
  products_unchanged int8 NOT NULL DEFAULT 0,
  lines_bad int8 NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  CONSTRAINT imports_pkey PRIMARY KEY (region, id),
  CONSTRAINT imports_seller_fkey FOREIGN KEY (seller_id) REFERENCES sellers (id),
  CONSTRAINT imports_format_known CHECK (format IN ('csv', 'ndjson')),
  CONSTRAINT imports_policy_known CHECK (policy IN ('keep_good', 'all_or_nothing')),
  CONSTRAINT imports_status_known CHECK (status IN ('running', 'done', 'failed'))
) LOCALITY REGIONAL BY ROW AS region;

CREATE UNIQUE INDEX IF NOT EXISTS imports_source_key ON imports (region, seller_id, source) WHERE status = 'running';

CREATE INDEX IF NOT EXISTS imports_seller_idx ON imports (region, seller_id, created_at DESC);

CREATE TABLE IF NOT EXISTS import_errors (
  region crdb_internal_region NOT NULL,
  import_id uuid NOT NULL,
  line int8 NOT NULL,
  field text NOT NULL,
  reason text NOT NULL,
  CONSTRAINT import_errors_pkey PRIMARY KEY (region, import_id, line, field),
  CONSTRAINT import_errors_import_fkey FOREIGN KEY (region, import_id) REFERENCES imports (region, id) ON DELETE CASCADE
) LOCALITY REGIONAL BY ROW AS region;

ALTER TABLE stock ADD COLUMN IF NOT EXISTS alerted_at timestamptz;

CREATE INDEX IF NOT EXISTS stock_alerts_due_idx ON stock (region, sku, warehouse) WHERE (alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point);

ALTER TABLE payments ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

ALTER TABLE webhook_inbox ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS expiry_attempts int8 NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS next_expiry_at timestamptz;

ALTER TABLE stock ADD COLUMN IF NOT EXISTS alert_due bool NOT NULL GENERATED ALWAYS AS ((alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point)) STORED;

DROP INDEX IF EXISTS stock_alerts_due_idx;

CREATE INDEX IF NOT EXISTS stock_alert_due_idx ON stock (region, sku, warehouse) WHERE alert_due;
