-- Stock lives where its warehouse is. A counter can never pass its limit: the CHECKs decide.

CREATE TABLE IF NOT EXISTS warehouses (
  code text NOT NULL,
  region crdb_internal_region NOT NULL,
  title text NOT NULL,
  country text NOT NULL,
  latitude float8 NOT NULL,
  longitude float8 NOT NULL,
  active bool NOT NULL DEFAULT true,
  CONSTRAINT warehouses_pkey PRIMARY KEY (code)
) /*crdb LOCALITY GLOBAL */;

-- on_hand units are in the building; reserved ones are held for orders not yet paid,
-- allocated ones belong to paid orders not yet shipped. The rest is for sale.
CREATE TABLE IF NOT EXISTS stock (
  region crdb_internal_region NOT NULL,
  sku text NOT NULL,
  warehouse text NOT NULL,
  on_hand int8 NOT NULL DEFAULT 0,
  reserved int8 NOT NULL DEFAULT 0,
  allocated int8 NOT NULL DEFAULT 0,
  reorder_point int8 NOT NULL DEFAULT 0,
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_pkey PRIMARY KEY (region, sku, warehouse),
  CONSTRAINT stock_sku_fkey FOREIGN KEY (sku) REFERENCES skus (sku),
  CONSTRAINT stock_warehouse_fkey FOREIGN KEY (warehouse) REFERENCES warehouses (code),
  CONSTRAINT stock_not_negative CHECK (on_hand >= 0 AND reserved >= 0 AND allocated >= 0),
  CONSTRAINT stock_not_oversold CHECK (reserved + allocated <= on_hand),
  CONSTRAINT stock_reorder_point_not_negative CHECK (reorder_point >= 0)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS stock_warehouse_idx ON stock (region, warehouse, sku);

-- A promise of units of one stock row to one order line. order_region and order_id name
-- the order, which may be homed elsewhere, so there is no foreign key to it.
-- transition_id is the order transition that last changed the row (see orders).
CREATE TABLE IF NOT EXISTS reservations (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL,
  sku text NOT NULL,
  warehouse text NOT NULL,
  order_region crdb_internal_region NOT NULL,
  order_id uuid NOT NULL,
  line_no int8 NOT NULL,
  quantity int8 NOT NULL,
  status text NOT NULL DEFAULT 'held',
  transition_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT reservations_pkey PRIMARY KEY (region, id),
  CONSTRAINT reservations_stock_fkey FOREIGN KEY (region, sku, warehouse) REFERENCES stock (region, sku, warehouse),
  CONSTRAINT reservations_status_known CHECK (status IN ('held', 'allocated', 'released', 'shipped')),
  CONSTRAINT reservations_quantity_positive CHECK (quantity > 0)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS reservations_order_idx ON reservations (region, order_id);

CREATE INDEX IF NOT EXISTS reservations_sku_idx ON reservations (region, sku, warehouse);

-- The ledger: what changed a stock row, by how much, who and why. Append only; the
-- counters of a stock row are the sums of its movements.
CREATE TABLE IF NOT EXISTS stock_movements (
  region crdb_internal_region NOT NULL,
  id uuid NOT NULL DEFAULT gen_random_uuid(),
  sku text NOT NULL,
  warehouse text NOT NULL,
  kind text NOT NULL,
  on_hand_delta int8 NOT NULL DEFAULT 0,
  reserved_delta int8 NOT NULL DEFAULT 0,
  allocated_delta int8 NOT NULL DEFAULT 0,
  reason text NOT NULL DEFAULT '',
  actor text NOT NULL,
  reference text NOT NULL DEFAULT '',
  at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT stock_movements_pkey PRIMARY KEY (region, id),
  CONSTRAINT stock_movements_stock_fkey FOREIGN KEY (region, sku, warehouse) REFERENCES stock (region, sku, warehouse),
  CONSTRAINT stock_movements_kind_known CHECK (kind IN ('receive', 'adjust', 'transfer_in', 'transfer_out', 'reserve', 'release', 'allocate', 'deallocate', 'ship', 'return'))
) /*crdb LOCALITY REGIONAL BY ROW AS region */;

CREATE INDEX IF NOT EXISTS stock_movements_stock_idx ON stock_movements (region, sku, warehouse, at);
