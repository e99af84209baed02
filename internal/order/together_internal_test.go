package order

import (
	"sync"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/idempotency"
	"meridian/internal/payment"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// TestEveryMemberIsAnswered: where the first checkout of a cart fails for good, the others of the
// same cart that wait with it are served all the same, not answered with an empty order.
func TestEveryMemberIsAnswered(t *testing.T) {
	set, err := regions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	db := databasetest.Open(t, databasetest.URL(t), "eu-west")
	o := New(Config{
		DB: db, Regions: set, Carts: cart.New(cart.Config{DB: db, Regions: set}), Providers: map[string]payment.Provider{"sandbox": nil},
	})
	db.Close()
	in := PlaceInput{Cart: regions.Ref{Region: "eu-west", ID: uuid.New()}, Provider: "sandbox"}
	var callers sync.WaitGroup
	for _, key := range []string{"1", "2", "3"} {
		callers.Go(func() {
			in := in
			in.Idempotency = idempotency.Key{Region: "eu-west", Scope: "cart", Key: key}
			if order, err := o.Place(t.Context(), in); err == nil {
				t.Errorf("order %+v without an error: there is no database", order)
			}
		})
	}
	callers.Wait()
}
