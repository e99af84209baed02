package order

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/idempotency"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// TestEveryMemberIsAnswered: where the first checkout of a cart fails for good, the second
// one of the same cart in its group is served all the same, not answered with an empty order.
func TestEveryMemberIsAnswered(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	db := databasetest.Open(t, databasetest.URL(t), "eu-west")
	o := New(Config{DB: db, Regions: set, Carts: cart.New(cart.Config{DB: db, Regions: set})})
	in := PlaceInput{
		Cart:        regions.Ref{Region: "eu-west", ID: uuid.New()},
		Idempotency: idempotency.Key{Region: "eu-west", Scope: "cart", Key: "1"},
	}
	first, second := &placing{in: in}, &placing{in: in}
	second.in.Idempotency.Key = "2"
	away, cancel := context.WithCancel(t.Context())
	cancel()
	o.placeTogether(away, []*placing{first, second})
	if first.err == nil || second.err == nil {
		t.Errorf("errors %v and %v, want one of each: there is no database", first.err, second.err)
	}
}
