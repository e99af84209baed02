package order_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/shipping"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

func TestPlace(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	s.fill(t, "euw-1", "B", 5)
	c := s.basket(t, units("A", 2), units("B", 3))
	var placed order.Order
	databasetest.WantTrips(t, "Place", 2, func(ctx context.Context) { placed = testkit.Must(s.Place(ctx, s.to(c, "IE")))(t) })
	if got := s.counters(t, "euw-1", "A") + " " + s.counters(t, "euw-1", "B"); got != "5/2/0 5/3/0" {
		t.Errorf("counters %s", got)
	}
	var read order.Order
	databasetest.WantTrips(t, "Get", 1, func(ctx context.Context) { read = testkit.Must(s.Get(ctx, placed.Ref))(t) })
	if diff := cmp.Diff(placed, read, cmpopts.IgnoreUnexported(order.Order{}, order.Line{}), sameJSON, cmpopts.EquateApproxTime(time.Minute),
		cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(payment.Payment{}, "CreatedAt")); diff != "" {
		t.Errorf("the order that was answered is not the one that was written (-answered +written):\n%s", diff)
	}
	if !read.ExpiresAt.Equal(s.clock.Now().Add(10*time.Minute)) || !read.PlacedAt.Equal(s.clock.Now()) {
		t.Errorf("placed at %s, expires at %s", read.PlacedAt, read.ExpiresAt)
	}
	if read.SubtotalMinor != 2*1000+3*333 || read.TotalMinor != read.SubtotalMinor+read.ShippingMinor || read.TaxMinor == 0 {
		t.Errorf("subtotal %d, shipping %d, tax %d, total %d", read.SubtotalMinor, read.ShippingMinor, read.TaxMinor, read.TotalMinor)
	}
	ordered := testkit.Must(s.carts.Get(t.Context(), c.Ref, nil))(t)
	if ordered.Status != cart.StatusOrdered {
		t.Errorf("the cart is %s", ordered.Status)
	}
	if got := list[string](t, s, `SELECT topic FROM outbox WHERE key = $1`, s.PublicID(placed.Ref)); len(got) != 1 ||
		got[0] != "order.placed" {
		t.Errorf("events %v", got)
	}
	s.wantSound(t)
}

// sameJSON compares what JSON says, however it is written.
var sameJSON = cmp.Comparer(func(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && cmp.Equal(x, y)
})

// TestPlace_NothingPersonal looks for the buyer in what leaves the home region.
func TestPlace_NothingPersonal(t *testing.T) {
	s := newShop(t)
	s.fill(t, "use-1", "A", 5)
	s.place(t, units("A", 1))
	for _, table := range []string{"outbox", "reservations", "stock_movements", "idempotency_keys"} {
		if n := list[int64](t, s, `SELECT count(*) FROM `+table+` x WHERE to_jsonb(x)::text LIKE '%example.com%' OR to_jsonb(x)::text LIKE '%Main Street%'`)[0]; n != 0 {
			t.Errorf("%d rows of %s hold personal data", n, table)
		}
	}
}

func TestPlace_Home(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	customer := seed.Account(t, s.db, "us-west")
	tests := []struct {
		name    string
		account *regions.Ref
		country string
		want    string
	}{
		{"guest in Ireland", nil, "IE", "eu-west"},
		{"guest in the United States", nil, "US", "us-east"},
		{"guest in Singapore", nil, "SG", "ap-southeast"},
		{"customer of us-west, to Ireland", &customer, "IE", "us-west"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: test.account, Country: "IE",
				Lines: []cart.Change{units("A", 1)}}))(t)
			placed := testkit.Must(s.Place(t.Context(), s.to(c, test.country)))(t)
			if placed.Ref.Region != test.want {
				t.Errorf("homed in %s, want %s", placed.Ref.Region, test.want)
			}
			if read := s.get(t, placed); read.Country != test.country || (test.account == nil) != (read.Account == nil) {
				t.Errorf("to %s for account %v", read.Country, read.Account)
			}
		})
	}
	s.wantSound(t)
}

func TestPlace_CustomerData(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	customer, other := seed.Account(t, s.db, "eu-west"), seed.Account(t, s.db, "eu-west")
	address := regions.Ref{Region: "eu-west", ID: uuid.New()}
	databasetest.Exec(t, s.db, `
INSERT INTO addresses (region, id, account_id, name, line1, city, country)
VALUES ($1, $2, $3, 'Ann', '7 Hill', 'Cork', 'IE')`, address.Region, address.ID, customer.ID)
	c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &customer, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
	in := s.to(c, "")
	in.Email, in.ShipTo, in.SavedAddress = "", order.Address{}, &address
	var placed order.Order
	databasetest.WantTrips(t, "Place", 2, func(ctx context.Context) { placed = testkit.Must(s.Place(ctx, in))(t) })
	if placed.Email != "ann@example.com" || placed.ShipTo.Line1 != "7 Hill" || !placed.OwnedBy(customer) || placed.OwnedBy(other) {
		t.Errorf("order %+v", placed)
	}

	c = testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &other, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
	in = s.to(c, "")
	in.SavedAddress = &address
	if _, err := s.Place(t.Context(), in); !errors.Is(err, order.ErrAddressUnknown) {
		t.Errorf("with another's address: %v", err)
	}
	in = s.to(s.basket(t, units("A", 1)), "IE")
	in.SavedAddress = &address
	if _, err := s.Place(t.Context(), in); !errors.Is(err, order.ErrAddressUnknown) {
		t.Errorf("a guest with a customer's address: %v", err)
	}
}

func TestPlace_Refused(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 3)
	s.fill(t, "use-1", "A", 2)
	s.fill(t, "euw-1", "B", 1)
	s.fill(t, "euw-1", "C", 1)
	s.fill(t, "euw-1", "OLD", 9)
	customer := seed.Account(t, s.db, "eu-west")
	soldOut := func(short ...inventory.Shortage) error { return &inventory.SoldOutError{Shortages: short} }
	tests := []struct {
		name   string
		lines  []cart.Change
		change func(in *order.PlaceInput, c cart.Cart)
		want   error
		as     func(err error) bool
	}{
		{name: "sold out of one", lines: []cart.Change{units("A", 6)}, want: soldOut(inventory.Shortage{SKU: "A", Wanted: 6, Left: 5})},
		{name: "sold out of two", lines: []cart.Change{units("A", 6), units("B", 2), units("C", 1)},
			want: soldOut(inventory.Shortage{SKU: "A", Wanted: 6, Left: 5}, inventory.Shortage{SKU: "B", Wanted: 2, Left: 1})},
		{name: "empty", want: order.ErrCartEmpty},
		{name: "not for sale", lines: []cart.Change{units("A", 1), units("OLD", 1)}, want: &order.NotForSaleError{SKUs: []string{"OLD"}}},
		{name: "no such provider", lines: []cart.Change{units("A", 1)}, want: order.ErrUnknownProvider,
			change: func(in *order.PlaceInput, _ cart.Cart) { in.Provider = "barter" }},
		{name: "no key", lines: []cart.Change{units("A", 1)}, as: func(err error) bool { return err != nil },
			change: func(in *order.PlaceInput, _ cart.Cart) { in.Idempotency = idempotency.Key{} }},
		{name: "another version of the cart", lines: []cart.Change{units("A", 1)}, as: is[*cart.ConflictError],
			change: func(in *order.PlaceInput, _ cart.Cart) { in.CartVersion++ }},
		{name: "another total", lines: []cart.Change{units("A", 1)}, as: is[*order.TotalChangedError],
			change: func(in *order.PlaceInput, _ cart.Cart) { in.ExpectedTotalMinor = ptr(int64(1)) }},
		{name: "a guest's cart as a customer", lines: []cart.Change{units("A", 1)}, want: cart.ErrNotFound,
			change: func(in *order.PlaceInput, _ cart.Cart) { in.Account = &customer }},
		{name: "no such cart", lines: []cart.Change{units("A", 1)}, want: cart.ErrNotFound,
			change: func(in *order.PlaceInput, _ cart.Cart) { in.Cart.ID = uuid.New() }},
		{name: "no such country", lines: []cart.Change{units("A", 1)}, want: shipping.ErrNotServiceable,
			change: func(in *order.PlaceInput, _ cart.Cart) { in.ShipTo.Country = "XX" }},
	}
	baskets := make([]cart.Cart, len(tests))
	for i, test := range tests {
		baskets[i] = s.basket(t, test.lines...)
	}
	databasetest.Exec(t, s.db, `UPDATE skus SET status = 'archived' WHERE sku = 'OLD'`)
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := s.to(baskets[i], "IE")
			if test.change != nil {
				test.change(&in, baskets[i])
			}
			before := s.snapshot(t)
			_, err := s.Place(t.Context(), in)
			switch {
			case test.as != nil && !test.as(err):
				t.Errorf("got %v", err)
			case test.want != nil && !errors.Is(err, test.want) && !sameError(err, test.want):
				t.Errorf("got %v, want %v", err, test.want)
			}
			s.wantUnchanged(t, before)
		})
	}
}

func is[T error](err error) bool {
	var as T
	return errors.As(err, &as)
}

func sameError(got, want error) bool {
	var soldOut *inventory.SoldOutError
	var notForSale *order.NotForSaleError
	switch {
	case errors.As(got, &soldOut):
		return cmp.Equal(want, error(soldOut))
	case errors.As(got, &notForSale):
		return cmp.Equal(want, error(notForSale))
	}
	return false
}

func TestPlace_CartOrderedOnce(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	c := s.basket(t, units("A", 1))
	testkit.Must(s.Place(t.Context(), s.to(c, "IE")))(t)
	before := s.snapshot(t)
	for _, country := range []string{"IE", "US"} { // another home region, too
		if _, err := s.Place(t.Context(), s.to(c, country)); !errors.Is(err, cart.ErrNotOpen) {
			t.Errorf("ordered again to %s: %v", country, err)
		}
	}
	s.wantUnchanged(t, before)
}

func TestPlace_Replay(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 9)
	in := s.to(s.basket(t, units("A", 1)), "IE")
	placed := testkit.Must(s.Place(t.Context(), in))(t)
	before := s.snapshot(t)
	elsewhere := s.in(t, "ap-southeast")
	for _, there := range []*shop{s, elsewhere} {
		_, err := there.Place(t.Context(), in)
		var replay *idempotency.Replay
		if !errors.As(err, &replay) || replay.Answer.Resource != s.PublicID(placed.Ref) || replay.Answer.Status != 201 {
			t.Errorf("repeated in %s: %v", there.db.Region(), err)
		}
	}
	in.Idempotency.Fingerprint = []byte("another request")
	if _, err := s.Place(t.Context(), in); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("the key with another request: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestPlace_ReplayConcurrently sends one checkout twenty times at once, in two regions.
func TestPlace_ReplayConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 30)
	in := s.to(s.basket(t, units("A", 1)), "IE")
	pods := []*shop{s, s.in(t, "us-east")}
	var placed, replayed atomic.Int64
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			_, err := pods[i%2].Place(t.Context(), in)
			switch {
			case err == nil:
				placed.Add(1)
			case is[*idempotency.Replay](err):
				replayed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if placed.Load() != 1 || replayed.Load() != 19 {
		t.Errorf("%d placed, %d replayed", placed.Load(), replayed.Load())
	}
	if got := s.counters(t, "euw-1", "A"); got != "30/1/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

// TestPlaceConcurrently races 200 buyers in four regions for 50 units in two warehouses.
func TestPlaceConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 30)
	s.fill(t, "aps-1", "A", 20)
	pods := []*shop{s, s.in(t, "us-east"), s.in(t, "us-west"), s.in(t, "ap-southeast")}
	countries := []string{"IE", "US", "CA", "SG"}
	var inputs []order.PlaceInput
	for i := range 200 {
		inputs = append(inputs, s.to(s.basket(t, units("A", 1)), countries[i%4]))
	}
	var placed, soldOut atomic.Int64
	var buyers sync.WaitGroup
	for i, in := range inputs {
		buyers.Go(func() {
			_, err := pods[i%4].Place(t.Context(), in)
			var out *inventory.SoldOutError
			switch {
			case err == nil:
				placed.Add(1)
			case errors.As(err, &out):
				soldOut.Add(1)
				if len(out.Shortages) != 1 || out.Shortages[0] != (inventory.Shortage{SKU: "A", Wanted: 1, Left: 0}) {
					t.Errorf("told %v", out)
				}
			default:
				t.Error(err)
			}
		})
	}
	buyers.Wait()
	if placed.Load() != 50 || soldOut.Load() != 150 {
		t.Errorf("%d placed, %d sold out, of 50 units for 200 buyers", placed.Load(), soldOut.Load())
	}
	if got := s.counters(t, "euw-1", "A") + " " + s.counters(t, "aps-1", "A"); got != "30/30/0 20/20/0" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}

// TestPlaceConcurrently_Overlapping races orders of A+B against orders of B+A for scarce
// stock that is spread over regions, so that most are split.
func TestPlaceConcurrently_Overlapping(t *testing.T) {
	s := newShop(t)
	for _, warehouse := range []string{"euw-1", "use-1", "aps-1"} {
		s.fill(t, warehouse, "A", 10)
		s.fill(t, warehouse, "B", 8)
	}
	pods := []*shop{s, s.in(t, "us-east")}
	var inputs []order.PlaceInput
	for i := range 60 {
		lines := []cart.Change{units("A", 1), units("B", 1)}
		if i%2 == 1 {
			lines[0], lines[1] = lines[1], lines[0]
		}
		inputs = append(inputs, s.to(s.basket(t, lines...), []string{"IE", "US", "SG"}[i%3]))
	}
	var placed atomic.Int64
	var buyers sync.WaitGroup
	for i, in := range inputs {
		buyers.Go(func() {
			_, err := pods[i%2].Place(t.Context(), in)
			if err == nil {
				placed.Add(1)
			} else if !is[*inventory.SoldOutError](err) {
				t.Error(err)
			}
		})
	}
	buyers.Wait()
	sums := list[string](t, s, `SELECT sku || ' ' || sum(reserved) FROM stock GROUP BY sku ORDER BY sku`)
	if want := []string{"A 24", "B 24"}; placed.Load() != 24 || !cmp.Equal(sums, want) {
		t.Errorf("%d orders of the 24 that there are pairs for; reserved %v", placed.Load(), sums)
	}
	s.wantSound(t)
}

// TestPlace_StartsWhatItHolds compares what the provider is asked for with the order's lines.
func TestPlace_StartsWhatItHolds(t *testing.T) {
	s := newShop(t)
	s.fill(t, "use-1", "A", 9)
	s.fill(t, "use-1", "B", 9)
	for _, country := range []string{"IE", "US"} { // tax included, tax on top
		t.Run(country, func(t *testing.T) {
			in := s.to(s.basket(t, units("A", 2), units("B", 1)), country)
			in.ShipTo.State = map[string]string{"US": "CA"}[country]
			placed := testkit.Must(s.Place(t.Context(), in))(t)
			testkit.Must(s.StartPayment(t.Context(), placed, "https://shop.example/back"))(t)
			got := s.bank.started[s.PaymentID(placed.Ref)]
			if err := got.Validate(); err != nil {
				t.Error(err)
			}
			if got.Amount.Minor != placed.TotalMinor || got.OrderID != s.PublicID(placed.Ref) || got.Method != "card_success" {
				t.Errorf("asked for %+v of an order of %d", got, placed.TotalMinor)
			}
			if wantTax := country == "US"; wantTax != (placed.TaxMinor > 0 && got.Lines[len(got.Lines)-1].SKU == "tax") {
				t.Errorf("lines %+v", got.Lines)
			}
			for i, line := range placed.Lines {
				if got.Lines[i].SKU != line.SKU || got.Lines[i].Total.Minor != line.SubtotalMinor || got.Lines[i].Quantity != line.Quantity {
					t.Errorf("line %d is %+v, the order has %+v", i, got.Lines[i], line)
				}
			}
		})
	}
}

func TestList(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 20)
	customer := seed.Account(t, s.db, "eu-west")
	var want []string
	for i := range 5 {
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &customer, Country: "IE",
			Lines: []cart.Change{units("A", 1)}}))(t)
		s.clock.Advance(time.Duration(i%2) * time.Second) // some at the same moment
		placed := testkit.Must(s.Place(t.Context(), s.to(c, "IE")))(t)
		want = append(want, s.PublicID(placed.Ref))
	}
	s.place(t, units("A", 1)) // a guest's
	seen := map[string]bool{}
	filter := order.ListFilter{Account: &customer, PageFilter: database.PageFilter[order.ListPosition]{Limit: 2}}
	var last order.Order
	for page := 0; ; page++ {
		orders := testkit.Must(s.List(t.Context(), filter))(t)
		for _, o := range orders.Items {
			if id := s.PublicID(o.Ref); seen[id] {
				t.Errorf("%s is listed twice", id)
			} else {
				seen[id] = true
			}
			if last.Ref != (regions.Ref{}) && o.PlacedAt.After(last.PlacedAt) {
				t.Errorf("an order of %s after one of %s", o.PlacedAt, last.PlacedAt)
			}
			last = o
		}
		if orders.Next == nil {
			break
		}
		filter.After = orders.Next
	}
	for _, id := range want {
		if !seen[id] {
			t.Errorf("%s is not listed", id)
		}
	}
	if len(seen) != 5 {
		t.Errorf("%d orders listed, want the customer's 5", len(seen))
	}
	hundred := database.PageFilter[order.ListPosition]{Limit: 100}
	all := testkit.Must(s.List(t.Context(), order.ListFilter{Homes: []string{"eu-west"}, Status: order.PendingPayment, PageFilter: hundred}))(t).Items
	none := testkit.Must(s.List(t.Context(), order.ListFilter{Homes: []string{"eu-west"}, Status: order.Paid, PageFilter: hundred}))(t).Items
	if fmt.Sprint(len(all), len(none)) != "6 0" {
		t.Errorf("%d pending and %d paid orders, want 6 and 0", len(all), len(none))
	}
}
