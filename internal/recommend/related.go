package recommend

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/regions"
)

// List is what is recommended.
type List struct {
	Picks []Pick
	// Degraded says that it is not all it should be; Age how old it is at most.
	Degraded Degraded
	Age      time.Duration
}

// Related returns at most limit products that go with one: what is bought together with it here, then the best sellers
// of its category here, then what is new in the category. It is empty only where the category has nothing else.
//
// It fails with catalog.ErrNotFound for a product that is not on sale, and with nothing else: when what is recommended
// cannot be read in time it falls back on the best sellers of the category as they are remembered, or on its newest
// products; when they cannot be had either, on nothing (List.Degraded). Two round trips at most, none out of memory; a
// third one when the first was in vain.
func (r *Recommender) Related(ctx context.Context, product uuid.UUID, limit int) (List, error) {
	found, err := r.related(ctx, product)
	if err != nil {
		return r.relatedFallback(ctx, product, limit)
	}
	if !found.onSale {
		return List{}, catalog.ErrNotFound
	}
	picks, err := r.pick(ctx, found.candidates(), limit, product)
	if err != nil {
		return r.nothing(ctx, placeProduct), nil
	}
	return List{Picks: picks, Age: r.now().Sub(found.at)}, nil
}

// candidates returns what goes with the product, best first.
func (f related) candidates() []candidate {
	return append(because(BoughtTogether, f.together), f.bestSellers.candidates(PopularInCategory, NewInCategory)...)
}

func (s bestSellers) candidates(popular, fresh Reason) []candidate {
	return append(because(popular, s.best), because(fresh, s.fresh)...)
}

func because(reason Reason, products []uuid.UUID) []candidate {
	all := make([]candidate, len(products))
	for i, product := range products {
		all[i] = candidate{product, reason}
	}
	return all
}

// related returns what goes with a product, out of memory if that is fresh enough. Those who want the same at the same time
// share a reading, which goes on for the others where one leaves.
func (r *Recommender) related(ctx context.Context, product uuid.UUID) (related, error) {
	if kept, ok := r.memory.related.GetIfPresent(product); ok && r.isFresh(kept.at) {
		return kept, nil
	}
	shared, err, _ := r.memory.reading.Do(product.String(), func() (any, error) {
		read, err := r.readRelated(context.WithoutCancel(ctx), product)
		if err != nil {
			return related{}, err
		}
		r.memory.related.Set(product, read)
		if read.category != "" {
			r.memory.best.Set(read.category, read.bestSellers)
		}
		return read, nil
	})
	return shared.(related), err
}

// pick takes the first candidates that are on sale, each once, at most limit and none of not.
func (r *Recommender) pick(ctx context.Context, from []candidate, limit int, not ...uuid.UUID) ([]Pick, error) {
	seen := make(map[uuid.UUID]bool)
	for _, product := range not {
		seen[product] = true
	}
	var wanted []candidate
	var ids []uuid.UUID
	for _, c := range from {
		if !seen[c.product] && len(wanted) < limit+spare {
			seen[c.product] = true
			wanted, ids = append(wanted, c), append(ids, c.product)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	onSale, err := r.catalog.GetProducts(bounded, ids)
	if err != nil {
		return nil, err
	}
	return choose(wanted, onSale, limit), nil
}

// spare is how many more products are looked up than are wanted, for those that are no longer on sale.
const spare = 6

func choose(wanted []candidate, onSale map[uuid.UUID]catalog.Product, limit int) []Pick {
	var picks []Pick
	for _, c := range wanted {
		if p, ok := onSale[c.product]; ok && len(picks) < limit {
			picks = append(picks, Pick{Product: p, Reason: c.reason})
		}
	}
	return picks
}

// relatedFallback answers when what goes with a product cannot be read: with the best sellers of the category, as they
// are remembered, else its newest products.
func (r *Recommender) relatedFallback(ctx context.Context, product uuid.UUID, limit int) (List, error) {
	category, err := r.categoryOf(ctx, product)
	switch {
	case errors.Is(err, catalog.ErrNotFound):
		return List{}, catalog.ErrNotFound
	case err != nil:
		return r.nothing(ctx, placeProduct), nil
	}
	return r.bestOf(ctx, placeProduct, category, limit, product), nil
}

// categoryOf returns a product's category from memory, else from the catalogue.
func (r *Recommender) categoryOf(ctx context.Context, product uuid.UUID) (string, error) {
	if kept, ok := r.memory.related.GetIfPresent(product); ok && kept.onSale {
		return kept.category, nil
	}
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	p, err := r.catalog.GetProduct(bounded, regions.FormatGlobalID(regions.ProductPrefix, product))
	return p.CategoryID, err
}
