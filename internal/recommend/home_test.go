package recommend

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// customer makes an account with an order of these products.
func (s *shop) customer(region string, titles ...string) regions.Ref {
	s.t.Helper()
	who, order := seed.Account(s.t, s.db, region), seed.NewOrder(region)
	order.Account, order.Status = uuid.NullUUID{UUID: who.ID, Valid: true}, "paid"
	for _, title := range titles {
		order.Products = append(order.Products, s.id(title))
	}
	order.Insert(s.t, s.db)
	return who
}

func (s *shop) wantHome(customer *regions.Ref, limit int, degraded Degraded, forYou, popular []string) {
	s.t.Helper()
	home := s.r.Home(s.t.Context(), customer, limit)
	if diff := cmp.Diff(forYou, picked(home.ForYou)); diff != "" {
		s.t.Errorf("for you (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(popular, picked(home.Popular.Picks)); diff != "" {
		s.t.Errorf("popular (-want +got):\n%s", diff)
	}
	if home.Popular.Degraded != degraded {
		s.t.Errorf("degraded %q, want %q", home.Popular.Degraded, degraded)
	}
}

var nothing = []string{}

func TestHome(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon", "bowl")
	s.order(4, "mug", "saucer", "spoon")
	s.view(1, "bowl")
	s.write()
	near, far, newcomer := s.customer("eu-west", "mug", "saucer"), s.customer("us-east", "spoon"), s.customer("eu-west")
	elsewhere := regions.Ref{Region: "us-east", ID: near.ID}
	all := titles(s.r.Home(t.Context(), nil, 24).Popular.Picks)
	if diff := cmp.Diff([]string{"bowl", "mug", "saucer", "spoon"}, all); diff != "" {
		t.Errorf("for guests (-want +got):\n%s", diff)
	}
	for _, c := range []struct {
		name     string
		customer *regions.Ref
		want     string
	}{
		{"a guest", nil, ""},
		{"a customer at home", &near, "spoon"},
		{"a customer from far away", &far, "mug saucer"},
		{"without orders", &newcomer, ""},
		{"the same number in another region", &elsewhere, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			home := s.r.Home(t.Context(), c.customer, 24)
			if got := strings.Join(titles(home.ForYou), " "); got != c.want {
				t.Errorf("for you %q, want %q", got, c.want)
			}
			for _, p := range home.ForYou {
				if p.Reason != ForYou {
					t.Errorf("%s is there since it is %s", p.Product.Title, p.Reason)
				}
			}
			if len(home.ForYou)+len(home.Popular.Picks) != 4 {
				t.Errorf("%d and %d products", len(home.ForYou), len(home.Popular.Picks))
			}
		})
	}
}

func TestHome_NothingHappened(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.list("garden", "rake")
	s.wantHome(nil, 2, NotDegraded, nothing, []string{"rake: new_here", "saucer: new_here"})
}

func TestHome_RoundTrips(t *testing.T) {
	s := newShop(t, "mug", "saucer", "spoon")
	s.order(4, "mug", "saucer")
	s.write()
	who := s.customer("eu-west", "mug")
	trips := func(customer *regions.Ref) int64 {
		ctx, trips := database.CountTrips(t.Context())
		if home := s.r.Home(ctx, customer, 24); home.Popular.Degraded != NotDegraded {
			t.Errorf("degraded %q", home.Popular.Degraded)
		}
		return trips.Count()
	}
	for _, c := range []struct {
		name     string
		customer *regions.Ref
		later    time.Duration
		want     int64
	}{
		{"a customer, the first of all", &who, 0, 2},
		{"a guest, out of memory", nil, 0, 0},
		{"a customer: what is theirs is not in memory", &who, 0, 1},
		{"a guest, when memory is old", nil, MaxAge, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s.clock.Advance(c.later)
			if got := trips(c.customer); got != c.want {
				t.Errorf("%d round trips, want %d", got, c.want)
			}
		})
	}
}

func TestHome_Fallbacks(t *testing.T) {
	s := newShop(t, "mug", "saucer")
	s.view(1, "mug")
	s.write()
	who := s.customer("eu-west", "mug")
	s.lose()
	s.wantHome(&who, 24, BestSellers, nothing, []string{"saucer: new_here", "mug: new_here"})
	databasetest.Exec(t, s.db, `ALTER TABLE lost RENAME TO product_popularity`)
	s.wantHome(nil, 24, NotDegraded, nothing, []string{"mug: popular_here", "saucer: new_here"})
	s.lose()
	s.wantHome(&who, 24, BestSellers, nothing, []string{"mug: popular_here", "saucer: new_here"})
	s.clock.Advance(MaxAge)
	s.r.timeout = time.Nanosecond
	s.r.memory.best.InvalidateAll()
	s.wantHome(nil, 24, None, nothing, nothing)
}
