package recommend

import (
	"context"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
)

// place is where recommendations are shown, as metrics tell them apart.
type place string

const (
	placeProduct place = "product"
	placeHome    place = "home"
)

// nothing returns the last fallback, an empty list, and counts it.
func (r *Recommender) nothing(ctx context.Context, at place) List {
	r.metrics.fellBack(ctx, at, None)
	return List{Degraded: None}
}

// bestOf returns the fallback: the remembered best sellers of a category, of "" those of the region; else the
// newest products there, which the catalogue knows by itself.
func (r *Recommender) bestOf(ctx context.Context, at place, category string, limit int, not ...uuid.UUID) List {
	popular, fresh := PopularInCategory, NewInCategory
	if category == "" {
		popular, fresh = PopularHere, NewHere
	}
	var picks []Pick
	var err error
	remembered, ok := r.memory.best.GetIfPresent(category)
	if ok {
		picks, err = r.pick(ctx, remembered.candidates(popular, fresh), limit, not...)
	} else {
		picks, err = r.newest(ctx, category, fresh, limit, not)
	}
	if err != nil {
		return r.nothing(ctx, at)
	}
	r.metrics.fellBack(ctx, at, BestSellers)
	list := List{Picks: picks, Degraded: BestSellers}
	if ok {
		list.Age = r.now().Sub(remembered.at)
	}
	return list
}

// newest returns the newest products of a category, of "" those of the shop.
func (r *Recommender) newest(ctx context.Context, category string, reason Reason, limit int, not []uuid.UUID) ([]Pick, error) {
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	page, err := r.catalog.ListProducts(bounded, catalog.ListFilter{
		CategoryID: category, PageFilter: database.PageFilter[catalog.ListPosition]{Limit: limit + len(not)},
	})
	if err != nil {
		return nil, err
	}
	onSale := make(map[uuid.UUID]catalog.Product)
	var wanted []candidate
	for _, p := range page.Items {
		onSale[p.ID] = p
		wanted = append(wanted, candidate{p.ID, reason})
	}
	for _, product := range not {
		delete(onSale, product)
	}
	return choose(wanted, onSale, limit), nil
}
