-- alerted_at is since when operators know that a stock row is low: at or below its reorder
-- point. NULL while it is not low.
ALTER TABLE stock ADD COLUMN IF NOT EXISTS alerted_at timestamptz;

-- The rows of which operators are yet to be told that they are low, or low no more: few, so
-- that the worker that looks for them reads few.
CREATE INDEX IF NOT EXISTS stock_alerts_due_idx ON stock (region, sku, warehouse) WHERE (alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point);
