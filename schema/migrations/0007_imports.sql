-- Bulk imports. lines_done is how far the file was applied: it moves in the transaction
-- that applies the lines, so a crash loses nothing and repeats nothing.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

-- source is a digest of the file and the seller: the same file is the same import.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;
