package recommend

import (
	"context"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// Home is what the shop's first page shows.
type Home struct {
	// ForYou goes with what the customer has ordered; empty for guests, and for customers without orders.
	ForYou []Pick
	// Popular is what is popular here, then what is new.
	Popular List
}

// Home returns at most limit products for each part of the first page. customer is nil for guests. It never fails: see
// Related for what it falls back on. Two round trips at most, one for guests, who usually are answered out of memory; a
// third one when the first was in vain.
func (r *Recommender) Home(ctx context.Context, customer *regions.Ref, limit int) Home {
	front, err := r.readFront(ctx, customer)
	if err != nil {
		return Home{Popular: r.bestOf(ctx, placeHome, "", limit)}
	}
	home, err := r.pickHome(ctx, front, limit)
	if err != nil {
		return Home{Popular: r.nothing(ctx, placeHome)}
	}
	home.Popular.Age = r.now().Sub(front.popular.at)
	return home
}

// front is what the first page is made of.
type front struct {
	popular bestSellers
	forYou  []uuid.UUID
}

// pickHome looks all products up at once, so that it is one round trip at most.
func (r *Recommender) pickHome(ctx context.Context, f front, limit int) (Home, error) {
	forYou := because(ForYou, f.forYou[:min(len(f.forYou), limit+spare)])
	popular := f.popular.candidates(PopularHere, NewHere)
	picks, err := r.pick(ctx, append(forYou, popular...), 2*limit+spare)
	if err != nil {
		return Home{}, err
	}
	var home Home
	for _, p := range picks {
		switch {
		case p.Reason == ForYou && len(home.ForYou) < limit:
			home.ForYou = append(home.ForYou, p)
		case p.Reason != ForYou && len(home.Popular.Picks) < limit:
			home.Popular.Picks = append(home.Popular.Picks, p)
		}
	}
	return home, nil
}

// readFront reads what the first page is made of. What is popular is read anew only where memory has nothing fresh; what
// is the customer's own is always, and is not remembered.
func (r *Recommender) readFront(ctx context.Context, customer *regions.Ref) (front, error) {
	remembered, ok := r.memory.best.GetIfPresent("")
	if ok = ok && r.isFresh(remembered.at); ok && customer == nil {
		return front{popular: remembered}, nil
	}
	if customer == nil {
		shared, err, _ := r.memory.reading.Do("", func() (any, error) { return r.readParts(context.WithoutCancel(ctx), nil, nil) })
		return shared.(front), err
	}
	if !ok {
		return r.readParts(ctx, customer, nil)
	}
	return r.readParts(ctx, customer, &remembered)
}

// readParts reads, in one round trip, what is popular unless it is known, and what goes with a customer's orders.
func (r *Recommender) readParts(ctx context.Context, customer *regions.Ref, known *bestSellers) (front, error) {
	var f front
	var best []seller
	var own []uuid.UUID
	var bonds []bond
	err := r.read(ctx, func(b *database.Batch) error {
		f, best, own, bonds = front{}, nil, nil, nil
		if known == nil {
			r.queueRegion(b, &best, &f.popular.fresh)
		}
		if customer != nil {
			r.queueOwn(b, *customer, &own, &bonds)
		}
		return nil
	})
	if err != nil {
		return front{}, err
	}
	if known != nil {
		f.popular = *known
	} else {
		f.popular.best, f.popular.at = rankSellers(best), r.now()
		r.memory.best.Set("", f.popular)
	}
	has := make(map[uuid.UUID]bool, len(own))
	for _, product := range own {
		has[product] = true
	}
	f.forYou = rankBonds(bonds, has, r.now())
	return f, nil
}
