-- set_aside_at is when a payment or a webhook that no worker can finish was left to a
-- person: a payment of which the provider says that another amount was taken than was asked
-- for, a webhook that cannot be read (last_error says why). A payment that changed since
-- (updated_at) is settled.
ALTER TABLE payments ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

ALTER TABLE webhook_inbox ADD COLUMN IF NOT EXISTS set_aside_at timestamptz;

-- next_expiry_at is the claim of a worker that gives up an order nobody paid: when the next
-- may try. NULL until one has tried.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS expiry_attempts int8 NOT NULL DEFAULT 0;

ALTER TABLE orders ADD COLUMN IF NOT EXISTS next_expiry_at timestamptz;
