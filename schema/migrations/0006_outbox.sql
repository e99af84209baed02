-- Events, written in the transaction that caused them. key is the public id of what it
-- is about; the payload holds no personal data. expires_at is set at delivery.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS outbox_due_idx ON outbox (next_attempt_at) /*crdb USING HASH WITH (bucket_count = 16) */ WHERE delivered_at IS NULL;

CREATE INDEX IF NOT EXISTS outbox_expires_idx ON outbox (expires_at) /*crdb USING HASH WITH (bucket_count = 16) */;

-- The answers of calls that were made with an Idempotency-Key, written in the transaction
-- of their effect. scope is the resource acted on; answer is '' where the resource itself
-- is the answer and is read again.
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
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS idempotency_keys_expires_idx ON idempotency_keys (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;
