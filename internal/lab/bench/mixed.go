package bench

import (
	"context"
	"fmt"
)

// requestsPerOrder is the ratio of requests to orders that a large platform published for its
// peak.
const requestsPerOrder = 550

// deck lists what a visitor of mixed does, with weights. The requests sum to requestsPerOrder,
// where an order counts as two, its cart and itself. Most of the reads are of products, as in a
// shop where most people look.
var deck = []struct {
	weight int
	do     operation
}{
	{1, checkout},
	{8, abandonCart},
	{30, availability},
	{30, categories},
	{80, listing},
	{400, browse},
}

// mixed does one thing out of the deck.
func mixed(ctx context.Context, v *visitor) error {
	drawn := v.rand.IntN(deckWeight())
	for _, card := range deck {
		if drawn -= card.weight; drawn < 0 {
			return card.do(ctx, v)
		}
	}
	return nil // not reached: the weights sum to deckWeight
}

func deckWeight() int {
	sum := 0
	for _, card := range deck {
		sum += card.weight
	}
	return sum
}

// mixedLimits opens the limits of mixed's parts: a product's for all of its reads, an order's
// rows for its orders.
func mixedLimits(ctx context.Context, r *run) ([]limit, error) {
	reads, err := readLimits(ctx, r)
	if err != nil {
		return nil, err
	}
	order, err := r.orderLimit(ctx, false)
	if err != nil {
		closeAll(reads)
		return nil, err
	}
	return append(reads, order), nil
}

// combined returns the limits with one before them: what the deck could reach if each card but
// the order took as long as a bare read, and the order as long as its bare rows. The deck is
// compared with that one alone.
func combined(limits []Limit, throughput float64) []Limit {
	for i := range limits {
		limits[i].Ratio = 0
	}
	reads, orders := limits[0], limits[1]
	n := float64(deckWeight())
	all := Limit{About: fmt.Sprintf("%d bare reads and one bare order, worked out from the two limits below", deckWeight()-1)}
	if reads.Throughput > 0 && orders.Throughput > 0 {
		all.Throughput = n / ((n-1)/reads.Throughput + 1/orders.Throughput)
		all.Ratio = throughput / all.Throughput
	}
	return append([]Limit{all}, limits...)
}
