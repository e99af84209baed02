package recommend

import (
	"context"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// standing is a row of product_popularity.
type standing struct {
	category             string
	score, orders        float64
	popularity           int64
	changedAt, updatedAt time.Time
}

func (s *shop) standing(title string) standing {
	s.t.Helper()
	row := testkit.Must(database.One(s.t.Context(), s.db, func(row pgx.CollectableRow) (p standing, err error) {
		err = row.Scan(&p.category, &p.score, &p.orders, &p.popularity, &p.changedAt, &p.updatedAt)
		return p, err
	}, `
SELECT category_id, score, orders, popularity, changed_at, updated_at
FROM product_popularity
WHERE region = 'eu-west' AND product_id = $1`, s.id(title)))(s.t)
	return row
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }

func TestWriteOnce(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.view(3, "mug")
	s.r.Viewed(s.id("mug"), true)
	s.r.Added(s.id("mug"))
	s.order(2, "mug", "saucer")
	s.r.Viewed(uuid.New(), false) // nobody's product
	s.write()
	worth, worthOrders := gain(s.clock.Now(), HalfLife), gain(s.clock.Now(), PairHalfLife)
	got := s.standing("mug")
	if want := (3*1 + 2 + 5 + 2*20) * worth; !near(got.score, want) || !near(got.orders, 2*worthOrders) || got.category != "kitchen" {
		t.Errorf("stored %+v, want a score of %g", got, want)
	}
	if want := Popularity(got.score); got.popularity != want || want != Popularity(50*gain(s.clock.Now(), HalfLife)) {
		t.Errorf("popularity %d, want %d", got.popularity, want)
	}
	for _, side := range [][2]string{{"mug", "saucer"}, {"saucer", "mug"}} {
		together := databasetest.One[float64](t, s.db, `SELECT score FROM product_pairs WHERE region = 'eu-west' AND product_id = $1 AND other_id = $2`,
			s.id(side[0]), s.id(side[1]))
		if !near(together, 2*worthOrders) {
			t.Errorf("%s with %s: %g", side[0], side[1], together)
		}
	}
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM product_popularity`); n != 2 {
		t.Errorf("%d products have rows, want 2", n)
	}
}

// TestWriteOnce_ChangedAt shows that changed_at moves with the popularity, and only with it.
func TestWriteOnce_ChangedAt(t *testing.T) {
	s := newShop(t, "mug")
	s.view(1000, "mug")
	s.write()
	before := s.standing("mug")
	s.view(1, "mug")
	s.write()
	little := s.standing("mug")
	if little.popularity != before.popularity || !little.changedAt.Equal(before.changedAt) || !little.updatedAt.After(before.updatedAt) {
		t.Errorf("one view more made %+v of %+v", little, before)
	}
	s.view(1000, "mug")
	s.write()
	if much := s.standing("mug"); much.popularity != before.popularity+steps || !much.changedAt.After(before.changedAt) {
		t.Errorf("twice the views made %+v of %+v", much, before)
	}
	// A half-life later a view is worth two.
	s.clock.Advance(HalfLife)
	s.view(1000, "mug")
	s.write()
	if later := s.standing("mug"); later.popularity != before.popularity+2*steps {
		t.Errorf("a thousand views a half-life later made %d of %d", later.popularity, before.popularity+steps)
	}
}

// TestWriteOnce_SameRounding holds the statement's popularity to Popularity, whatever the score.
func TestWriteOnce_SameRounding(t *testing.T) {
	s := newShop(t, "mug")
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 3).Draw(rt, "writes") {
			s.clock.Advance(time.Duration(rapid.Int64Range(0, 100).Draw(rt, "hours")) * time.Hour)
			s.view(rapid.IntRange(1, 40).Draw(rt, "views"), "mug")
			s.write()
		}
		if got := s.standing("mug"); got.popularity != Popularity(got.score) {
			rt.Errorf("score %g has popularity %d, want %d", got.score, got.popularity, Popularity(got.score))
		}
	})
}

// TestWriteOnce_Pods lets two pods of a region write the same products at the same time.
func TestWriteOnce_Pods(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon", "bowl")
	pods := []*Recommender{s.r, s.recommender(Config{})}
	all := []uuid.UUID{s.id("mug"), s.id("saucer"), s.id("spoon"), s.id("bowl")}
	var racing sync.WaitGroup
	for _, pod := range pods {
		racing.Go(func() {
			for range 20 {
				pod.Ordered(all)
				if _, err := pod.WriteOnce(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	racing.Wait()
	worth := gain(s.clock.Now(), PairHalfLife)
	for title := range s.products {
		if got := s.standing(title); !near(got.orders, 40*worth) {
			t.Errorf("%s counts %g orders, want 40", title, got.orders/worth)
		}
	}
	if sum := databasetest.One[float64](t, s.db, `SELECT sum(score) FROM product_pairs`); !near(sum, 12*40*worth) {
		t.Errorf("pairs sum up to %g orders, want %d", sum/worth, 12*40)
	}
}

// TestWriteOnce_DatabaseAway shows that what cannot be written is kept, and written once when it can.
func TestWriteOnce_DatabaseAway(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.order(3, "mug", "saucer")
	away, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if _, err := s.r.WriteOnce(away); err == nil {
			t.Fatal("writing without a database succeeds")
		}
	}
	s.view(1, "mug")
	s.write()
	s.write()
	if got, want := s.standing("mug").score, (3*20+1)*gain(s.clock.Now(), HalfLife); !near(got, want) {
		t.Errorf("score %g, want %g", got, want)
	}
}

func TestRun_WritesWhenItEnds(t *testing.T) {
	s := newShop(t, "mug")
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.r.Run(ctx)
	}()
	s.view(1, "mug")
	stop()
	<-ended
	if got := s.standing("mug").score; !near(got, gain(s.clock.Now(), HalfLife)) {
		t.Errorf("score %g", got)
	}
}

func TestPruneOnce(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.order(9, "mug", "saucer")
	s.write()
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id)
SELECT gen_random_uuid(), $1, 'filler-' || n::text, 'filler-' || n::text, 'Filler', 'kitchen' FROM generate_series(1, 99) AS n`, s.seller.ID)
	databasetest.Exec(t, s.db, `
INSERT INTO product_popularity (region, product_id, category_id, score, orders, popularity)
SELECT 'eu-west', id, 'kitchen', 1, $1, 0 FROM products WHERE title = 'Filler'`, 5*gain(s.clock.Now(), PairHalfLife))
	databasetest.Exec(t, s.db, `
INSERT INTO product_pairs (region, product_id, other_id, score)
SELECT 'eu-west', $1, id, $2 FROM products WHERE title = 'Filler'`, s.id("mug"), gain(s.clock.Now(), PairHalfLife))
	pairs := func() int64 {
		return databasetest.One[int64](t, s.db, `SELECT count(*) FROM product_pairs WHERE product_id = $1`, s.id("mug"))
	}
	prune := func() int {
		n := testkit.Must(s.r.PruneOnce(t.Context()))(s.t)
		return n
	}
	if n := prune(); n != 0 || pairs() != 100 {
		t.Errorf("%d pairs of 100 went, want none: new ones have time to grow", n)
	}
	s.list("kitchen", "spoon")
	s.order(5, "mug", "spoon")
	s.write()
	if n := prune(); n != 51 || pairs() != keptPairs {
		t.Errorf("%d pairs of 101 went and %d stayed", n, pairs())
	}
	for _, title := range []string{"saucer", "spoon"} {
		if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM product_pairs WHERE product_id = $1 AND other_id = $2`, s.id("mug"),
			s.id(title)); n != 1 {
			t.Errorf("the %s, which goes with the mug best, is gone", title)
		}
	}
	if n := prune(); n != 0 {
		t.Errorf("%d more went", n)
	}
}
