package recommend

import "github.com/google/uuid"

// action is something a shopper does with a product.
type action int

const (
	viewed action = iota
	found
	added
	ordered
	actions = iota
)

// weights are how much an action says about a product, in views.
var weights = [actions]float64{viewed: 1, found: 2, added: 5, ordered: 20}

var actionNames = [actions]string{viewed: "view", found: "search", added: "cart_add", ordered: "order"}

// Bounds of what one order says.
const (
	// maxOrderProducts is how many different products of an order are counted.
	maxOrderProducts = 100
	// maxPaired is how many of them, the first, are counted as bought together: 28 pairs.
	maxPaired = 8
)

// Viewed notes that a shopper opened a product, out of the results of a search or not.
func (r *Recommender) Viewed(product uuid.UUID, outOfSearch bool) {
	what := viewed
	if outOfSearch {
		what = found
	}
	r.events.count(product, what)
}

// Added notes that a shopper put a product into a cart.
func (r *Recommender) Added(product uuid.UUID) { r.events.count(product, added) }

// Ordered notes the products of an order that was placed, one for each line.
func (r *Recommender) Ordered(products []uuid.UUID) {
	seen := make(map[uuid.UUID]bool)
	var distinct []uuid.UUID
	for _, product := range products {
		if !seen[product] && len(distinct) < maxOrderProducts {
			seen[product] = true
			distinct = append(distinct, product)
		}
	}
	for _, product := range distinct {
		r.events.count(product, ordered)
	}
	r.events.pair(distinct[:min(len(distinct), maxPaired)])
}

// pair is two products, the lesser id first.
type pair struct{ a, b uuid.UUID }

func pairOf(a, b uuid.UUID) pair {
	if compareIDs(a, b) > 0 {
		a, b = b, a
	}
	return pair{a, b}
}
