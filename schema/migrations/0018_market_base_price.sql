-- A market may leave the sellers' catalogue lists out, so that its multiplier counts for every SKU.
ALTER TABLE markets ADD COLUMN IF NOT EXISTS from_base_price bool NOT NULL DEFAULT false;
