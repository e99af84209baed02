package recommend

import (
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"
)

// MaxAge is how old what is recommended may be, while it is not degraded. Whether it is on sale, and at which price, is
// as fresh as the catalogue.
const MaxAge = 10 * time.Second

const (
	// staleFor is for how long what was read stays in memory for when it cannot be read again.
	staleFor = time.Hour
	// maxRemembered is how many products' and categories' lists are kept: some 3 KB each.
	maxRemembered = 5000
)

// memory is what was read of what shoppers do here. Nothing in it is about a person.
type memory struct {
	related *otter.Cache[uuid.UUID, related]
	// best are the best sellers of categories, as of the last product that was asked for there; of "", of the region.
	best *otter.Cache[string, bestSellers]
	// reading lets those who want the same share a reading.
	reading singleflight.Group
}

// related is what goes with a product, at a moment.
type related struct {
	at time.Time
	// category is the product's; onSale whether it is.
	category string
	onSale   bool
	together []uuid.UUID
	bestSellers
}

// bestSellers is what sells best in a category or in the region, and what is new there.
type bestSellers struct {
	at          time.Time
	best, fresh []uuid.UUID
}

func newMemory() (*memory, error) {
	var m memory
	var err error
	m.related, err = otter.New(&otter.Options[uuid.UUID, related]{
		MaximumSize: maxRemembered, ExpiryCalculator: otter.ExpiryWriting[uuid.UUID, related](staleFor),
	})
	if err == nil {
		m.best, err = otter.New(&otter.Options[string, bestSellers]{
			MaximumSize: maxRemembered, ExpiryCalculator: otter.ExpiryWriting[string, bestSellers](staleFor),
		})
	}
	if err != nil {
		return nil, fmt.Errorf("memory of recommendations: %w", err)
	}
	return &m, nil
}

// isFresh reports whether what was read at a moment may be told undegraded now.
func (r *Recommender) isFresh(at time.Time) bool {
	age := r.now().Sub(at)
	return age >= 0 && age < MaxAge
}
