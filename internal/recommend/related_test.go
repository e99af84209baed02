package recommend

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/sony/gobreaker/v2"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func (s *shop) wantRelated(title string, limit int, degraded Degraded, want ...string) List {
	s.t.Helper()
	list := testkit.Must(s.r.Related(s.t.Context(), s.id(title), limit))(s.t)
	if diff := cmp.Diff(append([]string{}, want...), picked(list.Picks)); diff != "" {
		s.t.Errorf("with %s (-want +got):\n%s", title, diff)
	}
	if list.Degraded != degraded {
		s.t.Errorf("degraded %q, want %q", list.Degraded, degraded)
	}
	return list
}

func TestRelated(t *testing.T) {
	s := newShop(t, "mug", "saucer", "bag", "spoon", "old", "new")
	s.list("garden", "rake")
	for range 3 { // the bag goes with everything, the saucer with mugs
		s.order(10, "bag", "spoon")
		s.order(3, "mug", "bag")
		s.order(3, "mug", "saucer")
		s.order(4, "mug", "rake")
	}
	s.view(5, "old")
	s.write()
	s.wantRelated("mug", 4, NotDegraded, "rake: bought_together", "saucer: bought_together", "bag: bought_together",
		"spoon: popular_in_category")
	s.wantRelated("mug", 24, NotDegraded, "rake: bought_together", "saucer: bought_together", "bag: bought_together",
		"spoon: popular_in_category", "old: popular_in_category", "new: new_in_category")
	s.wantRelated("rake", 24, NotDegraded, "mug: bought_together")
}

// TestRelated_NothingHappened shows what a shop without any events recommends.
func TestRelated_NothingHappened(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.list("garden", "rake")
	s.wantRelated("saucer", 24, NotDegraded, "spoon: new_in_category", "mug: new_in_category")
	s.wantRelated("rake", 24, NotDegraded)
}

func TestRelated_OnSale(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.order(2, "mug", "saucer")
	s.write()
	archived := testkit.Must(s.catalog.ArchiveProduct(t.Context(), s.seller.ID, s.id("saucer"), s.products["saucer"].Version))(s.t)
	s.wantRelated("mug", 24, NotDegraded, "spoon: new_in_category")
	for name, product := range map[string]uuid.UUID{"archived": archived.ID, "unknown": uuid.New()} {
		if _, err := s.r.Related(t.Context(), product, 24); !errors.Is(err, catalog.ErrNotFound) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// One that leaves while it is remembered is not shown either.
	s.wantRelated("mug", 24, NotDegraded, "spoon: new_in_category")
	testkit.Must(s.catalog.ArchiveProduct(t.Context(), s.seller.ID, s.id("spoon"), s.products["spoon"].Version))(s.t)
	s.wantRelated("mug", 24, NotDegraded)
}

func TestRelated_OtherCategoryMeanwhile(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.view(9, "saucer")
	s.write()
	databasetest.Exec(t, s.db, `UPDATE products SET category_id = 'garden' WHERE id = $1`, s.id("saucer"))
	databasetest.Exec(t, s.db, `DELETE FROM category_products WHERE category_id = 'kitchen' AND product_id = $1`, s.id("saucer"))
	s.wantRelated("mug", 24, NotDegraded)
}

func TestRelated_RoundTrips(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.order(2, "mug", "saucer")
	s.write()
	trips := func() int64 {
		t.Helper()
		ctx, trips := database.CountTrips(t.Context())
		list := testkit.Must(s.r.Related(ctx, s.id("mug"), 24))(s.t)
		if len(list.Picks) != 2 || list.Age >= MaxAge {
			t.Errorf("%d picks, %s old", len(list.Picks), list.Age)
		}
		return trips.Count()
	}
	if n := trips(); n != 2 {
		t.Errorf("the first reading took %d round trips, want 2", n)
	}
	if n := trips(); n != 0 {
		t.Errorf("out of memory it took %d round trips", n)
	}
	s.clock.Advance(MaxAge)
	if n := trips(); n != 1 {
		t.Errorf("when memory is old it took %d round trips, want 1", n)
	}
}

// lose makes what is recommended unreadable, while the rest of the database goes on.
func (s *shop) lose() {
	s.t.Helper()
	databasetest.Exec(s.t, s.db, `ALTER TABLE product_popularity RENAME TO lost`)
}

func TestRelated_SourceFails(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon", "bowl")
	s.order(2, "mug", "saucer")
	s.view(1, "bowl")
	s.view(1, "mug")
	s.write()
	s.lose()
	// Nothing is remembered yet: what the catalogue knows by itself.
	s.wantRelated("mug", 2, BestSellers, "bowl: new_in_category", "spoon: new_in_category")
	databasetest.Exec(t, s.db, `ALTER TABLE lost RENAME TO product_popularity`)
	s.wantRelated("mug", 2, NotDegraded, "saucer: bought_together", "bowl: popular_in_category")
	s.lose()
	s.clock.Advance(MaxAge)
	list := s.wantRelated("spoon", 3, BestSellers, "mug: popular_in_category", "saucer: popular_in_category", "bowl: popular_in_category")
	if list.Age < MaxAge {
		t.Errorf("what is remembered is told to be %s old", list.Age)
	}
	if _, err := s.r.Related(t.Context(), uuid.New(), 3); !errors.Is(err, catalog.ErrNotFound) {
		t.Errorf("a product that there is not: %v", err)
	}
}

// TestRelated_Breaker shows that a source that fails is left alone for a while.
func TestRelated_Breaker(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.lose()
	for range breakerFailures {
		s.wantRelated("mug", 24, BestSellers, "saucer: new_in_category")
	}
	if state := s.r.breaker.State(); state != gobreaker.StateOpen {
		t.Fatalf("after %d failures the circuit is %s", breakerFailures, state)
	}
	ctx, trips := database.CountTrips(t.Context())
	list := testkit.Must(s.r.Related(ctx, s.id("mug"), 24))(s.t)
	if list.Degraded != BestSellers || trips.Count() != 1 {
		t.Errorf("degraded %q by %d round trips, want 1 for the newest of the category", list.Degraded, trips.Count())
	}
}

// TestRelated_SourceSlow gives every reading no time at all: memory alone answers, or nobody.
func TestRelated_SourceSlow(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.view(1, "saucer")
	s.write()
	slow := s.recommender(Config{Timeout: time.Nanosecond})
	slow.memory = s.r.memory
	s.r = slow
	s.wantRelated("mug", 24, None)
	s.r.timeout = time.Minute
	s.wantRelated("mug", 24, NotDegraded, "saucer: popular_in_category")
	s.clock.Advance(MaxAge)
	s.r.timeout = time.Nanosecond
	s.wantRelated("mug", 24, BestSellers, "saucer: popular_in_category")
}

func TestRelated_Concurrently(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.order(1, "mug", "saucer")
	s.write()
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() {
			for range 20 {
				list, err := s.r.Related(t.Context(), s.id("mug"), 24)
				if err != nil || list.Degraded != NotDegraded || len(list.Picks) != 2 {
					t.Errorf("%d picks, degraded %q, %v", len(list.Picks), list.Degraded, err)
				}
				s.view(1, "spoon")
				s.clock.Advance(time.Second)
			}
		})
	}
	asking.Go(func() {
		for range 10 {
			if _, err := s.r.WriteOnce(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	asking.Wait()
}
