package cart_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func TestChange(t *testing.T) {
	tests := []struct {
		name    string
		before  []cart.Change
		changes []cart.Change
		want    map[string]int64
	}{
		{"add a line", nil, []cart.Change{add(mug, 2)}, map[string]int64{mug: 2}},
		{"add to a line", []cart.Change{add(mug, 2)}, []cart.Change{add(mug, 3)}, map[string]int64{mug: 5}},
		{"set a new line", nil, []cart.Change{set(mug, 7)}, map[string]int64{mug: 7}},
		{"set a line", []cart.Change{add(mug, 2)}, []cart.Change{set(mug, 7)}, map[string]int64{mug: 7}},
		{"remove a line", []cart.Change{add(mug, 2), add(book, 1)}, []cart.Change{remove(mug)}, map[string]int64{book: 1}},
		{"remove what is not there", []cart.Change{add(mug, 2)}, []cart.Change{remove(unknown)}, map[string]int64{mug: 2}},
		{"several lines", []cart.Change{add(mug, 2), add(book, 1)}, []cart.Change{add(mug, 1), set(lamp, 4), remove(book)},
			map[string]int64{mug: 3, lamp: 4}},
		{"add twice", []cart.Change{add(mug, 2)}, []cart.Change{add(mug, 1), add(mug, 1)}, map[string]int64{mug: 4}},
		{"set, then add", []cart.Change{add(mug, 2)}, []cart.Change{set(mug, 10), add(mug, 1)}, map[string]int64{mug: 11}},
		{"remove, then add", []cart.Change{add(mug, 2)}, []cart.Change{remove(mug), add(mug, 1)}, map[string]int64{mug: 1}},
		{"add, then set", []cart.Change{add(mug, 2)}, []cart.Change{add(mug, 1), set(mug, 9)}, map[string]int64{mug: 9}},
		{"add, then remove", []cart.Change{add(mug, 2)}, []cart.Change{add(mug, 1), remove(mug)}, nil},
		{"to the limit", []cart.Change{add(mug, 1)}, []cart.Change{add(mug, cart.MaxQuantity-1)}, map[string]int64{mug: cart.MaxQuantity}},
	}
	s := newShop(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.guestCart(t, test.before...)
			var changed cart.Cart
			databasetest.WantTrips(t, "Change", 1, func(ctx context.Context) {
				changed = testkit.Must(s.Change(ctx, cart.ChangeInput{Cart: c.Ref, Version: &c.Version, Changes: test.changes}))(t)
			})
			if changed.Version != c.Version+1 {
				t.Errorf("version went from %d to %d, want one more", c.Version, changed.Version)
			}
			if diff := cmp.Diff(test.want, quantities(changed), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the answer's lines (-want +got):\n%s", diff)
			}
			s.wantLines(t, c, test.want)
		})
	}
}

func TestChange_Refused(t *testing.T) {
	s := newShop(t, func(c *cart.Config) { c.MaxLines = 2 })
	before := []cart.Change{add(mug, cart.MaxQuantity-1)}
	tests := []struct {
		name    string
		changes []cart.Change
		want    error
	}{
		{"an unknown SKU", []cart.Change{add(mug, 1), add(unknown, 1)}, &cart.UnknownSKUError{SKUs: []string{unknown}}},
		{"an archived SKU", []cart.Change{add(archived, 1)}, &cart.UnknownSKUError{SKUs: []string{archived}}},
		{"a draft", []cart.Change{set(draft, 1), add(unknown, 1)}, &cart.UnknownSKUError{SKUs: []string{draft, unknown}}},
		{"too many units together", []cart.Change{add(book, 1), add(mug, 2)}, &cart.QuantityError{SKU: mug, Quantity: cart.MaxQuantity + 1}},
		{"too many units in one call", []cart.Change{add(book, cart.MaxQuantity), add(book, 2)},
			&cart.QuantityError{SKU: book, Quantity: cart.MaxQuantity + 2}},
		{"too many lines", []cart.Change{add(book, 1), add(lamp, 1)}, &cart.TooManyLinesError{Max: 2}},
		{"no units", []cart.Change{add(mug, 0)}, invalid.New("cart", "changes[0].quantity", "must be from 1 to 10000")},
		{"fewer than none", []cart.Change{add(book, 1), set(mug, -1)}, invalid.New("cart", "changes[1].quantity", "must be from 1 to 10000")},
		{"more than any line", []cart.Change{set(mug, cart.MaxQuantity+1)},
			invalid.New("cart", "changes[0].quantity", "must be from 1 to 10000")},
		{"no SKU", []cart.Change{add("", 1)}, invalid.New("cart", "changes[0].sku", "must have 1 to 64 bytes")},
		{"a huge SKU", []cart.Change{remove(strings.Repeat("x", 65))}, invalid.New("cart", "changes[0].sku", "must have 1 to 64 bytes")},
		{"an unknown operation", []cart.Change{{Op: "empty", SKU: mug, Quantity: 1}},
			invalid.New("cart", "changes[0].op", "must be add, set or remove")},
		{"a removal of some", []cart.Change{{Op: cart.OpRemove, SKU: mug, Quantity: 1}},
			invalid.New("cart", "changes[0].quantity", "must be left out with remove")},
		{"nothing", nil, invalid.New("cart", "changes", "must name something to change")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := s.guestCart(t, before...)
			_, err := s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Changes: test.changes, Idempotency: key("k", test.name)})
			if diff := cmp.Diff(test.want, domainError(err)); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			s.wantLines(t, c, map[string]int64{mug: cart.MaxQuantity - 1})
			if _, err := s.Add(t.Context(), cart.ChangeInput{Cart: c.Ref, Idempotency: key("k", "other")}, mug, 1); err != nil {
				t.Errorf("the key of a call that did not happen is taken: %v", err)
			}
		})
	}
}

// domainError is the error with its data inside err.
func domainError(err error) error {
	var unknownSKU *cart.UnknownSKUError
	var quantity *cart.QuantityError
	var lines *cart.TooManyLinesError
	var invalid *invalid.Error
	switch {
	case errors.As(err, &unknownSKU):
		return unknownSKU
	case errors.As(err, &quantity):
		return quantity
	case errors.As(err, &lines):
		return lines
	case errors.As(err, &invalid):
		return invalid
	}
	return err
}

func TestChange_Market(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t)
	tests := []struct {
		name  string
		in    cart.ChangeInput
		field string
	}{
		{"a currency nobody sells in", cart.ChangeInput{Currency: "ZWG"}, "currency"},
		{"no currency", cart.ChangeInput{Currency: "eur"}, "currency"},
		{"no country", cart.ChangeInput{Country: "QQ"}, "country"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.in.Cart = c.Ref
			_, err := s.Change(t.Context(), test.in)
			var invalid *invalid.Error
			if !errors.As(err, &invalid) || len(invalid.Fields) != 1 || invalid.Fields[0].Name != test.field {
				t.Errorf("%v, want an invalid %s", err, test.field)
			}
		})
	}
}

func TestChange_Conflict(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t, add(mug, 1))
	testkit.Must(s.Add(t.Context(), cart.ChangeInput{Cart: c.Ref, Version: &c.Version}, mug, 1))(t)
	var conflict *cart.ConflictError
	databasetest.WantTrips(t, "Add", 2, func(ctx context.Context) {
		_, err := s.Add(ctx, cart.ChangeInput{Cart: c.Ref, Version: &c.Version}, book, 1)
		if !errors.As(err, &conflict) {
			t.Fatalf("a change of an old version: %v, want a conflict", err)
		}
	})
	if diff := cmp.Diff(map[string]int64{mug: 2}, quantities(conflict.Current)); diff != "" {
		t.Errorf("the current cart (-want +got):\n%s", diff)
	}
	s.wantLines(t, c, map[string]int64{mug: 2})
}

func TestChange_Replay(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t)
	in := cart.ChangeInput{Cart: c.Ref, Idempotency: key("once", "add a mug")}
	for range 3 {
		got := testkit.Must(s.Add(t.Context(), in, mug, 1))(t)
		if got.Version != c.Version+1 {
			t.Errorf("version %d after a repetition, want %d", got.Version, c.Version+1)
		}
	}
	s.wantLines(t, c, map[string]int64{mug: 1})
	in.Idempotency.Fingerprint = []byte("add a book")
	if _, err := s.Add(t.Context(), in, book, 1); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("the key with another request: %v, want reused", err)
	}
	other := s.guestCart(t)
	if _, err := s.Add(t.Context(), cart.ChangeInput{Cart: other.Ref, Idempotency: in.Idempotency}, book, 1); err != nil {
		t.Errorf("the key on another cart: %v", err)
	}
}

func TestChange_ReplayOfOthers(t *testing.T) {
	s := newShop(t)
	alice, mallory := newAccount("eu-west"), newAccount("eu-west")
	c := s.customerCart(t, alice)
	in := cart.ChangeInput{Cart: c.Ref, Account: &alice, Idempotency: key("once", "same")}
	testkit.Must(s.Add(t.Context(), in, mug, 1))(t)
	in.Account = &mallory
	if got, err := s.Add(t.Context(), in, mug, 1); !errors.Is(err, cart.ErrNotFound) {
		t.Errorf("repeating another's call: %v, %v; want not found", got, err)
	}
}

func TestChange_Concurrently(t *testing.T) {
	const buyers = 50
	s := newShop(t)
	c := s.guestCart(t)
	errs := race(buyers, func(int) error {
		_, err := s.Add(context.Background(), cart.ChangeInput{Cart: c.Ref}, mug, 1)
		return err
	})
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
	s.wantLines(t, c, map[string]int64{mug: buyers})
	got := testkit.Must(s.Get(t.Context(), c.Ref, nil))(t)
	if got.Version != c.Version+buyers {
		t.Errorf("version %d after %d changes of version %d", got.Version, buyers, c.Version)
	}
}

func TestChange_ConcurrentlyOnOneVersion(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t)
	errs := race(20, func(i int) error {
		_, err := s.Add(context.Background(), cart.ChangeInput{Cart: c.Ref, Version: &c.Version, Idempotency: key(fmt.Sprint(i), "add")}, mug, 1)
		return err
	})
	won := 0
	for _, err := range errs {
		var conflict *cart.ConflictError
		switch {
		case err == nil:
			won++
		case !errors.As(err, &conflict) || conflict.Current.Version != c.Version+1:
			t.Errorf("%v, want a conflict with the cart as it is", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 20 changes of one version were made, want 1", won)
	}
	s.wantLines(t, c, map[string]int64{mug: 1})
}

func TestChange_ConcurrentlyWithOneKey(t *testing.T) {
	s := newShop(t)
	c := s.guestCart(t)
	for _, err := range race(20, func(int) error {
		_, err := s.Add(context.Background(), cart.ChangeInput{Cart: c.Ref, Idempotency: key("once", "add")}, mug, 3)
		return err
	}) {
		if err != nil {
			t.Error(err)
		}
	}
	s.wantLines(t, c, map[string]int64{mug: 3})
}

func TestChange_ConcurrentlyNeverPassesLimits(t *testing.T) {
	s := newShop(t, func(c *cart.Config) { c.MaxLines = 2 })
	c := s.guestCart(t, add(mug, cart.MaxQuantity-5))
	skus := []string{mug, book, lamp}
	for _, err := range race(30, func(i int) error {
		_, err := s.Add(context.Background(), cart.ChangeInput{Cart: c.Ref}, skus[i%3], 1)
		return err
	}) {
		switch domainError(err).(type) {
		case nil, *cart.QuantityError, *cart.TooManyLinesError:
		default:
			t.Error(err)
		}
	}
	got := testkit.Must(s.Get(t.Context(), c.Ref, nil))(t)
	if q := quantities(got); len(q) != 2 || q[mug] != cart.MaxQuantity {
		t.Errorf("lines %v, want a full line of mugs and one other", q)
	}
}

// race runs do n times at once and returns what each said.
func race(n int, do func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			errs[i] = do(i)
		})
	}
	close(start)
	running.Wait()
	return errs
}

// TestChange_Model makes random changes of a cart and of a map, and compares.
func TestChange_Model(t *testing.T) {
	const maxLines = 2
	s := newShop(t, func(c *cart.Config) { c.MaxLines = maxLines })
	skus := []string{mug, book, lamp, archived, unknown}
	sold := map[string]bool{mug: true, book: true, lamp: true}
	rapid.Check(t, func(rt *rapid.T) {
		c := s.guestCart(t)
		model, version := map[string]int64{}, c.Version
		change := rapid.Custom(func(rt *rapid.T) cart.Change {
			change := cart.Change{
				Op:       rapid.SampledFrom([]cart.Op{cart.OpAdd, cart.OpSet, cart.OpRemove}).Draw(rt, "op"),
				SKU:      rapid.SampledFrom(skus).Draw(rt, "sku"),
				Quantity: rapid.OneOf(rapid.Int64Range(1, 9), rapid.Int64Range(4000, cart.MaxQuantity)).Draw(rt, "quantity"),
			}
			if change.Op == cart.OpRemove {
				change.Quantity = 0
			}
			return change
		})
		for range rapid.IntRange(1, 6).Draw(rt, "calls") {
			changes := rapid.SliceOfN(change, 1, 4).Draw(rt, "changes")
			after, allowed := applied(model, changes, sold, maxLines)
			got, err := s.Change(t.Context(), cart.ChangeInput{Cart: c.Ref, Changes: changes})
			if allowed != (err == nil) {
				rt.Fatalf("%v on %v: %v, want allowed to be %t", changes, model, err, allowed)
			}
			if allowed {
				model, version = after, version+1
			} else if got, err = s.Get(t.Context(), c.Ref, nil); err != nil {
				rt.Fatal(err)
			}
			if diff := cmp.Diff(model, quantities(got)); diff != "" || got.Version != version {
				rt.Fatalf("version %d, want %d; lines (-want +got):\n%s", got.Version, version, diff)
			}
		}
	})
}

// applied is what changes make of the lines, and whether a cart takes them. What one call
// asks for is held to the limit while it is added up, what the cart then holds at the end.
func applied(lines map[string]int64, changes []cart.Change, sold map[string]bool, maxLines int) (map[string]int64, bool) {
	after := maps.Clone(lines)
	added := map[string]int64{} // by the changes alone
	for _, change := range changes {
		switch change.Op {
		case cart.OpAdd:
			after[change.SKU] += change.Quantity
			if added[change.SKU] += change.Quantity; added[change.SKU] > cart.MaxQuantity {
				return nil, false
			}
		case cart.OpSet:
			after[change.SKU], added[change.SKU] = change.Quantity, change.Quantity
		case cart.OpRemove:
			delete(after, change.SKU)
			delete(added, change.SKU)
		}
	}
	for _, change := range changes {
		if quantity, in := after[change.SKU]; in && (!sold[change.SKU] || quantity > cart.MaxQuantity) {
			return nil, false
		}
	}
	return after, len(after) <= maxLines
}

func TestCreate(t *testing.T) {
	s := newShop(t)
	var c cart.Cart
	databasetest.WantTrips(t, "Create", 1, func(ctx context.Context) {
		c = testkit.Must(s.Create(ctx, cart.CreateInput{Country: "CH"}))(t)
	})
	if c.Currency != "CHF" || c.Version != 1 || c.Account != nil || len(c.Lines) != 0 {
		t.Errorf("created %+v, want an empty guest's cart in CHF", c)
	}
	databasetest.WantTrips(t, "Create", 2, func(ctx context.Context) {
		c = testkit.Must(s.Create(ctx, cart.CreateInput{Country: "CH", Currency: "EUR", Lines: []cart.Change{add(mug, 1), add(mug, 2)}}))(t)
	})
	s.wantLines(t, c, map[string]int64{mug: 3})
	for name, in := range map[string]cart.CreateInput{
		"no country":       {},
		"unknown country":  {Country: "QQ"},
		"unknown currency": {Country: "IE", Currency: "XXX"},
		"bad line":         {Country: "IE", Lines: []cart.Change{add(mug, 0)}},
		"removal":          {Country: "IE", Lines: []cart.Change{remove(mug)}},
	} {
		var invalid *invalid.Error
		if _, err := s.Create(t.Context(), in); !errors.As(err, &invalid) {
			t.Errorf("%s: %v, want invalid", name, err)
		}
	}
	var unknownSKU *cart.UnknownSKUError
	if _, err := s.Create(t.Context(), cart.CreateInput{Country: "IE", Lines: []cart.Change{add(unknown, 1)}}); !errors.As(err, &unknownSKU) {
		t.Errorf("an unknown SKU: %v", err)
	}
}

func TestCreate_Customer(t *testing.T) {
	s := newShop(t)
	account := newAccount("ap-southeast")
	var carts [20]cart.Cart
	for _, err := range race(len(carts), func(i int) (err error) {
		carts[i], err = s.Create(context.Background(), cart.CreateInput{Account: &account, Country: "SG"})
		return err
	}) {
		if err != nil {
			t.Fatal(err)
		}
	}
	first := carts[0]
	for _, c := range carts {
		if c.Ref != first.Ref {
			t.Fatalf("the customer has the carts %v and %v, want one", first.Ref, c.Ref)
		}
	}
	if first.Ref.Region != "ap-southeast" || !first.OwnedBy(&account) {
		t.Errorf("the cart is %+v, want one of the account in its home region", first)
	}
	got := testkit.Must(s.Create(t.Context(), cart.CreateInput{Account: &account, Country: "US", Lines: []cart.Change{add(mug, 2)}}))(t)
	if got.Ref != first.Ref || got.Country != "SG" || got.Currency != "SGD" {
		t.Errorf("the second cart is %+v, want the first as it was", got)
	}
	open := testkit.Must(s.GetOpen(t.Context(), account))(t)
	if diff := cmp.Diff(got, open, cmpopts.IgnoreUnexported(cart.Cart{})); diff != "" {
		t.Errorf("open cart (-want +got):\n%s", diff)
	}
	s.clock.Set(open.ExpiresAt)
	if _, err := s.GetOpen(t.Context(), account); !errors.Is(err, cart.ErrNotFound) {
		t.Errorf("open cart after it expired: %v, want not found", err)
	}
	if later := s.customerCart(t, account); later.Ref == first.Ref {
		t.Error("an expired cart was opened again")
	}
}

func TestCreate_AfterCheckout(t *testing.T) {
	s := newShop(t)
	account := newAccount("eu-west")
	first := s.customerCart(t, account, add(mug, 1))
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		cart.QueueCheckout(b, cart.Checkout{Cart: first.Ref, Version: first.Version})
		return nil
	}))
	if _, err := s.GetOpen(t.Context(), account); !errors.Is(err, cart.ErrNotFound) {
		t.Errorf("open cart after checkout: %v, want not found", err)
	}
	second := s.customerCart(t, account)
	if second.Ref == first.Ref || len(second.Lines) != 0 {
		t.Errorf("after checkout the customer got %+v, want a new cart", second)
	}
}

func TestCreate_Replay(t *testing.T) {
	s := newShop(t)
	id := newAccount("").ID
	empty := cart.CreateInput{ID: id, Country: "IE", Idempotency: key("once", "empty")}
	first := testkit.Must(s.Create(t.Context(), empty))(t)
	if again := testkit.Must(s.Create(t.Context(), empty))(t); again.Ref != first.Ref || again.Version != first.Version {
		t.Errorf("repeated: %+v, want %+v", again, first)
	}
	other := empty
	other.Idempotency.Fingerprint = []byte("another")
	if _, err := s.Create(t.Context(), other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("the key with another request: %v, want reused", err)
	}
	withLines := cart.CreateInput{ID: newAccount("").ID, Country: "IE", Lines: []cart.Change{add(mug, 2)}, Idempotency: key("once", "lines")}
	for range 2 {
		s.wantLines(t, testkit.Must(s.Create(t.Context(), withLines))(t), map[string]int64{mug: 2})
	}
}
