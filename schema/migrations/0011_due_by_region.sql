-- CockroachDB keeps each region's part of an index apart by itself; on PostgreSQL the region
-- comes first in the index of what is due, so that a worker neither reads other regions' rows
-- nor conflicts with those who write them.
/*pg DROP INDEX IF EXISTS orders_expires_idx */;

/*pg CREATE INDEX IF NOT EXISTS orders_expires_by_region_idx ON orders (region, expires_at) WHERE status = 'pending_payment' */;

/*pg DROP INDEX IF EXISTS payments_check_idx */;

/*pg CREATE INDEX IF NOT EXISTS payments_check_by_region_idx ON payments (region, next_check_at) WHERE status IN ('pending', 'requires_action') */;

/*pg DROP INDEX IF EXISTS refunds_due_idx */;

/*pg CREATE INDEX IF NOT EXISTS refunds_due_by_region_idx ON refunds (region, next_attempt_at) WHERE status = 'pending' */;

/*pg DROP INDEX IF EXISTS webhook_inbox_due_idx */;

/*pg CREATE INDEX IF NOT EXISTS webhook_inbox_due_by_region_idx ON webhook_inbox (region, next_attempt_at) WHERE processed_at IS NULL */;

/*pg DROP INDEX IF EXISTS outbox_due_idx */;

/*pg CREATE INDEX IF NOT EXISTS outbox_due_by_region_idx ON outbox (region, next_attempt_at) WHERE delivered_at IS NULL */;
