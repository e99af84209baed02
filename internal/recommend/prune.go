package recommend

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"

	"meridian/internal/database"
)

const (
	// keptPairs is how many others a product keeps that it was bought with; pruneFrom is from how many on the rest goes.
	// In between, what is new has time to grow.
	keptPairs = 50
	pruneFrom = 100
	// maxGrown bounds how many products are remembered, and pruned in one pass.
	maxGrown = 1000
)

// grownSet is the products whose pairs grew since they were last pruned. One that is forgotten comes back with its next
// order.
type grownSet struct {
	mu       sync.Mutex
	products map[uuid.UUID]bool
}

func (g *grownSet) add(products []uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.products == nil {
		g.products = make(map[uuid.UUID]bool)
	}
	for _, product := range products {
		if len(g.products) < maxGrown {
			g.products[product] = true
		}
	}
}

func (g *grownSet) take() []uuid.UUID {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []uuid.UUID
	for product := range g.products {
		all = append(all, product)
	}
	g.products = nil
	slices.SortFunc(all, compareIDs)
	return all
}

// PruneOnce drops, of the products that were lately bought together with more than a hundred others, all but the best
// fifty of these, and returns how many. It may run in several processes at once.
func (r *Recommender) PruneOnce(ctx context.Context) (int, error) {
	products := r.grown.take()
	if len(products) == 0 {
		return 0, nil
	}
	var n int64
	err := r.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		n = 0
		// $1 = region, $2 = products, $3 = from how many on, $4 = how many stay, $5 = beta
		database.Affected(b.Queue(`
WITH ranked AS (
  SELECT p.product_id, p.other_id, count(*) OVER (PARTITION BY p.product_id) AS pairs,
    -- as likeness has it
    row_number() OVER (
      PARTITION BY p.product_id ORDER BY p.score * power(sqrt(s.orders * o.orders) + $5::float8, -1) DESC, p.other_id) AS place
  FROM unnest($2::uuid[]) AS g (product_id)
  JOIN product_popularity s ON s.region = $1 AND s.product_id = g.product_id
  JOIN product_pairs p ON p.region = $1 AND p.product_id = g.product_id
  JOIN product_popularity o ON o.region = $1 AND o.product_id = p.other_id
)
DELETE FROM product_pairs d
USING ranked
WHERE d.region = $1 AND d.product_id = ranked.product_id AND d.other_id = ranked.other_id
  AND ranked.pairs > $3::int8 AND ranked.place > $4::int8`, r.db.Region(), products, pruneFrom, keptPairs, beta(r.now())), &n)
		return nil
	})
	if err != nil {
		r.grown.add(products)
		return 0, fmt.Errorf("prune what is bought together: %w", err)
	}
	return int(n), nil
}
