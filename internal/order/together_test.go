package order_test

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/testkit"
)

// TestSameCartIDInTwoRegions: a guest who makes carts with one key in two regions gets two
// carts of one id. Neither keeps the other, nor those whose transaction it shares, from
// being ordered.
func TestSameCartIDInTwoRegions(t *testing.T) {
	s := newShop(t)
	us := s.in(t, "us-east")
	s.fill(t, "euw-1", "A", 10)
	id := uuid.New()
	make := func(at *shop) cart.Cart {
		return testkit.Must(at.carts.Create(t.Context(), cart.CreateInput{ID: id, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
	}
	testkit.Must(s.Place(t.Context(), s.to(make(s), "IE")))(t)
	ctx, trips := database.CountTrips(t.Context())
	_, err := us.Place(ctx, us.to(make(us), "IE"))
	if exhausted := new(database.RetriesExhaustedError); errors.As(err, &exhausted) {
		t.Errorf("%d round trips for nothing: %v", trips.Count(), err)
	}
}
