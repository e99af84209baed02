package promotion

import (
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Release is an order that is being cancelled by a transition. The uses it made are given
// back only where the order's row carries TransitionID and is cancelled, so a transition
// that was not allowed gives nothing back.
type Release struct {
	Order        regions.Ref
	TransitionID uuid.UUID
}

// QueueRelease adds the giving back of all uses of orders to the batch that cancels them,
// after the statement that makes the transitions. It finds them by itself, and each is given
// back once, however often this runs.
func QueueRelease(b *database.Batch, releases ...Release) {
	if len(releases) == 0 {
		return
	}
	var homes []string
	var orders, transitions []uuid.UUID
	for _, r := range releases {
		homes, orders, transitions = append(homes, r.Order.Region), append(orders, r.Order.ID), append(transitions, r.TransitionID)
	}
	// The counters are locked in the order in which QueueUses takes them. What the rows are like
	// stands in a CASE, which no index serves: with the index of cancelled orders, or that of
	// uses not released, PostgreSQL would read, and conflict with, those of all the region.
	// $1 = orders' regions, $2 = orders, $3 = transitions
	b.Queue(`
WITH released AS (
  UPDATE order_promotions g SET released_at = now()
  FROM unnest($1::text[], $2::uuid[], $3::uuid[]) AS t (region, order_id, transition_id), orders o
  WHERE o.region = t.region::crdb_internal_region AND o.id = t.order_id AND o.transition_id = t.transition_id
    AND g.region = o.region AND g.order_id = o.id
    AND CASE o.status WHEN 'cancelled' THEN g.released_at IS NULL ELSE false END
  RETURNING g.promotion, g.customer, g.account, g.limited
), totals AS (
  SELECT u.promotion, r.uses
  FROM (
    SELECT promotion, count(*)::int8 AS uses
    FROM released
    WHERE limited
    GROUP BY promotion
  ) AS r
  JOIN promotion_uses u ON u.promotion = r.promotion
  ORDER BY u.promotion
  FOR UPDATE OF u
), lowered AS (
  UPDATE promotion_uses u SET used = u.used - totals.uses
  FROM totals
  WHERE u.promotion = totals.promotion
  RETURNING u.promotion
), customers AS (
  SELECT u.promotion, u.customer, r.uses
  FROM (
    SELECT counted.promotion, counted.customer, count(*)::int8 AS uses
    FROM (
      SELECT promotion, customer FROM released
      UNION ALL
      SELECT promotion, account FROM released
    ) AS counted
    WHERE octet_length(counted.customer) > 0
    GROUP BY counted.promotion, counted.customer
  ) AS r
  JOIN promotion_customer_uses u ON u.promotion = r.promotion AND u.customer = r.customer
  ORDER BY u.promotion, u.customer
  FOR UPDATE OF u
)
UPDATE promotion_customer_uses u SET used = u.used - customers.uses
FROM customers
WHERE u.promotion = customers.promotion AND u.customer = customers.customer`, homes, orders, transitions)
}
