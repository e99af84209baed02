-- Which region's workers may take over what another region has left lying: one at a time. The row lives in the region
-- whose rows are taken over, so that the lease is there whenever they are.
CREATE TABLE IF NOT EXISTS take_overs (
  region crdb_internal_region NOT NULL,
  holder text NOT NULL,
  held_until timestamptz NOT NULL,
  CONSTRAINT take_overs_pkey PRIMARY KEY (region)
) /*crdb LOCALITY REGIONAL BY ROW AS region */;
