package recommend

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestRankBonds(t *testing.T) {
	all := ids(6)
	mug, saucer, bag, fluke, spoon, bowl := all[0], all[1], all[2], all[3], all[4], all[5]
	at := landmark // sums are numbers of orders
	for _, c := range []struct {
		name  string
		bonds []bond
		not   map[uuid.UUID]bool
		want  []uuid.UUID
	}{
		{"nothing", nil, nil, []uuid.UUID{}},
		{"what is in every order is no company",
			[]bond{{mug, bag, 12, 100, 10_000}, {mug, saucer, 10, 100, 20}}, nil, []uuid.UUID{saucer, bag}},
		{"one order proves little",
			[]bond{{mug, fluke, 1, 9, 1}, {mug, saucer, 6, 9, 16}}, nil, []uuid.UUID{saucer, fluke}},
		{"several bonds add up",
			[]bond{{mug, saucer, 5, 20, 20}, {mug, spoon, 4, 20, 20}, {bowl, spoon, 4, 20, 20}}, nil, []uuid.UUID{spoon, saucer}},
		{"what the customer has is left out",
			[]bond{{mug, bowl, 9, 20, 20}, {bowl, mug, 9, 20, 20}, {mug, spoon, 1, 20, 20}}, map[uuid.UUID]bool{mug: true,
				bowl: true}, []uuid.UUID{spoon}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, rankBonds(c.bonds, c.not, at)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLikeness_OfPopularProducts shows the normalisation: with the same orders in common, the product that is in fewer
// orders otherwise is the likelier; and likenesses do not depend on when it all happened.
func TestLikeness_OfPopularProducts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		orders := rapid.Float64Range(1, 1e6).Draw(t, "orders")
		together := rapid.Float64Range(0.5, orders).Draw(t, "together")
		rare := rapid.Float64Range(together, 1e6).Draw(t, "rare")
		often := rare * rapid.Float64Range(1.01, 1e3).Draw(t, "times")
		b := beta(landmark)
		if likeness(together, orders, rare, b) <= likeness(together, orders, often, b) {
			t.Errorf("%g of %g and %g orders are no likelier than of %g", together, orders, rare, often)
		}
		if got := likeness(together, orders, rare, b); got <= 0 || got > 1 {
			t.Errorf("likeness %g", got)
		}
		later := landmark.Add(time.Duration(rapid.Int64Range(0, 30*365*24).Draw(t, "hours")) * time.Hour)
		g := gain(later, PairHalfLife)
		then, now := likeness(together, orders, rare, b), likeness(together*g, orders*g, rare*g, beta(later))
		if diff := then - now; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("the same orders are %g alike at the landmark and %g at %s", then, now, later)
		}
	})
}
