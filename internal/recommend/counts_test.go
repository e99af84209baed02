package recommend

import (
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

// ids are n different products.
func ids(n int) []uuid.UUID {
	all := make([]uuid.UUID, n)
	for i := range all {
		all[i] = uuid.NewSHA1(uuid.Nil, []byte{byte(i >> 8), byte(i)})
	}
	return all
}

// TestCounts_LosesNothing counts events from several sides, taken and put back now and then, and finds each once.
func TestCounts_LosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		products := ids(rapid.IntRange(1, 40).Draw(t, "products"))
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event {
			return event{rapid.IntRange(0, len(products)-1).Draw(t, "product"), action(rapid.IntRange(0, actions-1).Draw(t, "action"))}
		}), 0, 200).Draw(t, "events")
		c := newCounts(1000, 1000)
		want := make(map[uuid.UUID]did)
		var sides sync.WaitGroup
		for side := range 4 {
			sides.Go(func() {
				for i := side; i < len(events); i += 4 {
					c.count(products[events[i].product], events[i].what)
					if i%50 == 0 {
						c.putBack(c.take(time.Hour))
					}
				}
			})
		}
		sides.Wait()
		for _, e := range events {
			sum := want[products[e.product]]
			sum[e.what]++
			want[products[e.product]] = sum
		}
		if diff := cmp.Diff(want, c.take(time.Hour).products); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
		if dropped := c.dropped.Load(); dropped != 0 {
			t.Errorf("%d events were dropped", dropped)
		}
	})
}

type event struct {
	product int
	what    action
}

func TestCounts_Bounded(t *testing.T) {
	c := newCounts(shards, 3) // one product a shard
	products := ids(100)
	for range 3 {
		for _, product := range products {
			c.count(product, viewed)
		}
	}
	c.pair(products[:4]) // six pairs
	c.pair(products[:2])
	got := c.take(time.Hour)
	if len(got.products) > shards || len(got.pairs) != 3 {
		t.Errorf("%d products and %d pairs are held", len(got.products), len(got.pairs))
	}
	if sum := got.events() + c.dropped.Load(); sum != 300+7 {
		t.Errorf("%d events are counted or dropped, want %d", sum, 307)
	}
	for p := range got.pairs {
		if compareIDs(p.a, p.b) >= 0 {
			t.Errorf("pair %v is not in order", p)
		}
	}
}

// TestCounts_SamplesUnderLoad shows that sampled sums are right: to within six standard deviations, which one run in a
// billion misses.
func TestCounts_SamplesUnderLoad(t *testing.T) {
	c, product := newCounts(10, 10), ids(1)[0]
	for range 20 * maxRate {
		c.count(product, viewed)
	}
	if got := c.take(time.Second).products[product][viewed]; got != 20*maxRate {
		t.Errorf("%d events were counted before it was known that they are many, of %d", got, 20*maxRate)
	}
	if every := c.every.Load(); every != 20 {
		t.Fatalf("one of %d is counted, want 20", every)
	}
	const events, orders = 200_000, 1000
	for range events {
		c.count(product, found)
	}
	for range orders {
		c.count(product, ordered)
	}
	got := c.take(time.Hour).products[product]
	if deviation := math.Sqrt(events * 19); math.Abs(float64(got[found]-events)) > 6*deviation {
		t.Errorf("%d events were counted as %d", events, got[found])
	}
	if got[ordered] != orders {
		t.Errorf("%d orders were counted as %d: they are sampled", orders, got[ordered])
	}
	if every := c.every.Load(); every != 1 {
		t.Errorf("one of %d is counted when the load is over", every)
	}
}

func TestRecommender_ZeroForgets(t *testing.T) {
	var r Recommender
	r.Viewed(ids(1)[0], false)
	r.Added(ids(1)[0])
	r.Ordered(ids(3))
}

func TestOrdered(t *testing.T) {
	r := &Recommender{events: newCounts(1000, 1000)}
	products := ids(150)
	r.Ordered([]uuid.UUID{products[0], products[1], products[0]}) // two SKUs of the first
	r.Ordered(products)
	got := r.events.take(time.Hour)
	if len(got.products) != maxOrderProducts {
		t.Errorf("%d products of an order are counted, want %d", len(got.products), maxOrderProducts)
	}
	if want := maxPaired * (maxPaired - 1) / 2; len(got.pairs) != want {
		t.Errorf("%d pairs, want %d", len(got.pairs), want)
	}
	if n := got.products[products[0]][ordered]; n != 2 {
		t.Errorf("a product of two orders counts %d", n)
	}
	if n := got.pairs[pairOf(products[1], products[0])]; n != 2 {
		t.Errorf("two products of two orders count %d", n)
	}
}
