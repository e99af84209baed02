-- Who holds the units of an unpaid order: keyed hashes of the client's network and of the buyer (a guest's e-mail address,
-- a customer's account). They count what one client holds, and are emptied by the first transition of the order.
ALTER TABLE orders ADD COLUMN IF NOT EXISTS unpaid_network bytea NOT NULL DEFAULT '';

ALTER TABLE orders ADD COLUMN IF NOT EXISTS unpaid_buyer bytea NOT NULL DEFAULT '';

CREATE INDEX IF NOT EXISTS orders_unpaid_network_idx ON orders (region, unpaid_network) WHERE status = 'pending_payment';

CREATE INDEX IF NOT EXISTS orders_unpaid_buyer_idx ON orders (region, unpaid_buyer) WHERE status = 'pending_payment';
