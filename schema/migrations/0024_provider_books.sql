-- A refund that somebody made at the provider, such as in its dashboard, is a row like the shop's own, with the
-- provider's name of it. It is never sent; its next_attempt_at lies far ahead, so that a binary that does not know the
-- column does not send it either.
ALTER TABLE refunds ADD COLUMN IF NOT EXISTS made_at_provider bool NOT NULL DEFAULT false;

-- For the comparison with the provider's books, which are read by time.
CREATE INDEX IF NOT EXISTS refunds_created_idx ON refunds (region, created_at);

-- Payments to be compared with their provider's books, in the home region of the payment; the shop may have no such
-- payment. provider_ref is empty for what the shop knows as this payment, and otherwise the provider's name of something
-- that calls itself so. A row without a difference is deleted by who finds that; differences that stay are for a person,
-- and are looked at again more and more rarely. nominated_at tells a look whether it was asked for anew meanwhile.
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
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS payment_checks_due_idx ON payment_checks (region, next_check_at);

-- How far a region's payments are compared with a provider's books: all that was made there before reconciled_to. A run
-- goes on to run_to, in steps; next_at is when the next step, or the next run, is due, and the claim of who does it.
CREATE TABLE IF NOT EXISTS reconciliations (
  region crdb_internal_region NOT NULL,
  provider text NOT NULL,
  reconciled_to timestamptz NOT NULL,
  run_to timestamptz NOT NULL,
  attempts int8 NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL,
  CONSTRAINT reconciliations_pkey PRIMARY KEY (region, provider)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;
