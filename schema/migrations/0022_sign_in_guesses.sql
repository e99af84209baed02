-- Wrong passwords, by the keyed hash of the e-mail address that they were tried for, with an account or without one, and of
-- where they were tried from: a client's network, a known device, or '' for all unknown devices together. They are in the
-- account's region; of an address without an account in one that follows from the hash, so that every pod finds them.
-- The columns failed_sign_ins and locked_until of accounts are no longer read or written.
CREATE TABLE IF NOT EXISTS sign_in_guesses (
  region crdb_internal_region NOT NULL,
  email_hash bytea NOT NULL,
  source bytea NOT NULL,
  guesses int8 NOT NULL,
  locked_until timestamptz,
  expires_at timestamptz NOT NULL,
  CONSTRAINT sign_in_guesses_pkey PRIMARY KEY (region, email_hash, source),
  CONSTRAINT sign_in_guesses_positive CHECK (guesses > 0)
) /*crdb WITH (ttl_expiration_expression = 'expires_at', ttl_job_cron = '@hourly') LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS sign_in_guesses_expires_idx ON sign_in_guesses (expires_at) /*crdb USING HASH WITH (bucket_count = 8) */;
