package indexer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
	"meridian/internal/recommend"
	"meridian/internal/search"
)

// A renderer makes documents from the database.
type renderer struct {
	db     *database.DB
	prices *pricing.Pricer
}

// rendered holds the documents of some products.
type rendered struct {
	documents []search.Document
	// expiring holds the documents that change at a known moment without an edit.
	expiring map[uuid.UUID]bool
	// absent are the products that belong in no index: they are not active, or do not exist.
	absent []uuid.UUID
	// invalid are the products without a valid document.
	invalid []refusal
}

// A refusal is a product that an index cannot hold.
type refusal struct {
	id      uuid.UUID
	version int64
	reason  string
}

// A snapshot holds everything that the documents of some products are made of, at one moment of the database.
type snapshot struct {
	products   []catalog.Listed
	articles   map[string]*pricing.PricedSKU
	bands      map[uuid.UUID]inventory.Band
	popularity map[uuid.UUID]int64
	rules      int64
}

// documents renders products. It takes one round trip, and another if the price rules have changed.
func (r renderer) documents(ctx context.Context, ids []uuid.UUID) (rendered, error) {
	if len(ids) == 0 {
		return rendered{}, nil
	}
	at := r.prices.Moment()
	s, err := r.read(ctx, ids, at)
	if err != nil {
		return rendered{}, fmt.Errorf("read %d products: %w", len(ids), err)
	}
	rules, err := r.prices.RulesOf(ctx, s.rules, at)
	if err != nil {
		return rendered{}, err
	}
	return s.render(ids, newPriceList(rules, at)), nil
}

// read reads what the products are made of, with prices from a moment on.
func (r renderer) read(ctx context.Context, ids []uuid.UUID, from time.Time) (s snapshot, err error) {
	s.articles, s.bands, s.popularity = make(map[string]*pricing.PricedSKU), make(map[uuid.UUID]inventory.Band), make(map[uuid.UUID]int64)
	region := r.db.Region()
	err = r.db.Read(ctx, func(b *database.Batch) error {
		catalog.QueueListed(b, ids, &s.products)
		pricing.QueuePricedProducts(b, ids, from, s.articles)
		inventory.QueueBands(b, region, ids, s.bands)
		recommend.QueuePopularity(b, region, ids, s.popularity)
		changes.QueueVersion(b, &s.rules)
		return nil
	})
	return s, err
}

func (s snapshot) render(ids []uuid.UUID, prices priceList) rendered {
	out := rendered{expiring: make(map[uuid.UUID]bool)}
	there := make(map[uuid.UUID]bool, len(s.products))
	for _, p := range s.products {
		there[p.ID] = true
		document, expiring, err := s.document(p, prices)
		if err != nil {
			out.invalid = append(out.invalid, refusal{id: p.ID, version: p.Version, reason: err.Error()})
			continue
		}
		out.documents = append(out.documents, document)
		if expiring {
			out.expiring[p.ID] = true
		}
	}
	for _, id := range ids {
		if !there[id] {
			out.absent = append(out.absent, id)
		}
	}
	return out
}
