-- What operators say about searches: pin, boost, hide and redirect. Read by every pod every
-- few seconds, written rarely. definition is the rule's effect as JSON (package search).
CREATE TABLE IF NOT EXISTS search_rules (
  id text NOT NULL,
  definition jsonb NOT NULL,
  version int8 NOT NULL DEFAULT 1,
  updated_by text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT search_rules_pkey PRIMARY KEY (id),
  CONSTRAINT search_rules_version_current CHECK (version > 0)
) /*crdb LOCALITY GLOBAL */;

-- How often each text was searched for in a region, and how often nothing fitted it. Texts
-- are what people typed: they stay in their region, and those nobody types any more go.
CREATE TABLE IF NOT EXISTS search_terms (
  region crdb_internal_region NOT NULL,
  term text NOT NULL,
  searches int8 NOT NULL DEFAULT 0,
  unmet int8 NOT NULL DEFAULT 0,
  searched_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT search_terms_pkey PRIMARY KEY (region, term),
  CONSTRAINT search_terms_counts CHECK (searches >= 0 AND unmet >= 0 AND unmet <= searches)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS search_terms_searches_idx ON search_terms (region, searches DESC, term);

CREATE INDEX IF NOT EXISTS search_terms_unmet_idx ON search_terms (region, unmet DESC, term);

CREATE INDEX IF NOT EXISTS search_terms_old_idx ON search_terms (region, searched_at);

-- What search falls back to while no engine answers: titles, brands and categories that
-- begin with what was typed.
CREATE INDEX IF NOT EXISTS products_title_idx ON products (lower(title));

CREATE INDEX IF NOT EXISTS products_brand_idx ON products (lower(brand));

CREATE INDEX IF NOT EXISTS categories_name_idx ON categories (lower(name));
