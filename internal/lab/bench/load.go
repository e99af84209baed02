package bench

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"meridian/internal/lab/client"
)

// shopper is one closed-loop client: a person, or a page in a browser, that waits for each
// answer before it goes on. It is used by one goroutine.
type shopper struct {
	api    client.Client
	market market
	shop   *goods
	rand   *rand.Rand
	tally  *tally
	doing  string // the name of the call that is being made
}

// newShoppers makes n shoppers, spread evenly over the markets, with connections of their
// own that are kept alive.
func newShoppers(n int, markets []market, shop *goods, seed uint64) []*shopper {
	connections := client.NewHTTP(n)
	// The bytes are compared with those of a bare handler, which does not compress either.
	connections.Transport.(*http.Transport).DisableCompression = true
	shoppers := make([]*shopper, n)
	for i := range shoppers {
		s := &shopper{
			market: markets[i%len(markets)], shop: shop, tally: newTally(),
			rand: rand.New(rand.NewPCG(seed, uint64(i))),
		}
		s.api = client.Client{Base: s.market.url, HTTP: connections, Header: s.market.header, Observe: s.observe}
		shoppers[i] = s
	}
	return shoppers
}

func (s *shopper) observe(a client.Attempt) { s.tally.call(s.doing, a) }

// as names the calls that follow.
func (s *shopper) as(call string) *client.Client {
	s.doing = call
	return &s.api
}

// operation is what a shopper does again and again.
type operation func(ctx context.Context, s *shopper) error

// closedLoop has every shopper do the operation again and again for d, each beginning its
// next when its last has ended. What has begun in time is finished and counted, and the
// time that took is in elapsed.
func closedLoop(ctx context.Context, shoppers []*shopper, d time.Duration, do operation) (all *tally, elapsed time.Duration) {
	started := time.Now()
	var running sync.WaitGroup
	for _, s := range shoppers {
		running.Go(func() { s.repeat(ctx, started.Add(d), do) })
	}
	running.Wait()
	elapsed = time.Since(started)
	all = newTally()
	for _, s := range shoppers {
		all.add(s.tally)
		s.tally = newTally()
	}
	return all, elapsed
}

func (s *shopper) repeat(ctx context.Context, until time.Time, do operation) {
	for began := time.Now(); ctx.Err() == nil && began.Before(until); began = time.Now() {
		err := do(ctx, s)
		if ctx.Err() != nil {
			return // cut off by the caller: nobody's error
		}
		s.tally.operation(time.Since(began), err)
	}
}
