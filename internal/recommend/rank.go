package recommend

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"
)

// likely is how many orders of today a likeness must stand out from.
const likely = 2

// beta returns what likenesses are shrunk by.
func beta(at time.Time) float64 { return likely * gain(at, PairHalfLife) }

// likeness returns the shrunk cosine of two products, by the orders that held both and those that held each.
func likeness(together, ordersA, ordersB, beta float64) float64 {
	return together / (math.Sqrt(ordersA*ordersB) + beta)
}

// bond is a product that was bought together with another: a row of product_pairs, with the orders of each.
type bond struct {
	product, other                 uuid.UUID
	together, orders, othersOrders float64
}

// rankBonds returns the others of bonds, the likeliest first, each by the sum of its likenesses, without those in not.
func rankBonds(bonds []bond, not map[uuid.UUID]bool, at time.Time) []uuid.UUID {
	shrink, sums := beta(at), make(map[uuid.UUID]float64)
	for _, b := range bonds {
		if !not[b.other] {
			sums[b.other] += likeness(b.together, b.orders, b.othersOrders, shrink)
		}
	}
	others := make([]uuid.UUID, 0, len(sums))
	for other := range sums {
		others = append(others, other)
	}
	slices.SortFunc(others, func(a, b uuid.UUID) int { return cmp.Or(cmp.Compare(sums[b], sums[a]), compareIDs(a, b)) })
	return others
}

// seller is a product by what is done with it here.
type seller struct {
	product uuid.UUID
	score   float64
}

// rankSellers returns the products, the highest score first.
func rankSellers(sellers []seller) []uuid.UUID {
	slices.SortFunc(sellers, func(a, b seller) int {
		return cmp.Or(cmp.Compare(b.score, a.score), compareIDs(a.product, b.product))
	})
	products := make([]uuid.UUID, len(sellers))
	for i, s := range sellers {
		products[i] = s.product
	}
	return products
}
