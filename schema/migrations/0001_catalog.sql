-- The catalogue: written by sellers, read by every shopper in every region, so GLOBAL:
-- reads are local and fresh everywhere, writes wait out the clock (hundreds of milliseconds).

CREATE TABLE IF NOT EXISTS sellers (
  id uuid NOT NULL,
  slug text NOT NULL,
  name text NOT NULL,
  status text NOT NULL DEFAULT 'active',
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT sellers_pkey PRIMARY KEY (id),
  CONSTRAINT sellers_status_known CHECK (status IN ('active', 'suspended'))
) /*crdb LOCALITY GLOBAL */;

CREATE UNIQUE INDEX IF NOT EXISTS sellers_slug_key ON sellers (slug);

-- path is the chain of ids from the root, '/hg/hg-3/hg-3-57/': a subtree is a prefix.
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
) /*crdb LOCALITY GLOBAL */;

CREATE UNIQUE INDEX IF NOT EXISTS categories_slug_key ON categories (slug);

CREATE UNIQUE INDEX IF NOT EXISTS categories_path_key ON categories (path);

-- seller_key is the seller's own name for the product: what an import upserts by.
-- version counts edits; it is the ETag.
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
) /*crdb LOCALITY GLOBAL */;

CREATE UNIQUE INDEX IF NOT EXISTS products_seller_key_key ON products (seller_id, seller_key);

CREATE UNIQUE INDEX IF NOT EXISTS products_slug_key ON products (slug);

CREATE INDEX IF NOT EXISTS products_category_idx ON products (category_id);

-- Every pod asks once a second what has changed: this index answers.
CREATE INDEX IF NOT EXISTS products_updated_idx ON products (updated_at) /*crdb USING HASH WITH (bucket_count = 8) */;

-- The listing: a row for each category that a listed (active) product is in, ancestors
-- included, so that a page of any category is one range of one index.
CREATE TABLE IF NOT EXISTS category_products (
  category_id text NOT NULL,
  product_id uuid NOT NULL,
  listed_at timestamptz NOT NULL,
  CONSTRAINT category_products_pkey PRIMARY KEY (category_id, product_id),
  CONSTRAINT category_products_category_fkey FOREIGN KEY (category_id) REFERENCES categories (id),
  CONSTRAINT category_products_product_fkey FOREIGN KEY (product_id) REFERENCES products (id) ON DELETE CASCADE
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS category_products_listed_idx ON category_products (category_id, listed_at DESC, product_id DESC);

CREATE INDEX IF NOT EXISTS category_products_product_idx ON category_products (product_id);

-- A SKU is its own name in the whole shop. One that is no longer sold is archived, never
-- deleted: stock and orders refer to it.
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
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS skus_product_idx ON skus (product_id, position);

-- What one unit costs before tax is added or after it is included: the market's law decides (pricing).
CREATE TABLE IF NOT EXISTS prices (
  sku text NOT NULL,
  currency text NOT NULL,
  amount_minor int8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT prices_pkey PRIMARY KEY (sku, currency),
  CONSTRAINT prices_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT prices_not_negative CHECK (amount_minor >= 0)
) /*crdb LOCALITY GLOBAL */;
