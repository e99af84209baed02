-- What a thing costs, and why: every rule and every price has the time in which it is in force,
-- [valid_from, valid_to), valid_to NULL while it has no end. What was in force is never
-- overwritten: a change closes one row at an instant to come and opens another at the same
-- instant, so that the price of any moment past can be worked out again.

-- One row: its version moves with every change of a rule, in the transaction of the change.
CREATE TABLE IF NOT EXISTS pricing_state (
  id text NOT NULL,
  version int8 NOT NULL DEFAULT 1,
  changed_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT pricing_state_pkey PRIMARY KEY (id)
) /*crdb LOCALITY GLOBAL */;

INSERT INTO pricing_state (id) VALUES ('rules') ON CONFLICT (id) DO NOTHING;

-- The audit: who wanted what, when and why, what it was before and what after, what it would
-- change (effect), and who agreed. A change that needs two people has two.
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
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS price_changes_requested_idx ON price_changes (requested_at DESC, id DESC) /*crdb USING HASH WITH (bucket_count = 8) */;

CREATE INDEX IF NOT EXISTS price_changes_subject_idx ON price_changes (kind, subject, requested_at DESC, id DESC);

-- The lines of a bulk change that waits to be applied. amount_minor NULL ends the price.
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
) /*crdb LOCALITY GLOBAL */;

-- A market is a set of countries that see prices alike; the one without countries is the rest
-- of the world. multiplier is a decimal in text. rounding maps currencies to rounding rules,
-- "" being any other.
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
) /*crdb LOCALITY GLOBAL */;

-- To the nearest amount that is ending_minor more than a multiple of modulus_minor.
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
) /*crdb LOCALITY GLOBAL */;

-- rate_mpct is in thousandths of a percent: 19000 is 19 %. state is empty for the country's.
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
) /*crdb LOCALITY GLOBAL */;

-- rate is units of the currency for one euro, a decimal in text. day is what the source dates
-- it, as 2026-04-13; a person's entry is dated by its moment. A rate that jumps too far is held,
-- and in force only once finance has confirmed it.
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
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS fx_rates_time_idx ON fx_rates (currency, valid_from DESC);

-- kind: catalogue lists hold the sellers' own prices, one list a currency; regular and sale
-- lists are finance's; cost lists are what goods cost the shop, and never sell. market and
-- customer_group are empty for any.
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
) /*crdb LOCALITY GLOBAL */;

-- What min_quantity units or more of a SKU cost in a list, each. changed_at moves with
-- every change of the row: pods look for it.
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
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS price_entries_list_idx ON price_entries (list, sku, min_quantity, valid_from);

CREATE INDEX IF NOT EXISTS price_entries_changed_idx ON price_entries (changed_at) /*crdb USING HASH WITH (bucket_count = 8) */;

-- The currency of the price that others are converted from: the base price of a SKU is its
-- catalogue price in it.
ALTER TABLE skus ADD COLUMN IF NOT EXISTS base_currency text NOT NULL DEFAULT '';

INSERT INTO price_lists (code, title, kind, currency, valid_from) SELECT DISTINCT 'catalogue-' || p.currency, 'Catalogue, ' || p.currency, 'catalogue', p.currency, TIMESTAMPTZ '1970-01-01 00:00:00+00' FROM prices p ON CONFLICT (code) DO NOTHING;

INSERT INTO price_entries (sku, list, min_quantity, valid_from, amount_minor) SELECT p.sku, 'catalogue-' || p.currency, 1, p.updated_at, p.amount_minor FROM prices p ON CONFLICT (sku, list, min_quantity, valid_from) DO NOTHING;

UPDATE skus SET base_currency = coalesce((SELECT min(CASE p.currency WHEN 'EUR' THEN '' ELSE p.currency END) FROM prices p WHERE p.sku = skus.sku), '') WHERE base_currency = '';

UPDATE skus SET base_currency = 'EUR' WHERE base_currency = '' AND EXISTS (SELECT 1 FROM prices p WHERE p.sku = skus.sku);

DROP TABLE IF EXISTS prices;

-- Promotions are versions too. spec says what it gives and on what conditions (promotion).
-- coupon is the code that a shopper enters, in upper case; empty for one that applies by itself.
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
) /*crdb LOCALITY GLOBAL */;

-- How often a promotion was used; allowed is its limit in total, 0 for none. The CHECK
-- decides, whichever regions race. Its rows are written by every use, so they live in one place.
CREATE TABLE IF NOT EXISTS promotion_uses (
  promotion text NOT NULL,
  used int8 NOT NULL DEFAULT 0,
  allowed int8 NOT NULL,
  CONSTRAINT promotion_uses_pkey PRIMARY KEY (promotion),
  CONSTRAINT promotion_uses_within CHECK (used >= 0 AND (allowed = 0 OR used <= allowed))
) /*crdb LOCALITY REGIONAL BY TABLE IN PRIMARY REGION */;

-- The same for each customer, who is a keyed hash of the e-mail address: no personal data.
CREATE TABLE IF NOT EXISTS promotion_customer_uses (
  promotion text NOT NULL,
  customer bytea NOT NULL,
  used int8 NOT NULL DEFAULT 0,
  allowed int8 NOT NULL,
  CONSTRAINT promotion_customer_uses_pkey PRIMARY KEY (promotion, customer),
  CONSTRAINT promotion_customer_uses_within CHECK (used >= 0 AND (allowed = 0 OR used <= allowed))
) /*crdb LOCALITY REGIONAL BY TABLE IN PRIMARY REGION */;

-- What promotions gave an order. discount_minor is off its goods, shipping_minor off its
-- shipping. released_at is when an order that came to nothing gave the use back.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS order_promotions_unreleased_idx ON order_promotions (region, promotion) WHERE released_at IS NULL;

-- The codes a shopper entered, in upper case.
ALTER TABLE carts ADD COLUMN IF NOT EXISTS coupons text[] NOT NULL DEFAULT ARRAY[]::text[];

-- The group of a business customer, whose price lists are theirs; empty for everybody else.
ALTER TABLE accounts ADD COLUMN IF NOT EXISTS customer_group text NOT NULL DEFAULT '';

-- discount_minor is what promotions took off the goods; shipping_minor is what is paid of the
-- shipping. priced_at is the moment whose prices the order has.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS discount_minor int8 NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS market text NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS customer_group text NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS priced_at timestamptz;

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS discount_minor int8 NOT NULL DEFAULT 0;

-- derivation is why the line costs that (pricing). reporting_rate is units of the reporting
-- currency for one of the order's, a decimal in text, booked when the order was placed; the
-- reporting amounts are the line's total and tax at that rate.
ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS derivation jsonb NOT NULL DEFAULT '{}';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_currency text NOT NULL DEFAULT '';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_rate text NOT NULL DEFAULT '';

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_total_minor int8 NOT NULL DEFAULT 0;

ALTER TABLE order_lines ADD COLUMN IF NOT EXISTS reporting_tax_minor int8 NOT NULL DEFAULT 0;
