-- When the number for sale last went from none to few, from few to enough, or back: what a search index shows of
-- stock, so that its feed reads those rows alone. The other changes of a row, one for each order, do not move it.
ALTER TABLE stock ADD COLUMN IF NOT EXISTS band_changed_at timestamptz NOT NULL DEFAULT now();

CREATE INDEX IF NOT EXISTS stock_band_changed_idx ON stock (region, band_changed_at);

-- The search indexes of a region: the one of each pod where it is embedded, one for all pods where it is a server.
-- holder is the process that feeds it, alone, until held_until; what follows is what it last said of it.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS search_replicas_expires_idx ON search_replicas (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;

-- Products that an index could not take, and why. They are tried again when they change, and by a comparison.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS search_set_aside_expires_idx ON search_set_aside (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;

-- What operators ask of an index: made by the command, done by the process that feeds the index.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS search_jobs_open_idx ON search_jobs (region, replica, created_at) WHERE status IN ('pending', 'running');

CREATE INDEX IF NOT EXISTS search_jobs_expires_idx ON search_jobs (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;
