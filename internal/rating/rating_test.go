package rating_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/rating"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// shop is products on a database, seen from two regions, and customers who bought some.
type shop struct {
	t        testing.TB
	db       *database.DB
	products []uuid.UUID
	// near is the ratings seen from eu-west, far from us-east.
	near, far *rating.Ratings
}

func newShop(t testing.TB) *shop {
	t.Helper()
	url := databasetest.URL(t)
	s := &shop{t: t, db: databasetest.Open(t, url, "eu-west")}
	s.near, s.far = order.NewRatings(s.db), order.NewRatings(databasetest.Open(t, url, "us-east"))
	databasetest.Exec(t, s.db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('k', 'k', 'Kitchen', '/k/', 1)`)
	databasetest.Exec(t, s.db, `INSERT INTO sellers (id, slug, name) VALUES (gen_random_uuid(), 'acme', 'Acme')`)
	for range 3 {
		s.products = append(s.products, s.product("active"))
	}
	return s
}

func (s *shop) product(status string) uuid.UUID {
	s.t.Helper()
	id := uuid.New()
	databasetest.Exec(s.t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id, status)
SELECT $1, s.id, $2, $2, 'Mug', 'k', $3 FROM sellers s`, id, id.String(), status)
	return id
}

// customer makes an account whose one order, in that status, holds the products.
func (s *shop) customer(region, status string, products ...uuid.UUID) regions.Ref {
	s.t.Helper()
	who := seed.Account(s.t, s.db, region)
	order := seed.NewOrder(region)
	order.Account, order.Status, order.Products = uuid.NullUUID{UUID: who.ID, Valid: true}, status, products
	order.Insert(s.t, s.db)
	return who
}

func (s *shop) total(product uuid.UUID) rating.Total {
	s.t.Helper()
	return rating.Total{
		Stars:   databasetest.One[int64](s.t, s.db, `SELECT coalesce((SELECT stars_sum FROM product_ratings WHERE product_id = $1), 0)`, product),
		Ratings: databasetest.One[int64](s.t, s.db, `SELECT coalesce((SELECT ratings FROM product_ratings WHERE product_id = $1), 0)`, product),
	}
}

func TestPut(t *testing.T) {
	s := newShop(t)
	mug, other := s.products[0], s.products[1]
	ada, ben := s.customer("eu-west", "delivered", mug), s.customer("us-east", "paid", mug, other)
	for _, step := range []struct {
		name  string
		who   regions.Ref
		stars int64
		want  rating.Total
	}{
		{"the first", ada, 4, rating.Total{Stars: 4, Ratings: 1}},
		{"the same again", ada, 4, rating.Total{Stars: 4, Ratings: 1}},
		{"another customer's", ben, 1, rating.Total{Stars: 5, Ratings: 2}},
		{"a better one", ada, 5, rating.Total{Stars: 6, Ratings: 2}},
		{"a worse one", ada, 2, rating.Total{Stars: 3, Ratings: 2}},
	} {
		t.Run(step.name, func(t *testing.T) {
			got := testkit.Must(s.far.Put(t.Context(), rating.Key{Customer: step.who, Product: mug}, step.stars))(t)
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			stars, total, err := s.near.Get(t.Context(), rating.Key{Customer: step.who, Product: mug})
			if err != nil || stars != step.stars || total != step.want {
				t.Errorf("reads %d, %+v, %v", stars, total, err)
			}
		})
	}
	if homes := databasetest.One[string](t, s.db, `SELECT string_agg(region::text, ' ' ORDER BY region::text) FROM ratings`); homes != "eu-west us-east" {
		t.Errorf("ratings live in %s", homes)
	}
	if got := s.total(other); got != (rating.Total{}) {
		t.Errorf("the other product has %+v", got)
	}
}

func TestPut_Refused(t *testing.T) {
	s := newShop(t)
	mug, other, draft, archived := s.products[0], s.products[1], s.product("draft"), s.product("archived")
	buyer := s.customer("eu-west", "shipped", mug, archived)
	elsewhere := regions.Ref{Region: "us-east", ID: buyer.ID}
	closed := s.customer("eu-west", "delivered", mug)
	databasetest.Exec(t, s.db, `UPDATE accounts SET status = 'closed' WHERE id = $1`, closed.ID)
	for _, c := range []struct {
		name    string
		who     regions.Ref
		product uuid.UUID
		want    error
	}{
		{"bought", buyer, mug, nil},
		{"bought, and no longer on sale", buyer, archived, nil},
		{"not bought", buyer, other, rating.ErrNotBought},
		{"not for sale", buyer, draft, rating.ErrNoProduct},
		{"not there", buyer, uuid.New(), rating.ErrNoProduct},
		{"not paid", s.customer("eu-west", "pending_payment", mug), mug, rating.ErrNotBought},
		{"cancelled", s.customer("eu-west", "cancelled", mug), mug, rating.ErrNotBought},
		{"refunded", s.customer("eu-west", "refunded", mug), mug, rating.ErrNotBought},
		{"returned", s.customer("eu-west", "returned", mug), mug, nil},
		{"another region's account", elsewhere, mug, rating.ErrAccountClosed},
		{"closed", closed, mug, rating.ErrAccountClosed},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := s.total(c.product)
			_, err := s.near.Put(t.Context(), rating.Key{Customer: c.who, Product: c.product}, 3)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if after := s.total(c.product); (after == before) != (c.want != nil) {
				t.Errorf("%+v became %+v", before, after)
			}
		})
	}
}

func TestRemove(t *testing.T) {
	s := newShop(t)
	key := rating.Key{Customer: s.customer("eu-west", "paid", s.products[0]), Product: s.products[0]}
	other := rating.Key{Customer: s.customer("us-east", "paid", s.products[0]), Product: s.products[0]}
	for _, k := range []rating.Key{key, other} {
		testkit.Must(s.near.Put(t.Context(), k, 3))(t)
	}
	for range 2 {
		testkit.NoError(t, s.far.Remove(t.Context(), key))
		if got := s.total(key.Product); got != (rating.Total{Stars: 3, Ratings: 1}) {
			t.Errorf("%+v is left", got)
		}
	}
	if _, _, err := s.near.Get(t.Context(), key); !errors.Is(err, rating.ErrNotRated) {
		t.Errorf("reading what is gone: %v", err)
	}
	if got, err := s.near.Put(t.Context(), key, 5); err != nil || got != (rating.Total{Stars: 8, Ratings: 2}) {
		t.Errorf("given again: %+v, %v", got, err)
	}
}

// TestRatings_AnyOrder does whatever customers may do in any order and holds the sums to what they then think.
func TestRatings_AnyOrder(t *testing.T) {
	s := newShop(t)
	var customers []regions.Ref
	for _, region := range []string{"eu-west", "eu-west", "us-east"} {
		customers = append(customers, s.customer(region, "paid", s.products...))
	}
	now := make(map[rating.Key]int64)
	rapid.Check(t, func(rt *rapid.T) {
		for range 10 {
			key := rating.Key{Customer: rapid.SampledFrom(customers).Draw(rt, "customer"),
				Product: rapid.SampledFrom(s.products).Draw(rt, "product")}
			var err error
			if stars := rapid.Int64Range(0, rating.MostStars).Draw(rt, "stars"); stars == 0 {
				delete(now, key)
				err = s.near.Remove(t.Context(), key)
			} else {
				now[key] = stars
				_, err = s.near.Put(t.Context(), key, stars)
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		for _, product := range s.products {
			var want rating.Total
			for key, stars := range now {
				if key.Product == product {
					want.Stars, want.Ratings = want.Stars+stars, want.Ratings+1
				}
			}
			if got := s.total(product); got != want {
				rt.Fatalf("the sum is %+v, want %+v", got, want)
			}
		}
	})
}

// TestRatings_Concurrently lets customers change their minds about one product at the same time, each from two regions.
func TestRatings_Concurrently(t *testing.T) {
	s := newShop(t)
	product := s.products[0]
	var racing sync.WaitGroup
	for range 4 {
		key := rating.Key{Customer: s.customer("eu-west", "paid", product), Product: product}
		for side, at := range []*rating.Ratings{s.near, s.far} {
			racing.Go(func() {
				for i := range 5 {
					if _, err := at.Put(t.Context(), key, int64(1+(i+side)%rating.MostStars)); err != nil {
						t.Error(err)
					}
				}
				if err := at.Remove(t.Context(), key); err != nil {
					t.Error(err)
				}
				if _, err := at.Put(t.Context(), key, 4); err != nil {
					t.Error(err)
				}
			})
		}
	}
	racing.Wait()
	sum := databasetest.One[int64](t, s.db, `SELECT coalesce(sum(stars), 0)::int8 FROM ratings`)
	rows := databasetest.One[int64](t, s.db, `SELECT count(*) FROM ratings`)
	if got := s.total(product); got != (rating.Total{Stars: sum, Ratings: rows}) || rows == 0 {
		t.Errorf("the sum is %+v of %d ratings with %d stars", got, rows, sum)
	}
}

func TestQueueForget(t *testing.T) {
	s := newShop(t)
	leaves, stays := s.customer("eu-west", "paid", s.products...), s.customer("eu-west", "paid", s.products...)
	for _, who := range []regions.Ref{leaves, stays} {
		for _, product := range s.products {
			testkit.Must(s.near.Put(t.Context(), rating.Key{Customer: who, Product: product}, 4))(t)
		}
	}
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		rating.QueueForget(b, leaves)
		return nil
	}))
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM ratings WHERE account_id = $1`, leaves.ID); n != 0 {
		t.Errorf("%d ratings are still the account's", n)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(DISTINCT account_id) FROM ratings WHERE created_at < '1971-01-01' AND updated_at < '1971-01-01'`); n != 3 {
		t.Errorf("3 ratings are of %d nobodies", n)
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM ratings WHERE account_id = $1 AND created_at > '1971-01-01'`,
		stays.ID); n != 3 {
		t.Errorf("%d ratings of the customer who stays are as they were, want 3", n)
	}
	if got := s.total(s.products[0]); got != (rating.Total{Stars: 8, Ratings: 2}) {
		t.Errorf("the sum became %+v", got)
	}
}

func TestTotal_Milli(t *testing.T) {
	for _, c := range []struct {
		name  string
		total rating.Total
		want  int64
	}{
		{"nobody", rating.Total{}, 0},
		{"all the same", rating.Total{Stars: 15, Ratings: 3}, 5000},
		{"rounded down", rating.Total{Stars: 10, Ratings: 3}, 3333},
		{"rounded up", rating.Total{Stars: 11, Ratings: 3}, 3667},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.total.Milli(); got != c.want {
				t.Errorf("%+v is %d, want %d", c.total, got, c.want)
			}
		})
	}
}
