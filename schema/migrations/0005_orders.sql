-- Orders and all that belongs to them, in the customer's home region.

-- version counts transitions; (order, version) is the history's key, so no transition can
-- happen twice. transition_id names the transition that changed the row last: the other
-- statements of its batch act only where they find it, so a transition that was not
-- allowed changes nothing at all.
-- A change that names an old version is sent to -1 and refused by the CHECK.
-- stock_regions are the regions that hold reservations of this order.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS orders_account_idx ON orders (region, account_id, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_status_idx ON orders (region, status, placed_at DESC, id DESC);

CREATE INDEX IF NOT EXISTS orders_expires_idx ON orders (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */ WHERE status = 'pending_payment';

-- A cart becomes an order once, whichever pods are asked.
CREATE UNIQUE INDEX IF NOT EXISTS orders_cart_key ON orders (region, cart_id);

-- unit_price_minor × quantity = subtotal_minor. tax_minor is the tax in the line's total:
-- included in subtotal_minor or on top of it, as orders.prices_include_tax says.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

-- One payment an order, with the order's own id; its public id (pay_…) is the idempotency
-- key the provider is sent, and whoever holds it knows the order without a look.
-- refunded_minor counts what was promised back (refunds not failed), never above captured.
-- next_check_at is when a worker asks the provider what became of it.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS payments_check_idx ON payments (next_check_at) /*crdb USING HASH WITH (bucket_count = 8) */ WHERE status IN ('pending', 'requires_action');

-- Money on its way back. Written with the effect that caused it, sent by a worker.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS refunds_order_idx ON refunds (region, order_id);

CREATE INDEX IF NOT EXISTS refunds_due_idx ON refunds (next_attempt_at) /*crdb USING HASH WITH (bucket_count = 8) */ WHERE status = 'pending';

-- One parcel: what one warehouse sends for one order.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE UNIQUE INDEX IF NOT EXISTS shipments_order_key ON shipments (region, order_id, warehouse);

-- Webhooks as they came, written before they are acknowledged; in the region of the
-- payment they speak of, so that the same event is the same row wherever it arrives.
-- expires_at is set when one is processed: what is not yet done never expires.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@daily') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS webhook_inbox_due_idx ON webhook_inbox (next_attempt_at) /*crdb USING HASH WITH (bucket_count = 8) */ WHERE processed_at IS NULL;

CREATE INDEX IF NOT EXISTS webhook_inbox_expires_idx ON webhook_inbox (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;
