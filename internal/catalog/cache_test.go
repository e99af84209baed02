package catalog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/maypok86/otter/v2"

	"meridian/internal/database"
	"meridian/internal/pricing"
	"meridian/internal/rating"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func (c *Catalog) mustPoll(t testing.TB) {
	t.Helper()
	testkit.NoError(t, c.PollOnce(t.Context()))
}

func TestGetProduct_RoundTrips(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	get := func(ctx context.Context) error { _, err := s.GetProduct(ctx, p.PublicID()); return err }
	if n := databasetest.Trips(t, get) + databasetest.Trips(t, get); n != 2 {
		t.Errorf("without polls two reads took %d round trips, want 2: memory must not answer", n)
	}
	s.mustPoll(t)
	if n := databasetest.Trips(t, get); n != 1 {
		t.Errorf("uncached: %d round trips, want 1", n)
	}
	if n := databasetest.Trips(t, get); n != 0 {
		t.Errorf("cached: %d round trips, want 0", n)
	}
	tree := func(ctx context.Context) error { _, err := s.Categories(ctx); return err }
	if first, second := databasetest.Trips(t, tree), databasetest.Trips(t, tree); first != 1 || second != 0 {
		t.Errorf("the tree took %d and %d round trips, want 1 and 0", first, second)
	}
	if n := databasetest.Trips(t, s.PollOnce); n != 1 {
		t.Errorf("a poll took %d round trips, want 1", n)
	}
}

func TestCache_AbsenceIsRemembered(t *testing.T) {
	s := newShop(t)
	s.mustPoll(t)
	absent := func(ctx context.Context) error {
		if _, err := s.GetProduct(ctx, "no-such-product"); !errors.Is(err, ErrNotFound) {
			return fmt.Errorf("error %w, want not found", err)
		}
		return nil
	}
	if first, second := databasetest.Trips(t, absent), databasetest.Trips(t, absent); first != 1 || second != 0 {
		t.Errorf("%d and %d round trips, want 1 and 0", first, second)
	}
}

// An edit by one pod shows at another after its next poll.
func TestCache_InvalidatedAcrossPods(t *testing.T) {
	s := newShop(t)
	other := newCatalog(t, s.db, time.Now)
	p := s.create(t, mug("m1", "A"))
	edits := []struct {
		name string
		edit func(t *testing.T, version int64)
		want func(Product, error) bool
	}{
		{"an update", func(t *testing.T, version int64) {
			testkit.Must(s.UpdateProduct(t.Context(), UpdateInput{Seller: s.seller, ID: p.ID, Version: version,
				Product: with(mug("", "A"), func(p *ProductInput) { p.Title = "Cup" })}))(t)
		}, func(p Product, err error) bool { return err == nil && p.Title == "Cup" }},
		{"a price", func(t *testing.T, _ int64) {
			testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
				pricing.QueueSet(b, []pricing.Price{{SKU: "A", Currency: "GBP", AmountMinor: 7}}, 0)
				QueueTouch(b, []string{"A"})
				return nil
			}))
		}, func(p Product, err error) bool { return err == nil && p.SKUs[0].Prices(time.Now())["GBP"] == 7 }},
		{"a great edit", func(t *testing.T, _ int64) {
			testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
				b.Queue(`UPDATE products SET title = 'Bowl'`)
				QueueForgetAll(b)
				return nil
			}))
		}, func(p Product, err error) bool { return err == nil && p.Title == "Bowl" }},
		{"its end", func(t *testing.T, version int64) {
			testkit.Must(s.ArchiveProduct(t.Context(), s.seller, p.ID, version))(t)
		}, func(_ Product, err error) bool { return errors.Is(err, ErrNotFound) }},
	}
	for _, edit := range edits {
		t.Run(edit.name, func(t *testing.T) {
			other.mustPoll(t)
			now := testkit.Must(s.GetSellerProduct(t.Context(), s.seller, p.ID))(t)
			for _, name := range []string{p.Slug, p.PublicID()} {
				testkit.Must(other.GetProduct(t.Context(), name))(t)
			}
			edit.edit(t, now.Version)
			other.mustPoll(t)
			for _, name := range []string{p.Slug, p.PublicID()} {
				if got, err := other.GetProduct(t.Context(), name); !edit.want(got, err) {
					t.Errorf("by %s: %+v, %v", name, got, err)
				}
			}
		})
	}
}

// TestCache_Ratings shows that a rating shows after the next poll, with no edit, and is then in memory again.
func TestCache_Ratings(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	want := func(trip int64, stars, ratings int64) {
		t.Helper()
		for _, name := range []string{p.PublicID(), p.Slug} {
			n := databasetest.Trips(t, func(ctx context.Context) error {
				got, err := s.GetProduct(ctx, name)
				if got.Rating != (rating.Total{Stars: stars, Ratings: ratings}) || got.Version != p.Version {
					t.Errorf("%s has %+v in version %d, want %d stars of %d", name, got.Rating, got.Version, stars, ratings)
				}
				return err
			})
			if n != trip {
				t.Errorf("%s took %d round trips, want %d", name, n, trip)
			}
		}
	}
	s.mustPoll(t)
	want(1, 0, 0)
	for stars := int64(4); stars <= 5; stars++ {
		databasetest.Exec(t, s.db, `
INSERT INTO product_ratings (product_id, stars_sum, ratings) VALUES ($1, $2, 1)
ON CONFLICT (product_id) DO UPDATE SET stars_sum = excluded.stars_sum, updated_at = now()`, p.ID, stars)
		s.mustPoll(t)
		want(1, stars, 1)
		s.mustPoll(t)
		want(0, stars, 1)
	}
}

func TestCache_NewProductsAppear(t *testing.T) {
	s := newShop(t)
	other := newCatalog(t, s.db, time.Now)
	draft := s.create(t, with(mug("m1", "A"), func(p *ProductInput) { p.Status = Draft }))
	other.mustPoll(t)
	if _, err := other.GetProduct(t.Context(), draft.Slug); !errors.Is(err, ErrNotFound) {
		t.Fatalf("a draft: %v", err)
	}
	testkit.Must(s.UpdateProduct(t.Context(), UpdateInput{Seller: s.seller, ID: draft.ID, Version: 1, Product: mug("", "A")}))(t)
	other.mustPoll(t)
	if _, err := other.GetProduct(t.Context(), draft.Slug); err != nil {
		t.Errorf("after activation: %v", err)
	}
}

func TestCache_NotUsedWhenPollsFail(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	hand := testkit.NewClock(time.Unix(0, 0))
	pod := newCatalog(t, s.db, hand.Now)
	get := func(ctx context.Context) error { _, err := pod.GetProduct(ctx, p.Slug); return err }
	pod.mustPoll(t)
	databasetest.Trips(t, get)
	hand.Advance(MaxStaleness)
	if n := databasetest.Trips(t, get); n != 0 {
		t.Errorf("%d round trips while the last poll is young enough, want 0", n)
	}
	hand.Advance(time.Nanosecond)
	failed, cancel := context.WithCancel(t.Context())
	cancel()
	if err := pod.PollOnce(failed); err == nil {
		t.Fatal("the poll was to fail")
	}
	if n := databasetest.Trips(t, get); n != 1 {
		t.Errorf("%d round trips after MaxStaleness without a poll, want 1", n)
	}
	pod.mustPoll(t)
	if n := databasetest.Trips(t, get); n != 0 {
		t.Errorf("%d round trips after a poll found nothing new, want 0", n)
	}
}

// A hundred callers who want the same product at the same time ask the database once.
func TestCache_Stampede(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	s.mustPoll(t)
	ctx, trips := database.CountTrips(t.Context())
	key, _ := newProductKey(p.Slug)
	const callers = 100
	var arrived sync.WaitGroup
	arrived.Add(callers)
	var loads atomic.Int64
	loader := otter.LoaderFunc[productKey, cachedProduct](func(ctx context.Context, key productKey) (cachedProduct, error) {
		loads.Add(1)
		arrived.Wait() // nobody gets an answer before all have asked
		return s.loadProduct(ctx, key)
	})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			arrived.Done()
			if got, err := s.cache.products.Get(ctx, key, loader); err != nil || got.product.Slug != p.Slug {
				t.Errorf("got %q, %v", got.product.Slug, err)
			}
		})
	}
	wg.Wait()
	if loads.Load() != 1 || trips.Count() != 1 {
		t.Errorf("%d loads, %d round trips, want 1 and 1", loads.Load(), trips.Count())
	}
}

// What was read before an edit must not get into the cache after it.
func TestCache_LoadThatAnEditOvertakes(t *testing.T) {
	s := newShop(t)
	p := s.create(t, mug("m1", "A"))
	s.mustPoll(t)
	key, _ := newProductKey(p.Slug)
	first := true
	got, err := s.cache.products.Get(t.Context(), key, otter.LoaderFunc[productKey, cachedProduct](
		func(ctx context.Context, key productKey) (cachedProduct, error) {
			loaded, err := s.loadProduct(ctx, key)
			if first {
				first = false
				if _, err := s.UpdateProduct(ctx, UpdateInput{Seller: s.seller, ID: p.ID, Version: 1, Product: mug("", "A")}); err != nil {
					return cachedProduct{}, err
				}
			}
			return loaded, err
		}))
	if err != nil || got.product.Version != 2 {
		t.Errorf("got version %d, %v, want 2", got.product.Version, err)
	}
}
