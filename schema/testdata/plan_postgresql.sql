DO $$ BEGIN CREATE TYPE crdb_internal_region AS ENUM ('us-east', 'ap-southeast', 'eu-west', 'us-west'); EXCEPTION WHEN duplicate_object THEN NULL; END $$;

ALTER TYPE crdb_internal_region ADD VALUE IF NOT EXISTS 'us-east';

ALTER TYPE crdb_internal_region ADD VALUE IF NOT EXISTS 'ap-southeast';

ALTER TYPE crdb_internal_region ADD VALUE IF NOT EXISTS 'eu-west';

ALTER TYPE crdb_internal_region ADD VALUE IF NOT EXISTS 'us-west';

CREATE TABLE IF NOT EXISTS sellers (
  id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sellers_pkey PRIMARY KEY (id),
  CONSTRAINT sellers_status_known CHECK (status IN ('active', 'suspended'))
);

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
);

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
);

CREATE UNIQUE INDEX IF NOT EXISTS products_seller_key_key ON products (seller_id, seller_key);

CREATE UNIQUE INDEX IF NOT EXISTS products_slug_key ON products (slug);

CREATE INDEX IF NOT EXISTS products_category_idx ON products (category_id);

CREATE INDEX IF NOT EXISTS products_updated_idx ON products (updated_at);

CREATE TABLE IF NOT EXISTS category_products (
  category_id text NOT NULL,
  product_id uuid NOT NULL,
  listed_at timestamptz NOT NULL,
  CONSTRAINT category_products_pkey PRIMARY KEY (category_id, product_id),
  CONSTRAINT category_products_category_fkey FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT category_products_product_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
);

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
);

CREATE INDEX IF NOT EXISTS skus_product_idx ON skus (product_id, position);

CREATE TABLE IF NOT EXISTS prices (
  sku text NOT NULL,
  currency text NOT NULL,
  amount_minor int8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT prices_pkey PRIMARY KEY (sku, currency),
  CONSTRAINT prices_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT prices_not_negative CHECK (amount_minor >= 0)
);

CREATE TABLE IF NOT EXISTS email_directory (
  email_hash bytea NOT NULL,
  region crdb_internal_region NOT NULL,
  account_id uuid NOT NULL,
  CONSTRAINT email_directory_pkey PRIMARY KEY (email_hash)
);

CREATE TABLE IF NOT EXISTS signing_keys (
  kid text NOT NULL,
  public_key bytea NOT NULL,
  private_key bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  sign_from timestamptz NOT NULL,
  sign_until timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  CONSTRAINT signing_keys_pkey PRIMARY KEY (kid)
);

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
);

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
);

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
);

CREATE INDEX IF NOT EXISTS refresh_tokens_family_idx ON refresh_tokens (region, family_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_account_idx ON refresh_tokens (region, account_id);

CREATE INDEX IF NOT EXISTS refresh_tokens_expires_idx ON refresh_tokens (expires_at);

CREATE TABLE IF NOT EXISTS warehouses (
  code text NOT NULL,
  region crdb_internal_region NOT NULL,
  title text NOT NULL,
  country text NOT NULL,
  latitude float8 NOT NULL,
  longitude float8 NOT NULL,
  active bool NOT NULL DEFAULT true,
  CONSTRAINT warehouses_pkey PRIMARY KEY (code)
);

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
);

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
);

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
);

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
);

CREATE UNIQUE INDEX IF NOT EXISTS carts_open_account_key ON carts (region, account_id) WHERE account_id IS NOT NULL AND status = 'open';

CREATE INDEX IF NOT EXISTS carts_expires_idx ON carts (expires_at);

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
);

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
);

CREATE INDEX IF NOT EXISTS orders_account_idx ON orders (region, account_id, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_status_idx ON orders (region, status, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_expires_idx ON orders (expires_at)  WHERE status = 'pending_payment';

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
);

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
);

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
);

CREATE INDEX IF NOT EXISTS payments_check_idx ON payments (next_check_at)  WHERE status IN ('pending', 'requires_action');

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
);

CREATE INDEX IF NOT EXISTS refunds_order_idx ON refunds (region, order_id);

CREATE INDEX IF NOT EXISTS refunds_due_idx ON refunds (next_attempt_at)  WHERE status = 'pending';

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
);

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
);

CREATE INDEX IF NOT EXISTS webhook_inbox_due_idx ON webhook_inbox (next_attempt_at)  WHERE processed_at IS NULL;

CREATE INDEX IF NOT EXISTS webhook_inbox_expires_idx ON webhook_inbox (expires_at);

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
);

CREATE INDEX IF NOT EXISTS outbox_due_idx ON outbox (next_attempt_at)  WHERE delivered_at IS NULL;

CREATE INDEX IF NOT EXISTS outbox_expires_idx ON outbox (expires_at);

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
);

CREATE INDEX IF NOT EXISTS idempotency_keys_expires_idx ON idempotency_keys (expires_at);

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
);

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
);

ALTER TABLE stock ADD COLUMN IF NOT EXISTS alerted_at timestamptz;

CREATE INDEX IF NOT EXISTS stock_alerts_due_idx ON stock (region, sku, warehouse) WHERE (alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point);

ALTER TABLE payments ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

ALTER TABLE webhook_inbox ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS expiry_attempts int8 NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS next_expiry_at timestamptz;

ALTER TABLE stock ADD COLUMN IF NOT EXISTS alert_due bool NOT NULL GENERATED ALWAYS AS ((alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point)) STORED;

DROP INDEX IF EXISTS stock_alerts_due_idx;

CREATE INDEX IF NOT EXISTS stock_alert_due_idx ON stock (region, sku, warehouse) WHERE alert_due;

ALTER TABLE stock SET (fillfactor = 50);

ALTER TABLE reservations SET (fillfactor = 50);

DROP INDEX IF EXISTS orders_expires_idx;

CREATE INDEX IF NOT EXISTS orders_expires_by_region_idx ON orders (region, expires_at) WHERE status = 'pending_payment';

DROP INDEX IF EXISTS payments_check_idx;

CREATE INDEX IF NOT EXISTS payments_check_by_region_idx ON payments (region, next_check_at) WHERE status IN ('pending', 'requires_action');

DROP INDEX IF EXISTS refunds_due_idx;

CREATE INDEX IF NOT EXISTS refunds_due_by_region_idx ON refunds (region, next_attempt_at) WHERE status = 'pending';

DROP INDEX IF EXISTS webhook_inbox_due_idx;

CREATE INDEX IF NOT EXISTS webhook_inbox_due_by_region_idx ON webhook_inbox (region, next_attempt_at) WHERE processed_at IS NULL;

DROP INDEX IF EXISTS outbox_due_idx;

CREATE INDEX IF NOT EXISTS outbox_due_by_region_idx ON outbox (region, next_attempt_at) WHERE delivered_at IS NULL;

CREATE TABLE IF NOT EXISTS pricing_state (
  id text NOT NULL,
  version int8 NOT NULL DEFAULT 1,
  changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pricing_state_pkey PRIMARY KEY (id)
);

INSERT INTO pricing_state (id) VALUES ('rules') ON CONFLICT (id) DO NOTHING;

CREATE TABLE IF NOT EXISTS price_changes (
  id uuid NOT NULL,
  kind text NOT NULL,
  subject text NOT NULL,
  status text NOT NULL,
  needs_approval bool NOT NULL,
  reason text NOT NULL,
  old jsonb NOT NULL DEFAULT '{}',
  new jsonb NOT NULL DEFAULT '{}',
  effect jsonb NOT NULL DEFAULT '{}',
  requested_by text NOT NULL,
  requested_at timestamptz NOT NULL DEFAULT now(),
  decided_by text NOT NULL DEFAULT '',
  decided_at timestamptz,
  CONSTRAINT price_changes_pkey PRIMARY KEY (id),
  CONSTRAINT price_changes_status_known CHECK (status IN ('pending', 'applied', 'rejected')),
  CONSTRAINT price_changes_decided CHECK (status = 'pending' OR decided_at IS NOT NULL),
  CONSTRAINT price_changes_two_people CHECK (NOT needs_approval OR status <> 'applied' OR (decided_by <> '' AND decided_by <> requested_by)),
  CONSTRAINT price_changes_reason_given CHECK (reason <> '')
);

CREATE INDEX IF NOT EXISTS price_changes_requested_idx ON price_changes (requested_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS price_changes_subject_idx ON price_changes (kind, subject, requested_at DESC, id DESC);

CREATE TABLE IF NOT EXISTS price_change_lines (
  change_id uuid NOT NULL,
  line_no int8 NOT NULL,
  list text NOT NULL,
  sku text NOT NULL,
  min_quantity int8 NOT NULL,
  amount_minor int8,
  valid_from timestamptz,
  valid_to timestamptz,
  CONSTRAINT price_change_lines_pkey PRIMARY KEY (change_id, line_no),
  CONSTRAINT price_change_lines_change_fkey FOREIGN KEY (change_id) REFERENCES price_changes (id)
);

CREATE TABLE IF NOT EXISTS markets (
  code text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  title text NOT NULL,
  countries text[] NOT NULL,
  currency text NOT NULL,
  prices_include_tax bool NOT NULL,
  multiplier text NOT NULL,
  rounding jsonb NOT NULL DEFAULT '{}',
  change_id uuid,
  CONSTRAINT markets_pkey PRIMARY KEY (code, valid_from),
  CONSTRAINT markets_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

CREATE TABLE IF NOT EXISTS rounding_rules (
  name text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  modulus_minor int8 NOT NULL,
  ending_minor int8 NOT NULL,
  mode text NOT NULL,
  change_id uuid,
  CONSTRAINT rounding_rules_pkey PRIMARY KEY (name, valid_from),
  CONSTRAINT rounding_rules_period CHECK (valid_to IS NULL OR valid_to >= valid_from),
  CONSTRAINT rounding_rules_ending CHECK (modulus_minor > 0 AND ending_minor >= 0 AND ending_minor < modulus_minor),
  CONSTRAINT rounding_rules_mode_known CHECK (mode IN ('half_even', 'half_up'))
);

CREATE TABLE IF NOT EXISTS tax_rates (
  country text NOT NULL,
  state text NOT NULL,
  category text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  rate_mpct int8 NOT NULL,
  source text NOT NULL,
  change_id uuid,
  CONSTRAINT tax_rates_pkey PRIMARY KEY (country, state, category, valid_from),
  CONSTRAINT tax_rates_period CHECK (valid_to IS NULL OR valid_to >= valid_from),
  CONSTRAINT tax_rates_within CHECK (rate_mpct BETWEEN 0 AND 100000)
);

CREATE TABLE IF NOT EXISTS fx_rates (
  currency text NOT NULL,
  source text NOT NULL,
  day text NOT NULL,
  rate text NOT NULL,
  status text NOT NULL,
  valid_from timestamptz,
  valid_to timestamptz,
  imported_at timestamptz NOT NULL DEFAULT now(),
  change_id uuid,
  CONSTRAINT fx_rates_pkey PRIMARY KEY (currency, source, day),
  CONSTRAINT fx_rates_status_known CHECK (status IN ('in_force', 'held', 'rejected')),
  CONSTRAINT fx_rates_in_force_since CHECK ((status = 'in_force') = (valid_from IS NOT NULL)),
  CONSTRAINT fx_rates_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

CREATE INDEX IF NOT EXISTS fx_rates_time_idx ON fx_rates (currency, valid_from DESC);

CREATE TABLE IF NOT EXISTS price_lists (
  code text NOT NULL,
  title text NOT NULL,
  kind text NOT NULL,
  currency text NOT NULL,
  market text NOT NULL DEFAULT '',
  customer_group text NOT NULL DEFAULT '',
  priority int8 NOT NULL DEFAULT 0,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  version int8 NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(),
  change_id uuid,
  CONSTRAINT price_lists_pkey PRIMARY KEY (code),
  CONSTRAINT price_lists_kind_known CHECK (kind IN ('catalogue', 'regular', 'sale', 'cost')),
  CONSTRAINT price_lists_version_current CHECK (version > 0),
  CONSTRAINT price_lists_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

CREATE TABLE IF NOT EXISTS price_entries (
  sku text NOT NULL,
  list text NOT NULL,
  min_quantity int8 NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  amount_minor int8 NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  change_id uuid,
  CONSTRAINT price_entries_pkey PRIMARY KEY (sku, list, min_quantity, valid_from),
  CONSTRAINT price_entries_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT price_entries_list_fkey FOREIGN KEY (list) REFERENCES price_lists (code),
  CONSTRAINT price_entries_min_quantity_positive CHECK (min_quantity > 0),
  CONSTRAINT price_entries_not_negative CHECK (amount_minor >= 0),
  CONSTRAINT price_entries_period CHECK (valid_to IS NULL OR valid_to >= valid_from)
);

CREATE INDEX IF NOT EXISTS price_entries_list_idx ON price_entries (list, sku, min_quantity, valid_from);

CREATE INDEX IF NOT EXISTS price_entries_changed_idx ON price_entries (changed_at);

ALTER TABLE skus ADD COLUMN IF NOT EXISTS base_currency text NOT NULL DEFAULT '';

INSERT INTO price_lists (code, title, kind, currency, valid_from) SELECT DISTINCT 'catalogue-' || p.currency, 'Catalogue, ' || p.currency, 'catalogue', p.currency, TIMESTAMPTZ '1970-01-01 00:00:00+00' FROM prices p ON CONFLICT (code) DO NOTHING;

INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor) SELECT p.sku, 'catalogue-' || p.currency, 1, p.updated_at, p.amount_minor FROM prices p ON CONFLICT (sku, list, min_quantity, valid_from) DO NOTHING;

UPDATE skus SET base_currency = coalesce((SELECT min(CASE p.currency WHEN 'EUR' THEN '' ELSE p.currency END) FROM prices p WHERE p.sku = skus.sku), '') WHERE base_currency = '';

UPDATE skus SET base_currency = 'EUR' WHERE base_currency = '' AND EXISTS (SELECT 1 FROM prices p WHERE p.sku = skus.sku);

DROP TABLE IF EXISTS prices;

CREATE TABLE IF NOT EXISTS promotions (
  id text NOT NULL,
  valid_from timestamptz NOT NULL,
  valid_to timestamptz,
  title text NOT NULL,
  coupon text NOT NULL DEFAULT '',
  priority int8 NOT NULL DEFAULT 0,
  total_limit int8 NOT NULL DEFAULT 0,
  customer_limit int8 NOT NULL DEFAULT 0,
  spec jsonb NOT NULL,
  change_id uuid,
  CONSTRAINT promotions_pkey PRIMARY KEY (id, valid_from),
  CONSTRAINT promotions_period CHECK (valid_to IS NULL OR valid_to >= valid_from),
  CONSTRAINT promotions_limits_not_negative CHECK (total_limit >= 0 AND customer_limit >= 0)
);

CREATE TABLE IF NOT EXISTS promotion_uses (
  promotion text NOT NULL,
  used int8 NOT NULL DEFAULT 0,
  allowed int8 NOT NULL,
  CONSTRAINT promotion_uses_pkey PRIMARY KEY (promotion),
  CONSTRAINT promotion_uses_within CHECK (used >= 0 AND (allowed = 0 OR used <= allowed))
);

CREATE TABLE IF NOT EXISTS promotion_customer_uses (
  promotion text NOT NULL,
  customer bytea NOT NULL,
  used int8 NOT NULL DEFAULT 0,
  allowed int8 NOT NULL,
  CONSTRAINT promotion_customer_uses_pkey PRIMARY KEY (promotion, customer),
  CONSTRAINT promotion_customer_uses_within CHECK (used >= 0 AND (allowed = 0 OR used <= allowed))
);

CREATE TABLE IF NOT EXISTS order_promotions (
  region crdb_internal_region NOT NULL,
  order_id uuid NOT NULL,
  promotion text NOT NULL,
  title text NOT NULL,
  coupon text NOT NULL DEFAULT '',
  customer bytea NOT NULL,
  discount_minor int8 NOT NULL,
  shipping_minor int8 NOT NULL,
  limited bool NOT NULL,
  released_at timestamptz,
  CONSTRAINT order_promotions_pkey PRIMARY KEY (region, order_id, promotion),
  CONSTRAINT order_promotions_order_fkey FOREIGN KEY (region, order_id) REFERENCES orders (region, id),
  CONSTRAINT order_promotions_not_negative CHECK (discount_minor >= 0 AND shipping_minor >= 0)
);

CREATE INDEX IF NOT EXISTS order_promotions_unreleased_idx ON order_promotions (region, promotion) WHERE released_at IS NULL;

ALTER TABLE carts ADD COLUMN IF NOT EXISTS coupons text[] NOT NULL DEFAULT ARRAY[]::text[];

ALTER TABLE accounts ADD COLUMN IF NOT EXISTS customer_group text NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS discount_minor int8 NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS market text NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS customer_group text NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS priced_at timestamptz;

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS discount_minor int8 NOT NULL DEFAULT 0;

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS derivation jsonb NOT NULL DEFAULT '{}';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_currency text NOT NULL DEFAULT '';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_rate text NOT NULL DEFAULT '';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_total_minor int8 NOT NULL DEFAULT 0;

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_tax_minor int8 NOT NULL DEFAULT 0;

INSERT INTO rounding_rules (name, valid_from, modulus_minor, ending_minor, mode) VALUES
  ('exact', TIMESTAMPTZ '1970-01-01 00:00:00+00', 1, 0, 'half_even'),
  ('cash-5', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5, 0, 'half_up'),
  ('ending-99', TIMESTAMPTZ '1970-01-01 00:00:00+00', 100, 99, 'half_up'),
  ('ending-95', TIMESTAMPTZ '1970-01-01 00:00:00+00', 100, 95, 'half_up'),
  ('ending-900', TIMESTAMPTZ '1970-01-01 00:00:00+00', 1000, 900, 'half_up'),
  ('whole', TIMESTAMPTZ '1970-01-01 00:00:00+00', 100, 0, 'half_up')
ON CONFLICT (name, valid_from) DO NOTHING;

INSERT INTO markets (code, valid_from, title, countries, currency, prices_include_tax, multiplier, rounding) VALUES
  ('us', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'United States', ARRAY['US']::text[], 'USD', false, '1', '{}'),
  ('ca', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Canada', ARRAY['CA']::text[], 'CAD', false, '1', '{}'),
  ('mx', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Mexico', ARRAY['MX']::text[], 'MXN', true, '1', '{}'),
  ('eu', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'European Union', ARRAY['AD', 'AT', 'BE', 'BG', 'CY', 'CZ', 'DE', 'DK', 'EE', 'ES', 'FI', 'FR', 'GR', 'HR', 'HU', 'IE', 'IT', 'LT', 'LU', 'LV', 'MC', 'ME', 'MT', 'NL', 'PL', 'PT', 'RO', 'SE', 'SI', 'SK', 'SM', 'VA', 'XK']::text[], 'EUR', true, '1', '{}'),
  ('uk', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'United Kingdom', ARRAY['GB', 'GG', 'IM', 'JE']::text[], 'GBP', true, '1', '{}'),
  ('ch', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Switzerland', ARRAY['CH', 'LI']::text[], 'CHF', true, '1', '{"CHF":"cash-5"}'),
  ('jp', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Japan', ARRAY['JP']::text[], 'JPY', true, '1', '{}'),
  ('au', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Australia', ARRAY['AU']::text[], 'AUD', true, '1', '{}'),
  ('sg', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Singapore', ARRAY['SG']::text[], 'SGD', true, '1', '{}'),
  ('world', TIMESTAMPTZ '1970-01-01 00:00:00+00', 'Rest of the world', ARRAY[]::text[], 'USD', true, '1', '{}')
ON CONFLICT (code, valid_from) DO NOTHING;

INSERT INTO tax_rates (country, state, category, valid_from, rate_mpct, source) VALUES
  ('AD', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4500, 'vatnode'),
  ('AD', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 1000, 'vatnode'),
  ('AE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('AE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('AI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('AI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('AL', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('AL', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'vatnode'),
  ('AM', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('AM', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('AO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('AO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('AR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'sales-tax'),
  ('AR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'sales-tax'),
  ('AT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('AT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'vatnode'),
  ('AU', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('AU', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('AW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('AW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('AZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('AZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('BA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'vatnode'),
  ('BA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'vatnode'),
  ('BB', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17500, 'sales-tax'),
  ('BB', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17500, 'sales-tax'),
  ('BE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('BE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'vatnode'),
  ('BG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('BG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'vatnode'),
  ('BH', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('BH', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('BO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14940, 'sales-tax'),
  ('BO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14940, 'sales-tax'),
  ('BR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'sales-tax'),
  ('BR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'sales-tax'),
  ('BS', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('BS', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('BW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('BW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('BY', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('BY', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('CA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('CA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('CA', 'BC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('CA', 'BC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('CA', 'MB', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('CA', 'MB', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('CA', 'NB', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'NB', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'NL', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'NL', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'NS', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('CA', 'NS', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('CA', 'ON', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CA', 'ON', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CA', 'PE', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'PE', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('CA', 'QC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14975, 'sales-tax'),
  ('CA', 'QC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14975, 'sales-tax'),
  ('CA', 'SK', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('CA', 'SK', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('CH', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8100, 'vatnode'),
  ('CH', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 2600, 'vatnode'),
  ('CL', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('CL', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('CN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('CO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('CR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('CW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('CW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('CY', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'vatnode'),
  ('CY', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('CZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('CZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'vatnode'),
  ('DE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'vatnode'),
  ('DE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'vatnode'),
  ('DK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25000, 'vatnode'),
  ('DK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25000, 'vatnode'),
  ('DO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('DO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('DZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('DZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('EC', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('EC', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('EE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 24000, 'vatnode'),
  ('EE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'vatnode'),
  ('EG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('EG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 14000, 'sales-tax'),
  ('ER', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('ER', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('ES', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('ES', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'vatnode'),
  ('ES', 'CE', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('ES', 'CE', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('ES', 'GC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('ES', 'GC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('ES', 'ML', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('ES', 'ML', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('ES', 'TF', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('ES', 'TF', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('FI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25500, 'vatnode'),
  ('FI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'vatnode'),
  ('FR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('FR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 900, 'vatnode'),
  ('GB', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('GB', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('GE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'vatnode'),
  ('GE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'vatnode'),
  ('GH', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('GH', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('GR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 24000, 'vatnode'),
  ('GR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'vatnode'),
  ('GT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('GT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('HN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('HN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('HR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25000, 'vatnode'),
  ('HR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('HU', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 27000, 'vatnode'),
  ('HU', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('ID', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('ID', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('IE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 23000, 'vatnode'),
  ('IE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'vatnode'),
  ('IL', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('IL', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('IM', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('IM', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('IN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('IN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('IS', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 24000, 'vatnode'),
  ('IS', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'vatnode'),
  ('IT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 22000, 'vatnode'),
  ('IT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('JE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('JE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('JO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('JO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('JP', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('JP', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('KE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('KE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('KR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('KR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('KW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('KW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('KZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('KZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('LB', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('LB', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'sales-tax'),
  ('LC', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('LC', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('LI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8100, 'vatnode'),
  ('LI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 2600, 'vatnode'),
  ('LK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('LK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('LT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('LT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('LU', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'vatnode'),
  ('LU', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8000, 'vatnode'),
  ('LV', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('LV', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('MA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('MA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('MC', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('MC', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5500, 'vatnode'),
  ('MD', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('MD', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8000, 'vatnode'),
  ('ME', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('ME', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'vatnode'),
  ('MG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('MG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('MK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'vatnode'),
  ('MK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('MM', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('MM', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('MN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('MN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('MT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'vatnode'),
  ('MT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('MU', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('MU', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('MV', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8000, 'sales-tax'),
  ('MV', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8000, 'sales-tax'),
  ('MX', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('MX', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('MY', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('MY', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('NA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('NA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('NG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7500, 'sales-tax'),
  ('NG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7500, 'sales-tax'),
  ('NI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('NI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('NL', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('NL', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'vatnode'),
  ('NO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25000, 'vatnode'),
  ('NO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'vatnode'),
  ('NZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('NZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('OM', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('OM', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('PA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('PA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('PE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('PE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('PG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('PG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('PH', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('PH', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('PK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'sales-tax'),
  ('PK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 17000, 'sales-tax'),
  ('PL', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 23000, 'vatnode'),
  ('PL', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('PR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11500, 'sales-tax'),
  ('PR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11500, 'sales-tax'),
  ('PT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 23000, 'vatnode'),
  ('PT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'vatnode'),
  ('PY', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('PY', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('QA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('QA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('RO', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 21000, 'vatnode'),
  ('RO', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 11000, 'vatnode'),
  ('RS', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('RS', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'vatnode'),
  ('RU', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('RU', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'sales-tax'),
  ('RW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('RW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('SA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SC', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SC', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 25000, 'vatnode'),
  ('SE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'vatnode'),
  ('SG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'sales-tax'),
  ('SG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 9000, 'sales-tax'),
  ('SI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 22000, 'vatnode'),
  ('SI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('SK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 23000, 'vatnode'),
  ('SK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('SR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('SV', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('SV', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 13000, 'sales-tax'),
  ('TH', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('TH', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('TN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('TN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 19000, 'sales-tax'),
  ('TR', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('TR', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 1000, 'vatnode'),
  ('TT', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('TT', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12500, 'sales-tax'),
  ('TW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('TW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('TZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('TZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('UA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('UA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'vatnode'),
  ('UG', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('UG', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'sales-tax'),
  ('US', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('US', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 0, 'sales-tax'),
  ('US', 'AL', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'AL', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'AR', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'AR', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'AZ', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6600, 'sales-tax'),
  ('US', 'AZ', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6600, 'sales-tax'),
  ('US', 'CA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8250, 'sales-tax'),
  ('US', 'CA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8250, 'sales-tax'),
  ('US', 'CO', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 2900, 'sales-tax'),
  ('US', 'CO', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 2900, 'sales-tax'),
  ('US', 'CT', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'CT', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'DC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'DC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'FL', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'FL', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'GA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'GA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'HI', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'HI', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'IA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'IA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'ID', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'ID', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'IL', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'IL', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'IN', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'IN', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'KS', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6500, 'sales-tax'),
  ('US', 'KS', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6500, 'sales-tax'),
  ('US', 'KY', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'KY', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'LA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'LA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'MA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'MA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'MD', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'MD', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'ME', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'ME', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'MI', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'MI', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'MN', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6875, 'sales-tax'),
  ('US', 'MN', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6875, 'sales-tax'),
  ('US', 'MO', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4225, 'sales-tax'),
  ('US', 'MO', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4225, 'sales-tax'),
  ('US', 'MS', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'MS', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'NC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5750, 'sales-tax'),
  ('US', 'NC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5750, 'sales-tax'),
  ('US', 'ND', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'ND', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'NE', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5500, 'sales-tax'),
  ('US', 'NE', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5500, 'sales-tax'),
  ('US', 'NJ', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'NJ', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'NM', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'NM', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'NV', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6850, 'sales-tax'),
  ('US', 'NV', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6850, 'sales-tax'),
  ('US', 'NY', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'NY', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'OH', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5500, 'sales-tax'),
  ('US', 'OH', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5500, 'sales-tax'),
  ('US', 'OK', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4500, 'sales-tax'),
  ('US', 'OK', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4500, 'sales-tax'),
  ('US', 'PA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'PA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'RI', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'RI', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'SC', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'SC', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'SD', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'SD', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'TN', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'TN', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 7000, 'sales-tax'),
  ('US', 'TX', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'TX', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6250, 'sales-tax'),
  ('US', 'UT', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5950, 'sales-tax'),
  ('US', 'UT', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5950, 'sales-tax'),
  ('US', 'VA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'VA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'VT', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'VT', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'WA', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6500, 'sales-tax'),
  ('US', 'WA', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6500, 'sales-tax'),
  ('US', 'WI', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'WI', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'sales-tax'),
  ('US', 'WV', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'WV', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 6000, 'sales-tax'),
  ('US', 'WY', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('US', 'WY', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 4000, 'sales-tax'),
  ('UY', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 22000, 'sales-tax'),
  ('UY', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 22000, 'sales-tax'),
  ('UZ', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('UZ', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 12000, 'sales-tax'),
  ('VE', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('VE', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('VN', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('VN', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 10000, 'sales-tax'),
  ('XI', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 20000, 'vatnode'),
  ('XI', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5000, 'vatnode'),
  ('XK', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 18000, 'vatnode'),
  ('XK', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 8000, 'vatnode'),
  ('ZA', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('ZA', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('ZM', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('ZM', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 16000, 'sales-tax'),
  ('ZW', '', 'standard', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax'),
  ('ZW', '', 'reduced', TIMESTAMPTZ '1970-01-01 00:00:00+00', 15000, 'sales-tax')
ON CONFLICT (country, state, category, valid_from) DO NOTHING;

INSERT INTO price_lists (code, title, kind, currency, valid_from) VALUES
  ('catalogue-AED', 'Catalogue, AED', 'catalogue', 'AED', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AFN', 'Catalogue, AFN', 'catalogue', 'AFN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ALL', 'Catalogue, ALL', 'catalogue', 'ALL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AMD', 'Catalogue, AMD', 'catalogue', 'AMD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AOA', 'Catalogue, AOA', 'catalogue', 'AOA', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ARS', 'Catalogue, ARS', 'catalogue', 'ARS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AUD', 'Catalogue, AUD', 'catalogue', 'AUD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AWG', 'Catalogue, AWG', 'catalogue', 'AWG', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-AZN', 'Catalogue, AZN', 'catalogue', 'AZN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BAM', 'Catalogue, BAM', 'catalogue', 'BAM', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BBD', 'Catalogue, BBD', 'catalogue', 'BBD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BDT', 'Catalogue, BDT', 'catalogue', 'BDT', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BHD', 'Catalogue, BHD', 'catalogue', 'BHD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BIF', 'Catalogue, BIF', 'catalogue', 'BIF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BMD', 'Catalogue, BMD', 'catalogue', 'BMD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BND', 'Catalogue, BND', 'catalogue', 'BND', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BOB', 'Catalogue, BOB', 'catalogue', 'BOB', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BRL', 'Catalogue, BRL', 'catalogue', 'BRL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BSD', 'Catalogue, BSD', 'catalogue', 'BSD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BTN', 'Catalogue, BTN', 'catalogue', 'BTN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BWP', 'Catalogue, BWP', 'catalogue', 'BWP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BYN', 'Catalogue, BYN', 'catalogue', 'BYN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-BZD', 'Catalogue, BZD', 'catalogue', 'BZD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CAD', 'Catalogue, CAD', 'catalogue', 'CAD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CDF', 'Catalogue, CDF', 'catalogue', 'CDF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CHF', 'Catalogue, CHF', 'catalogue', 'CHF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CLP', 'Catalogue, CLP', 'catalogue', 'CLP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CNY', 'Catalogue, CNY', 'catalogue', 'CNY', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-COP', 'Catalogue, COP', 'catalogue', 'COP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CRC', 'Catalogue, CRC', 'catalogue', 'CRC', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CUP', 'Catalogue, CUP', 'catalogue', 'CUP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CVE', 'Catalogue, CVE', 'catalogue', 'CVE', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-CZK', 'Catalogue, CZK', 'catalogue', 'CZK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-DJF', 'Catalogue, DJF', 'catalogue', 'DJF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-DKK', 'Catalogue, DKK', 'catalogue', 'DKK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-DOP', 'Catalogue, DOP', 'catalogue', 'DOP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-DZD', 'Catalogue, DZD', 'catalogue', 'DZD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-EGP', 'Catalogue, EGP', 'catalogue', 'EGP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ERN', 'Catalogue, ERN', 'catalogue', 'ERN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ETB', 'Catalogue, ETB', 'catalogue', 'ETB', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-EUR', 'Catalogue, EUR', 'catalogue', 'EUR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-FJD', 'Catalogue, FJD', 'catalogue', 'FJD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-FKP', 'Catalogue, FKP', 'catalogue', 'FKP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GBP', 'Catalogue, GBP', 'catalogue', 'GBP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GEL', 'Catalogue, GEL', 'catalogue', 'GEL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GHS', 'Catalogue, GHS', 'catalogue', 'GHS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GIP', 'Catalogue, GIP', 'catalogue', 'GIP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GMD', 'Catalogue, GMD', 'catalogue', 'GMD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GNF', 'Catalogue, GNF', 'catalogue', 'GNF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GTQ', 'Catalogue, GTQ', 'catalogue', 'GTQ', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-GYD', 'Catalogue, GYD', 'catalogue', 'GYD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-HKD', 'Catalogue, HKD', 'catalogue', 'HKD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-HNL', 'Catalogue, HNL', 'catalogue', 'HNL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-HTG', 'Catalogue, HTG', 'catalogue', 'HTG', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-HUF', 'Catalogue, HUF', 'catalogue', 'HUF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-IDR', 'Catalogue, IDR', 'catalogue', 'IDR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ILS', 'Catalogue, ILS', 'catalogue', 'ILS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-INR', 'Catalogue, INR', 'catalogue', 'INR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-IQD', 'Catalogue, IQD', 'catalogue', 'IQD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-IRR', 'Catalogue, IRR', 'catalogue', 'IRR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ISK', 'Catalogue, ISK', 'catalogue', 'ISK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-JMD', 'Catalogue, JMD', 'catalogue', 'JMD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-JOD', 'Catalogue, JOD', 'catalogue', 'JOD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-JPY', 'Catalogue, JPY', 'catalogue', 'JPY', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KES', 'Catalogue, KES', 'catalogue', 'KES', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KGS', 'Catalogue, KGS', 'catalogue', 'KGS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KHR', 'Catalogue, KHR', 'catalogue', 'KHR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KMF', 'Catalogue, KMF', 'catalogue', 'KMF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KPW', 'Catalogue, KPW', 'catalogue', 'KPW', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KRW', 'Catalogue, KRW', 'catalogue', 'KRW', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KWD', 'Catalogue, KWD', 'catalogue', 'KWD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KYD', 'Catalogue, KYD', 'catalogue', 'KYD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-KZT', 'Catalogue, KZT', 'catalogue', 'KZT', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LAK', 'Catalogue, LAK', 'catalogue', 'LAK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LBP', 'Catalogue, LBP', 'catalogue', 'LBP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LKR', 'Catalogue, LKR', 'catalogue', 'LKR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LRD', 'Catalogue, LRD', 'catalogue', 'LRD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LSL', 'Catalogue, LSL', 'catalogue', 'LSL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-LYD', 'Catalogue, LYD', 'catalogue', 'LYD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MAD', 'Catalogue, MAD', 'catalogue', 'MAD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MDL', 'Catalogue, MDL', 'catalogue', 'MDL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MGA', 'Catalogue, MGA', 'catalogue', 'MGA', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MKD', 'Catalogue, MKD', 'catalogue', 'MKD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MMK', 'Catalogue, MMK', 'catalogue', 'MMK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MNT', 'Catalogue, MNT', 'catalogue', 'MNT', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MOP', 'Catalogue, MOP', 'catalogue', 'MOP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MRU', 'Catalogue, MRU', 'catalogue', 'MRU', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MUR', 'Catalogue, MUR', 'catalogue', 'MUR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MVR', 'Catalogue, MVR', 'catalogue', 'MVR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MWK', 'Catalogue, MWK', 'catalogue', 'MWK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MXN', 'Catalogue, MXN', 'catalogue', 'MXN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MYR', 'Catalogue, MYR', 'catalogue', 'MYR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-MZN', 'Catalogue, MZN', 'catalogue', 'MZN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NAD', 'Catalogue, NAD', 'catalogue', 'NAD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NGN', 'Catalogue, NGN', 'catalogue', 'NGN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NIO', 'Catalogue, NIO', 'catalogue', 'NIO', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NOK', 'Catalogue, NOK', 'catalogue', 'NOK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NPR', 'Catalogue, NPR', 'catalogue', 'NPR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-NZD', 'Catalogue, NZD', 'catalogue', 'NZD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-OMR', 'Catalogue, OMR', 'catalogue', 'OMR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PAB', 'Catalogue, PAB', 'catalogue', 'PAB', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PEN', 'Catalogue, PEN', 'catalogue', 'PEN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PGK', 'Catalogue, PGK', 'catalogue', 'PGK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PHP', 'Catalogue, PHP', 'catalogue', 'PHP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PKR', 'Catalogue, PKR', 'catalogue', 'PKR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PLN', 'Catalogue, PLN', 'catalogue', 'PLN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-PYG', 'Catalogue, PYG', 'catalogue', 'PYG', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-QAR', 'Catalogue, QAR', 'catalogue', 'QAR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-RON', 'Catalogue, RON', 'catalogue', 'RON', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-RSD', 'Catalogue, RSD', 'catalogue', 'RSD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-RUB', 'Catalogue, RUB', 'catalogue', 'RUB', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-RWF', 'Catalogue, RWF', 'catalogue', 'RWF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SAR', 'Catalogue, SAR', 'catalogue', 'SAR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SBD', 'Catalogue, SBD', 'catalogue', 'SBD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SCR', 'Catalogue, SCR', 'catalogue', 'SCR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SDG', 'Catalogue, SDG', 'catalogue', 'SDG', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SEK', 'Catalogue, SEK', 'catalogue', 'SEK', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SGD', 'Catalogue, SGD', 'catalogue', 'SGD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SHP', 'Catalogue, SHP', 'catalogue', 'SHP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SLE', 'Catalogue, SLE', 'catalogue', 'SLE', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SOS', 'Catalogue, SOS', 'catalogue', 'SOS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SRD', 'Catalogue, SRD', 'catalogue', 'SRD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SSP', 'Catalogue, SSP', 'catalogue', 'SSP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-STN', 'Catalogue, STN', 'catalogue', 'STN', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SVC', 'Catalogue, SVC', 'catalogue', 'SVC', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SYP', 'Catalogue, SYP', 'catalogue', 'SYP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-SZL', 'Catalogue, SZL', 'catalogue', 'SZL', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-THB', 'Catalogue, THB', 'catalogue', 'THB', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TJS', 'Catalogue, TJS', 'catalogue', 'TJS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TMT', 'Catalogue, TMT', 'catalogue', 'TMT', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TND', 'Catalogue, TND', 'catalogue', 'TND', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TOP', 'Catalogue, TOP', 'catalogue', 'TOP', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TRY', 'Catalogue, TRY', 'catalogue', 'TRY', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TTD', 'Catalogue, TTD', 'catalogue', 'TTD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TWD', 'Catalogue, TWD', 'catalogue', 'TWD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-TZS', 'Catalogue, TZS', 'catalogue', 'TZS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-UAH', 'Catalogue, UAH', 'catalogue', 'UAH', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-UGX', 'Catalogue, UGX', 'catalogue', 'UGX', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-USD', 'Catalogue, USD', 'catalogue', 'USD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-UYI', 'Catalogue, UYI', 'catalogue', 'UYI', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-UYU', 'Catalogue, UYU', 'catalogue', 'UYU', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-UZS', 'Catalogue, UZS', 'catalogue', 'UZS', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-VED', 'Catalogue, VED', 'catalogue', 'VED', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-VES', 'Catalogue, VES', 'catalogue', 'VES', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-VND', 'Catalogue, VND', 'catalogue', 'VND', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-VUV', 'Catalogue, VUV', 'catalogue', 'VUV', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-WST', 'Catalogue, WST', 'catalogue', 'WST', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-XAF', 'Catalogue, XAF', 'catalogue', 'XAF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-XCD', 'Catalogue, XCD', 'catalogue', 'XCD', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-XCG', 'Catalogue, XCG', 'catalogue', 'XCG', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-XOF', 'Catalogue, XOF', 'catalogue', 'XOF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-XPF', 'Catalogue, XPF', 'catalogue', 'XPF', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-YER', 'Catalogue, YER', 'catalogue', 'YER', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ZAR', 'Catalogue, ZAR', 'catalogue', 'ZAR', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ZMW', 'Catalogue, ZMW', 'catalogue', 'ZMW', TIMESTAMPTZ '1970-01-01 00:00:00+00'),
  ('catalogue-ZWG', 'Catalogue, ZWG', 'catalogue', 'ZWG', TIMESTAMPTZ '1970-01-01 00:00:00+00')
ON CONFLICT (code) DO NOTHING;

ALTER TABLE stock ADD COLUMN IF NOT EXISTS band_changed_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX IF NOT EXISTS stock_band_changed_idx ON stock (region, band_changed_at);

CREATE TABLE IF NOT EXISTS search_replicas (
  region crdb_internal_region NOT NULL,
  id text NOT NULL,
  engine text NOT NULL,
  holder uuid NOT NULL,
  held_until timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'starting',
  detail text NOT NULL DEFAULT '',
  caught_up_at timestamptz,
  documents int8 NOT NULL DEFAULT 0,
  bytes int8 NOT NULL DEFAULT 0,
  set_aside int8 NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + INTERVAL '1 day',
  CONSTRAINT search_replicas_pkey PRIMARY KEY (region, id),
  CONSTRAINT search_replicas_state_known CHECK (state IN ('starting', 'filling', 'following', 'reindexing', 'comparing', 'unavailable', 'stopped'))
);

CREATE INDEX IF NOT EXISTS search_replicas_expires_idx ON search_replicas (expires_at);

CREATE TABLE IF NOT EXISTS search_set_aside (
  region crdb_internal_region NOT NULL,
  replica text NOT NULL,
  product_id uuid NOT NULL,
  version int8 NOT NULL,
  reason text NOT NULL,
  since timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + INTERVAL '30 days',
  CONSTRAINT search_set_aside_pkey PRIMARY KEY (region, replica, product_id)
);

CREATE INDEX IF NOT EXISTS search_set_aside_expires_idx ON search_set_aside (expires_at);

CREATE TABLE IF NOT EXISTS search_jobs (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  replica text NOT NULL,
  kind text NOT NULL,
  dry_run bool NOT NULL DEFAULT false,
  status text NOT NULL DEFAULT 'pending',
  done int8 NOT NULL DEFAULT 0,
  total int8 NOT NULL DEFAULT 0,
  result jsonb NOT NULL DEFAULT '{}',
  error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + INTERVAL '7 days',
  CONSTRAINT search_jobs_pkey PRIMARY KEY (region, id),
  CONSTRAINT search_jobs_kind_known CHECK (kind IN ('reindex', 'compare')),
  CONSTRAINT search_jobs_status_known CHECK (status IN ('pending', 'running', 'done', 'failed'))
);

CREATE INDEX IF NOT EXISTS search_jobs_open_idx ON search_jobs (region, replica, created_at) WHERE status IN ('pending', 'running');

CREATE INDEX IF NOT EXISTS search_jobs_expires_idx ON search_jobs (expires_at);

CREATE TABLE IF NOT EXISTS ratings (
  region crdb_internal_region NOT NULL,
  account_id uuid NOT NULL,
  product_id uuid NOT NULL,
  stars int8 NOT NULL,
  counted int8 NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT ratings_pkey PRIMARY KEY (region, account_id, product_id),
  CONSTRAINT ratings_product_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT ratings_stars_known CHECK (stars BETWEEN 1 AND 5),
  CONSTRAINT ratings_counted_known CHECK (counted BETWEEN 0 AND 5)
);

CREATE TABLE IF NOT EXISTS product_ratings (
  product_id uuid NOT NULL,
  stars_sum int8 NOT NULL DEFAULT 0,
  ratings int8 NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT product_ratings_pkey PRIMARY KEY (product_id),
  CONSTRAINT product_ratings_product_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT product_ratings_sum_possible CHECK (ratings >= 0 AND stars_sum BETWEEN ratings AND 5 * ratings)
);

CREATE INDEX IF NOT EXISTS product_ratings_updated_idx ON product_ratings (updated_at);

CREATE TABLE IF NOT EXISTS product_popularity (
  region crdb_internal_region NOT NULL,
  product_id uuid NOT NULL,
  category_id text NOT NULL,
  score float8 NOT NULL,
  orders float8 NOT NULL DEFAULT 0,
  popularity int8 NOT NULL,
  changed_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT product_popularity_pkey PRIMARY KEY (region, product_id),
  CONSTRAINT product_popularity_product_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT product_popularity_not_negative CHECK (score >= 0 AND orders >= 0 AND popularity >= 0)
);

CREATE INDEX IF NOT EXISTS product_popularity_changed_idx ON product_popularity (region, changed_at);

CREATE INDEX IF NOT EXISTS product_popularity_best_idx ON product_popularity (region, popularity DESC, product_id);

CREATE INDEX IF NOT EXISTS product_popularity_category_idx ON product_popularity (region, category_id, popularity DESC, product_id);

CREATE TABLE IF NOT EXISTS product_pairs (
  region crdb_internal_region NOT NULL,
  product_id uuid NOT NULL,
  other_id uuid NOT NULL,
  score float8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT product_pairs_pkey PRIMARY KEY (region, product_id, other_id),
  CONSTRAINT product_pairs_two CHECK (product_id <> other_id),
  CONSTRAINT product_pairs_not_negative CHECK (score >= 0)
);

CREATE TABLE IF NOT EXISTS search_rules (
  id text NOT NULL,
  definition jsonb NOT NULL,
  version int8 NOT NULL DEFAULT 1,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT search_rules_pkey PRIMARY KEY (id),
  CONSTRAINT search_rules_version_current CHECK (version > 0)
);

CREATE TABLE IF NOT EXISTS search_terms (
  region crdb_internal_region NOT NULL,
  term text NOT NULL,
  searches int8 NOT NULL DEFAULT 0,
  unmet int8 NOT NULL DEFAULT 0,
  searched_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT search_terms_pkey PRIMARY KEY (region, term),
  CONSTRAINT search_terms_counts CHECK (searches >= 0 AND unmet >= 0 AND unmet <= searches)
);

CREATE INDEX IF NOT EXISTS search_terms_searches_idx ON search_terms (region, searches DESC, term);

CREATE INDEX IF NOT EXISTS search_terms_unmet_idx ON search_terms (region, unmet DESC, term);

CREATE INDEX IF NOT EXISTS search_terms_old_idx ON search_terms (region, searched_at);

CREATE INDEX IF NOT EXISTS products_title_idx ON products (lower(title));

CREATE INDEX IF NOT EXISTS products_brand_idx ON products (lower(brand));

CREATE INDEX IF NOT EXISTS categories_name_idx ON categories (lower(name));

CREATE TABLE IF NOT EXISTS take_overs (
  region crdb_internal_region NOT NULL,
  holder text NOT NULL,
  held_until timestamptz NOT NULL,
  CONSTRAINT take_overs_pkey PRIMARY KEY (region)
);

ALTER TABLE markets ADD COLUMN IF NOT EXISTS from_base_price bool NOT NULL DEFAULT false;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS unpaid_network bytea NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS unpaid_buyer bytea NOT NULL DEFAULT '';

CREATE INDEX IF NOT EXISTS orders_unpaid_network_idx ON orders (region, unpaid_network) WHERE status = 'pending_payment';

CREATE INDEX IF NOT EXISTS orders_unpaid_buyer_idx ON orders (region, unpaid_buyer) WHERE status = 'pending_payment';

ALTER TABLE order_promotions ADD COLUMN IF NOT EXISTS account bytea NOT NULL DEFAULT '';

ALTER TABLE order_promotions ADD COLUMN IF NOT EXISTS first_order_of bytea NOT NULL DEFAULT '';

CREATE UNIQUE INDEX IF NOT EXISTS order_promotions_first_order_key ON order_promotions (region, first_order_of) WHERE first_order_of <> '' AND released_at IS NULL;

CREATE TABLE IF NOT EXISTS sign_in_guesses (
  region crdb_internal_region NOT NULL,
  email_hash bytea NOT NULL,
  source bytea NOT NULL,
  guesses int8 NOT NULL,
  locked_until timestamptz,
  expires_at timestamptz NOT NULL,
  CONSTRAINT sign_in_guesses_pkey PRIMARY KEY (region, email_hash, source),
  CONSTRAINT sign_in_guesses_positive CHECK (guesses > 0)
);

CREATE INDEX IF NOT EXISTS sign_in_guesses_expires_idx ON sign_in_guesses (expires_at);

ALTER TABLE imports ADD COLUMN IF NOT EXISTS alive_until timestamptz NOT NULL DEFAULT now() + INTERVAL '1 minute';

ALTER TABLE refunds ADD COLUMN IF NOT EXISTS made_at_provider bool NOT NULL DEFAULT false;

CREATE INDEX IF NOT EXISTS refunds_created_idx ON refunds (region, created_at);

CREATE TABLE IF NOT EXISTS payment_checks (
  region crdb_internal_region NOT NULL,
  payment_id uuid NOT NULL,
  provider text NOT NULL,
  provider_ref text NOT NULL DEFAULT '',
  differences jsonb NOT NULL DEFAULT '[]',
  found_at timestamptz,
  nominated_at timestamptz NOT NULL DEFAULT now(),
  attempts int8 NOT NULL DEFAULT 0,
  next_check_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT payment_checks_pkey PRIMARY KEY (region, payment_id, provider, provider_ref)
);

CREATE INDEX IF NOT EXISTS payment_checks_due_idx ON payment_checks (region, next_check_at);

CREATE TABLE IF NOT EXISTS reconciliations (
  region crdb_internal_region NOT NULL,
  provider text NOT NULL,
  reconciled_to timestamptz NOT NULL,
  run_to timestamptz NOT NULL,
  attempts int8 NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  CONSTRAINT reconciliations_pkey PRIMARY KEY (region, provider)
);
