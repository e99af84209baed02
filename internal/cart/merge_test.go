package cart_test

import (
	"context"
	"errors"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestMerge(t *testing.T) {
	tests := []struct {
		strategy cart.Strategy
		want     map[string]int64
	}{
		{"", map[string]int64{mug: 5, book: 1, lamp: 4}},
		{cart.MergeSum, map[string]int64{mug: 5, book: 1, lamp: 4}},
		{cart.MergeMax, map[string]int64{mug: 3, book: 1, lamp: 4}},
		{cart.MergeKeepCustomer, map[string]int64{mug: 3, book: 1, lamp: 4}},
		{cart.MergeKeepGuest, map[string]int64{mug: 2, book: 1, lamp: 4}},
	}
	s := newShop(t)
	for _, test := range tests {
		t.Run(string(test.strategy), func(t *testing.T) {
			account := newAccount("ap-southeast")
			guest := s.guestCart(t, add(mug, 2), add(book, 1))
			customer := s.customerCart(t, account, add(mug, 3), add(lamp, 4))
			in := cart.MergeInput{Guest: guest.Ref, Customer: account, Strategy: test.strategy}
			var merged cart.Cart
			databasetest.WantTrips(t, "Merge", 1, func(ctx context.Context) { merged = testkit.Must(s.Merge(ctx, in))(t) })
			if merged.Ref != customer.Ref || merged.Version != customer.Version+1 {
				t.Errorf("merged into %v at version %d, want %v at %d", merged.Ref, merged.Version, customer.Ref, customer.Version+1)
			}
			s.wantLines(t, merged, test.want)
			for range 2 {
				again := testkit.Must(s.Merge(t.Context(), in))(t)
				if diff := cmp.Diff(merged, again, cmpopts.IgnoreUnexported(cart.Cart{})); diff != "" {
					t.Errorf("merged again (-first +again):\n%s", diff)
				}
			}
			closed := testkit.Must(s.Get(t.Context(), guest.Ref, nil))(t)
			if closed.Status != cart.StatusMerged {
				t.Errorf("the guest's cart is %s, want merged", closed.Status)
			}
			if _, err := s.Add(t.Context(), cart.ChangeInput{Cart: guest.Ref}, mug, 1); !errors.Is(err, cart.ErrNotOpen) {
				t.Errorf("add to a merged cart: %v, want not open", err)
			}
		})
	}
}

func TestMerge_WithoutCustomerCart(t *testing.T) {
	s := newShop(t)
	account := newAccount("us-west")
	guest := testkit.Must(s.Create(t.Context(), cart.CreateInput{Country: "GB", Lines: []cart.Change{add(mug, 2)}}))(t)
	merged := testkit.Must(s.Merge(t.Context(), cart.MergeInput{Guest: guest.Ref, Customer: account}))(t)
	if merged.Ref.Region != "us-west" || !merged.OwnedBy(&account) || merged.Currency != "GBP" || merged.Country != "GB" {
		t.Errorf("merged into %+v, want a cart at home in the guest's currency and country", merged)
	}
	s.wantLines(t, merged, map[string]int64{mug: 2})
}

func TestMerge_Limits(t *testing.T) {
	s := newShop(t, func(c *cart.Config) { c.MaxLines = 2 })
	account := newAccount("eu-west")
	customer := s.customerCart(t, account, add(mug, cart.MaxQuantity-1))
	full := s.guestCart(t, add(mug, 5))
	merged := testkit.Must(s.Merge(t.Context(), cart.MergeInput{Guest: full.Ref, Customer: account}))(t)
	s.wantLines(t, merged, map[string]int64{mug: cart.MaxQuantity})

	wide := s.guestCart(t, add(book, 1), add(lamp, 1))
	_, err := s.Merge(t.Context(), cart.MergeInput{Guest: wide.Ref, Customer: account})
	var lines *cart.TooManyLinesError
	if !errors.As(err, &lines) || lines.Max != 2 {
		t.Errorf("merge of too many lines: %v", err)
	}
	s.wantLines(t, customer, map[string]int64{mug: cart.MaxQuantity})
	if left := testkit.Must(s.Get(t.Context(), wide.Ref, nil))(t); left.Status != cart.StatusOpen {
		t.Errorf("the guest's cart is %s after a refused merge, want open", left.Status)
	}
}

func TestMerge_Refused(t *testing.T) {
	s := newShop(t)
	alice, bob := newAccount("eu-west"), newAccount("eu-west")
	customers := s.customerCart(t, bob, add(mug, 1))
	ordered := s.guestCart(t, add(mug, 1))
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		cart.QueueCheckout(b, cart.Checkout{Cart: ordered.Ref, Version: ordered.Version})
		return nil
	}))
	tests := []struct {
		name  string
		guest regions.Ref
		want  error
	}{
		{"no such cart", newAccount("eu-west"), cart.ErrNotFound},
		{"another customer's cart", customers.Ref, cart.ErrNotFound},
		{"an ordered cart", ordered.Ref, cart.ErrNotOpen},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := s.Merge(t.Context(), cart.MergeInput{Guest: test.guest, Customer: alice}); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	if _, err := s.GetOpen(t.Context(), alice); !errors.Is(err, cart.ErrNotFound) {
		t.Errorf("a refused merge left a cart behind: %v", err)
	}
	s.wantLines(t, customers, map[string]int64{mug: 1})
	var invalid *invalid.Error
	if _, err := s.Merge(t.Context(), cart.MergeInput{Guest: ordered.Ref, Customer: alice, Strategy: "newest"}); !errors.As(err, &invalid) {
		t.Errorf("an unknown strategy: %v", err)
	}
}

func TestMerge_Concurrently(t *testing.T) {
	s := newShop(t)
	account := newAccount("us-east")
	guest := s.guestCart(t, add(mug, 2))
	for _, err := range race(16, func(i int) error {
		if i%2 == 0 {
			_, err := s.Create(context.Background(), cart.CreateInput{Account: &account, Country: "IE", Lines: []cart.Change{add(book, 1)}})
			return err
		}
		_, err := s.Merge(context.Background(), cart.MergeInput{Guest: guest.Ref, Customer: account})
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	s.wantLines(t, testkit.Must(s.GetOpen(t.Context(), account))(t), map[string]int64{mug: 2, book: 8})
}

// TestMerge_Model merges random carts and compares with the strategy's rule.
func TestMerge_Model(t *testing.T) {
	s := newShop(t)
	rule := map[cart.Strategy]func(customer, guest int64) int64{
		cart.MergeSum:          func(customer, guest int64) int64 { return min(customer+guest, cart.MaxQuantity) },
		cart.MergeMax:          func(customer, guest int64) int64 { return max(customer, guest) },
		cart.MergeKeepCustomer: func(customer, _ int64) int64 { return customer },
		cart.MergeKeepGuest:    func(_, guest int64) int64 { return guest },
	}
	lines := rapid.MapOfN(rapid.SampledFrom([]string{mug, book, lamp}), rapid.Int64Range(1, cart.MaxQuantity), 1, 3)
	rapid.Check(t, func(rt *rapid.T) {
		account := newAccount("us-east")
		guestLines, customerLines := lines.Draw(rt, "guest"), lines.Draw(rt, "customer")
		guest := s.guestCart(t, additions(guestLines)...)
		s.customerCart(t, account, additions(customerLines)...)
		strategy := rapid.SampledFrom(cart.Strategies()).Draw(rt, "strategy")
		want := maps.Clone(customerLines)
		for sku, quantity := range guestLines {
			if have, both := customerLines[sku]; both {
				quantity = rule[strategy](have, quantity)
			}
			want[sku] = quantity
		}
		merged := testkit.Must(s.Merge(t.Context(), cart.MergeInput{Guest: guest.Ref, Customer: account, Strategy: strategy}))(rt)
		if diff := cmp.Diff(want, quantities(merged)); diff != "" {
			rt.Fatalf("%s (-want +got):\n%s", strategy, diff)
		}
	})
}

func additions(lines map[string]int64) []cart.Change {
	var changes []cart.Change
	for sku, quantity := range lines {
		changes = append(changes, add(sku, quantity))
	}
	return changes
}
