package bench

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
)

// visitor is one client of the closed loop: a guest who waits for each answer before the next
// call. It is used by one goroutine at a time.
type visitor struct {
	shopper.Shopper
	market market
	goods  *goods
	rand   *rand.Rand
	tally  *tally
	doing  string // the name of the call in progress
}

// buyerEmail marks the orders of a run.
const buyerEmail = "shopper@bench.example"

// newVisitors returns n visitors, spread evenly over the markets, with connections of their
// own that are kept alive.
func newVisitors(n int, markets []market, shop *goods, seed uint64) []*visitor {
	connections := client.NewHTTP(n)
	// The bytes are compared with those of a bare handler, which does not compress either.
	connections.Transport.(*http.Transport).DisableCompression = true
	visitors := make([]*visitor, n)
	for i := range visitors {
		m := markets[i%len(markets)]
		v := &visitor{market: m, goods: shop, rand: rand.New(rand.NewPCG(seed, uint64(i))), tally: newTally()}
		v.Shopper = shopper.Shopper{
			Client:  &client.Client{Base: m.url, HTTP: connections, Header: m.header, Observe: v.observe},
			Country: m.country, Email: buyerEmail,
			ShipTo: client.Address{Name: "A Shopper", Line1: "1 Long Street", City: "Town", Postcode: "12345", Country: m.country},
		}
		visitors[i] = v
	}
	return visitors
}

func (v *visitor) observe(a client.Attempt) { v.tally.calls.Count(v.doing, a) }

// as names the calls that follow.
func (v *visitor) as(call string) *visitor {
	v.doing = call
	return v
}

// operation is what a visitor does again and again.
type operation func(ctx context.Context, v *visitor) error

// closedLoop has every visitor repeat the operation for d and adds what happened to s. An
// operation that began in time is finished and counted, and so is the time it took.
func closedLoop(ctx context.Context, visitors []*visitor, d time.Duration, s *sample, do operation) {
	for _, v := range visitors {
		v.tally = s.tally
	}
	started := time.Now()
	until, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	shopper.Crowd(until, len(visitors), func(i int) {
		began := time.Now()
		if err := do(ctx, visitors[i]); ctx.Err() == nil { // else the caller cut it off
			s.tally.operation(time.Since(began), err)
		}
	})
	s.elapsed += time.Since(started)
}

// tally counts what all visitors of a measurement together were answered. It is safe for
// concurrent use.
type tally struct {
	// took holds the times of operations that succeeded, calls the single HTTP exchanges.
	took  report.Times
	calls report.Calls
	// paid holds the times from an order's being placed to its being paid.
	paid report.Times

	mu sync.Mutex // guards the rest
	// done counts operations that succeeded, soldOut those refused for want of units, which is
	// an answer and no error; errors counts all others by the problem's code.
	done, soldOut int
	errors        map[string]int
}

func newTally() *tally { return &tally{errors: make(map[string]int)} }

// operation counts a whole operation.
func (t *tally) operation(took time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch code := client.CodeOf(err); code {
	case "":
		t.done++
		t.took.Add(took)
	case shopper.CodeSoldOut:
		t.soldOut++
	default:
		t.errors[code]++
	}
}

// begun returns the number of operations, whatever became of them.
func (t *tally) begun() int { return t.done + t.soldOut + sum(t.errors) }
