-- What customers think of products, what shoppers do with them, and what is bought together.

-- A customer's stars for a product they bought, in the customer's home region. counted is how many stars of it are in
-- product_ratings: the same batch brings both together. Closing an account puts a number that is nobody's in the place
-- of its id, so there is no foreign key to accounts: the stars stay, whose they were is gone.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

-- The sum of every region's ratings of a product: all that anybody is shown, and nothing of a person. A row without
-- ratings left stays, so that whoever follows updated_at hears of it.
CREATE TABLE IF NOT EXISTS product_ratings (
  product_id uuid NOT NULL,
  stars_sum int8 NOT NULL DEFAULT 0,
  ratings int8 NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT product_ratings_pkey PRIMARY KEY (product_id),
  CONSTRAINT product_ratings_product_fkey FOREIGN KEY (product_id) REFERENCES products (id),
  CONSTRAINT product_ratings_sum_possible CHECK (ratings >= 0 AND stars_sum BETWEEN ratings AND 5 * ratings)
) /*crdb LOCALITY GLOBAL */;

CREATE INDEX IF NOT EXISTS product_ratings_updated_idx ON product_ratings (updated_at) /*crdb USING HASH WITH (bucket_count = 8) */;

-- What shoppers of a region do with products, with nothing of a person. score and orders are sums that forget
-- (internal/recommend says how); popularity is the score as a small number, and changed_at moves only when it does.
-- category_id is the product's at the last event: readers hold it against products.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS product_popularity_changed_idx ON product_popularity (region, changed_at);

-- The best sellers of a region, and of each category there.
CREATE INDEX IF NOT EXISTS product_popularity_best_idx ON product_popularity (region, popularity DESC, product_id);

CREATE INDEX IF NOT EXISTS product_popularity_category_idx ON product_popularity (region, category_id, popularity DESC, product_id);

-- How often two products were in one order, from both sides; score forgets as orders above does.
CREATE TABLE IF NOT EXISTS product_pairs (
  region crdb_internal_region NOT NULL,
  product_id uuid NOT NULL,
  other_id uuid NOT NULL,
  score float8 NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT product_pairs_pkey PRIMARY KEY (region, product_id, other_id),
  CONSTRAINT product_pairs_two CHECK (product_id <> other_id),
  CONSTRAINT product_pairs_not_negative CHECK (score >= 0)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;
