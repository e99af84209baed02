package recommend

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

const (
	// writeEvery is how often what was counted is written: seldom enough that a product which many want is one row.
	writeEvery = 10 * time.Second
	// writeTimeout bounds one writing. It is well below the overlap with which indexers look back.
	writeTimeout = 5 * time.Second
	// maxRows is how many rows one statement writes.
	maxRows = 1000
	// lastWrite is how long a pod that stops may still write.
	lastWrite = 2 * time.Second
)

// Run writes what was counted every few seconds until ctx ends, and then once more. Every pod that serves shoppers runs
// it. While the database is away it goes on counting, as far as there is room.
func (r *Recommender) Run(ctx context.Context) {
	ticker := time.NewTicker(writeEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrite)
			defer cancel()
			if _, err := r.WriteOnce(last); err != nil {
				r.log.WarnContext(ctx, "the last events of shoppers are lost", "error", err)
			}
			return
		case <-ticker.C:
		}
		_, err := r.WriteOnce(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			r.log.WarnContext(ctx, "what shoppers do cannot be written: it is kept as far as there is room", "error", err)
		}
		failing = err != nil
	}
}

// WriteOnce writes what was counted since it ran last and returns how many products and pairs that were: one round trip
// for each thousand of them. What certainly was not written is counted again; where nobody knows, it counts as dropped,
// since twice would be wrong as well.
func (r *Recommender) WriteOnce(ctx context.Context) (int, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	at := r.now()
	all := r.events.take(at.Sub(r.written))
	r.written = at
	n, err := r.write(ctx, all, at)
	r.metrics.dropped.Add(ctx, r.events.dropped.Swap(0))
	if err != nil {
		return n, fmt.Errorf("write what shoppers did: %w", err)
	}
	return n, nil
}

// write writes rows, a part at a time, in the order in which all pods take them. What has been written is taken out of
// all; the rest is put back.
func (r *Recommender) write(ctx context.Context, all taken, at time.Time) (n int, err error) {
	left := taken{products: maps.Clone(all.products), pairs: maps.Clone(all.pairs)}
	products := slices.SortedFunc(maps.Keys(all.products), compareIDs)
	for part := range slices.Chunk(products, maxRows) {
		if err = r.writeProducts(ctx, part, all.products, at); err != nil {
			break
		}
		r.metrics.counted(ctx, part, all.products)
		for _, product := range part {
			delete(left.products, product)
		}
		n += len(part)
	}
	pairs := slices.SortedFunc(maps.Keys(all.pairs), comparePairs)
	for part := range slices.Chunk(pairs, maxRows/2) {
		if err != nil {
			break
		}
		if err = r.writePairs(ctx, part, all.pairs, at); err != nil {
			break
		}
		for _, p := range part {
			delete(left.pairs, p)
		}
		n += len(part)
	}
	if errors.Is(err, database.ErrOutcomeUnknown) {
		r.events.dropped.Add(left.events())
	} else {
		r.events.putBack(left)
	}
	return n, err
}

func comparePairs(p, q pair) int { return cmp.Or(compareIDs(p.a, q.a), compareIDs(p.b, q.b)) }

// writeProducts adds to the scores of products. A product that there is not, as a forged id would name, is left out.
func (r *Recommender) writeProducts(ctx context.Context, products []uuid.UUID, did map[uuid.UUID]did, at time.Time) error {
	scores, orders := make([]float64, len(products)), make([]float64, len(products))
	for i, product := range products {
		for what, times := range did[product] {
			scores[i] += weights[what] * float64(times) * gain(at, HalfLife)
		}
		orders[i] = float64(did[product][ordered]) * gain(at, PairHalfLife)
	}
	return r.db.Write(ctx, func(b *database.Batch) error {
		// What is proposed passes the CHECKs wherever the result does. popularity is Popularity of the score.
		// $1 = region, $2 = products, $3 = scores, $4 = orders, $5 = steps of popularity in a natural logarithm
		b.Queue(`
INSERT INTO product_popularity AS s (region, product_id, category_id, score, orders, popularity)
SELECT $1, p.id, p.category_id, n.score, n.orders, round(ln(greatest(n.score, 1)) * $5::float8)::int8
FROM unnest($2::uuid[], $3::float8[], $4::float8[]) AS n (product_id, score, orders)
JOIN `+catalog.ProductsSQL+` p ON p.id = n.product_id
ORDER BY p.id
ON CONFLICT (region, product_id) DO UPDATE
SET score = s.score + excluded.score, orders = s.orders + excluded.orders, category_id = excluded.category_id, updated_at = now(),
    popularity = round(ln(greatest(s.score + excluded.score, 1)) * $5::float8)::int8,
    changed_at = CASE WHEN s.popularity = round(ln(greatest(s.score + excluded.score, 1)) * $5::float8)::int8
                      THEN s.changed_at ELSE now() END`,
			r.db.Region(), products, scores, orders, perLog)
		return nil
	})
}

// writePairs adds to what was bought together, from both sides, and notes which products' pairs grew.
func (r *Recommender) writePairs(ctx context.Context, pairs []pair, orders map[pair]int64, at time.Time) error {
	var from, to []uuid.UUID
	var scores []float64
	for _, p := range pairs {
		score := float64(orders[p]) * gain(at, PairHalfLife)
		from, to, scores = append(from, p.a, p.b), append(to, p.b, p.a), append(scores, score, score)
	}
	err := r.db.Write(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = products, $3 = others, $4 = scores
		b.Queue(`
INSERT INTO product_pairs AS s (region, product_id, other_id, score)
SELECT $1, n.product_id, n.other_id, n.score
FROM unnest($2::uuid[], $3::uuid[], $4::float8[]) AS n (product_id, other_id, score)
ORDER BY n.product_id, n.other_id
ON CONFLICT (region, product_id, other_id) DO UPDATE SET score = s.score + excluded.score, updated_at = now()`,
			r.db.Region(), from, to, scores)
		return nil
	})
	if err == nil {
		r.grown.add(from)
	}
	return err
}

// events returns how many events there were.
func (t taken) events() int64 {
	var n int64
	for _, sum := range t.products {
		for _, times := range sum {
			n += times
		}
	}
	for _, times := range t.pairs {
		n += times
	}
	return n
}
