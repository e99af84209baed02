-- A use of a promotion with a limit for each customer counts for the order's e-mail address (customer) and for the
-- account that ordered (account, empty for a guest).
ALTER TABLE order_promotions ADD COLUMN IF NOT EXISTS account bytea NOT NULL DEFAULT '';

-- The account whose first order this is, in one of the rows of an order that was given something for being the first.
-- An account has one first order, whichever checkouts race, until it is cancelled.
ALTER TABLE order_promotions ADD COLUMN IF NOT EXISTS first_order_of bytea NOT NULL DEFAULT '';

CREATE UNIQUE INDEX IF NOT EXISTS order_promotions_first_order_key ON order_promotions (region, first_order_of) WHERE first_order_of <> '' AND released_at IS NULL;
