package bench

import (
	"context"
	"errors"
	"net/http"
	"sync"

	"meridian/internal/lab/client"
)

// browse reads one product of the spread. After the warm-up the shop has it in memory.
func browse(ctx context.Context, s *shopper) error {
	id := s.shop.products[s.rand.IntN(len(s.shop.products))]
	return s.read(ctx, "product", productPath(id))
}

func productPath(id string) string { return "/v1/products/" + id }

// read makes a call for its answer's bytes: what a client makes of them is not measured.
func (s *shopper) read(ctx context.Context, call, path string) error {
	return s.as(call).Do(ctx, http.MethodGet, path, client.By{}, "", nil, nil)
}

// readAll reads each product of the spread once in each of the markets, so that all of
// them are in the memory of every region.
func readAll(ctx context.Context, shoppers []*shopper, markets int) error {
	inEach := max(len(shoppers)/markets, 1)
	faults := make([]error, len(shoppers))
	var running sync.WaitGroup
	for i, s := range shoppers { // those of one market are markets apart
		running.Go(func() {
			for n := i / markets; n < len(s.shop.products) && faults[i] == nil; n += inEach {
				faults[i] = s.read(ctx, "product", productPath(s.shop.products[n]))
			}
			s.tally = newTally()
		})
	}
	running.Wait()
	return errors.Join(faults...)
}
