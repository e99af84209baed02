package cart_test

import (
	"fmt"
	"testing"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// BenchmarkGet reads carts of 3 and 30 lines, and 32 carts of 3 lines as checkouts that share a transaction do.
func BenchmarkGet(b *testing.B) {
	s := newShop(b)
	var changes []cart.Change
	for i := range 30 {
		code := fmt.Sprint("BENCH-", i)
		seed.Products(b, s.db, seed.Product{Slug: code, SKUs: []seed.SKU{{Code: code, Prices: map[string]int64{
			"EUR": 350, "GBP": 295, "USD": 399, "JPY": 500, "CHF": 380, "SGD": 520, "AUD": 560, "CAD": 510, "MXN": 6900,
		}}}})
		changes = append(changes, cart.Change{Op: cart.OpAdd, SKU: code, Quantity: 1})
	}
	for _, n := range []int{3, 30} {
		c := s.guestCart(b, changes[:n]...)
		b.Run(fmt.Sprint(n, " lines"), func(b *testing.B) {
			for b.Loop() {
				if got := testkit.Must(s.Get(b.Context(), c.Ref, nil))(b); len(got.Lines) != n {
					b.Fatalf("%d lines", len(got.Lines))
				}
			}
		})
	}
	var refs []regions.Ref
	for range 32 {
		refs = append(refs, s.guestCart(b, changes[:3]...).Ref)
	}
	for _, n := range []int{1, 32} {
		b.Run(fmt.Sprint("checkout of ", n), func(b *testing.B) {
			into := make(map[regions.Ref]cart.Cart)
			for b.Loop() {
				testkit.NoError(b, s.db.Read(b.Context(), func(batch *database.Batch) error {
					s.QueueGetForCheckout(batch, refs[:n], into)
					return nil
				}))
				if len(into) != n {
					b.Fatalf("%d carts", len(into))
				}
			}
		})
	}
}
