-- alert_due is true of a row of which operators are yet to be told: that it is low, or low no
-- more. A column, since PostgreSQL rewrites every index entry of a row at each change of
-- anything that an index's condition names, and the counters change with each order.
ALTER TABLE stock ADD COLUMN IF NOT EXISTS alert_due bool NOT NULL GENERATED ALWAYS AS ((alerted_at IS NULL) = (on_hand - reserved - allocated <= reorder_point)) STORED;

DROP INDEX IF EXISTS stock_alerts_due_idx;

CREATE INDEX IF NOT EXISTS stock_alert_due_idx ON stock (region, sku, warehouse) WHERE alert_due;

-- Room in each page for the next version of its rows, so that a change of a counter touches
-- no index: neither is one written, nor does a transaction that read its page conflict.
/*pg ALTER TABLE stock SET (fillfactor = 50) */;

/*pg ALTER TABLE reservations SET (fillfactor = 50) */;
