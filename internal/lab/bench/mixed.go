package bench

import (
	"context"
	"fmt"
	"net/url"
	"strconv"

	"meridian/internal/lab/client"
)

// requestsPerOrder is the ratio of requests to orders at the peak of a large platform, as
// it published it.
const requestsPerOrder = 550

// deck is what a shopper of mixed does, as weights of which the requests sum to
// requestsPerOrder: the order takes two, its cart and itself. The shares of the reads are
// those of a shop where most people look.
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
func mixed(ctx context.Context, s *shopper) error {
	drawn := s.rand.IntN(deckWeight())
	for _, card := range deck {
		if drawn -= card.weight; drawn < 0 {
			return card.do(ctx, s)
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

// abandonCart makes a cart that nobody orders.
func abandonCart(ctx context.Context, s *shopper) error {
	_, err := s.as("create cart").CreateCart(ctx, client.By{}, "", s.newCart(false))
	return err
}

func availability(ctx context.Context, s *shopper) error {
	sku := s.shop.articles[s.rand.IntN(len(s.shop.articles))].sku
	return s.read(ctx, "availability", "/v1/skus/"+url.PathEscape(sku)+"/availability")
}

func categories(ctx context.Context, s *shopper) error {
	return s.read(ctx, "categories", "/v1/categories")
}

// listingPage is how many products a page of mixed's listings has.
const listingPage = 20

func listing(ctx context.Context, s *shopper) error {
	category := s.shop.categories[s.rand.IntN(len(s.shop.categories))]
	query := url.Values{"category": {category}, "limit": {strconv.Itoa(listingPage)}}
	return s.read(ctx, "listing", "/v1/products?"+query.Encode())
}

// mixedLimits are the limits of what mixed is made of: of all its reads that of a product,
// of an order that of its rows.
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

// combined is what the deck could reach if each card but the order took as long as a bare
// read, and the order as long as its bare rows. It goes before the limits it is made of,
// with which the whole deck is not to be compared.
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
