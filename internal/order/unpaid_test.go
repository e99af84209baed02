package order_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/cart"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// guest returns a guest's checkout to Ireland of so many units of A.
func (s *shop) guest(t testing.TB, email, network string, n int64) order.PlaceInput {
	t.Helper()
	in := s.to(s.basket(t, units("A", n)), "IE")
	in.Email, in.Network = email, network
	return in
}

// customer returns an account's checkout of so many units of A.
func (s *shop) customer(t testing.TB, account regions.Ref, n int64) order.PlaceInput {
	t.Helper()
	c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &account, Country: "IE", Lines: []cart.Change{units("A", n)}}))(t)
	return s.to(c, "IE")
}

func (s *shop) reserved(t testing.TB) int64 {
	t.Helper()
	return databasetest.One[int64](t, s.db, `SELECT sum(reserved)::int8 FROM stock`)
}

func TestPlace_UnpaidLimits(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10_000)
	account := seed.Account(t, s.db, "eu-west")
	first := testkit.Must(s.Place(t.Context(), s.guest(t, "a@example.com", "n1", 2000)))(t)
	place := func(name string, in order.PlaceInput, want *order.Excess) {
		t.Helper()
		before := s.reserved(t)
		_, err := s.Place(t.Context(), in)
		if want == nil {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return
		}
		var tooMany *order.TooManyUnpaidError
		if !errors.As(err, &tooMany) || !cmp.Equal([]order.Excess{*want}, tooMany.Excesses) {
			t.Errorf("%s: %v, want %+v", name, err, *want)
		}
		if got := s.reserved(t); got != before {
			t.Errorf("%s: %d units more are held", name, got-before)
		}
	}
	place("the same guest from another network", s.guest(t, "A@example.com", "n2", 600),
		&order.Excess{SKU: "A", Wanted: 600, Held: 2000, Allowed: 2500})
	place("another guest of the network", s.guest(t, "b@example.com", "n1", 600),
		&order.Excess{SKU: "A", Wanted: 600, Held: 2000, Allowed: 2500})
	place("a little more of the network", s.guest(t, "b@example.com", "n1", 500), nil)
	place("a guest from elsewhere", s.guest(t, "c@example.com", "n3", 2400), nil)
	place("more than all guests may hold", s.guest(t, "d@example.com", "n4", 101), &order.Excess{SKU: "A", Wanted: 101})
	s.settle(t, first, success(first))
	place("a guest who has paid", s.guest(t, "a@example.com", "n1", 1000), nil) // 3900 of 8000 are held
	place("a customer", s.customer(t, account, 3000), nil)
	place("the same customer", s.customer(t, account, 1000), nil) // below the units that a customer may always hold
	if _, err := s.Place(t.Context(), s.guest(t, "e@example.com", "n5", 101)); !is[*inventory.SoldOutError](err) {
		t.Errorf("more than there is: %v", err)
	}
	s.wantSound(t)
}

// TestPlace_UnpaidSmall: what is rare can be had to the last unit.
func TestPlace_UnpaidSmall(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 100)
	in := s.guest(t, "a@example.com", "n1", 100)
	databasetest.WantTrips(t, "Place", 2, func(ctx context.Context) { testkit.Must(s.Place(ctx, in))(t) })
	if got := s.counters(t, "euw-1", "A"); got != "100/100/0" {
		t.Errorf("counters %s", got)
	}
}

// TestPlace_UnpaidLimits_Off: a shop may do without each, and what all guests hold is exact.
func TestPlace_UnpaidLimits_Off(t *testing.T) {
	s := newShop(t)
	s.kit.Config.Order = func(c *order.Config) { c.Unpaid.Guest.Units, c.Unpaid.Network.Units = -1, -1 }
	free := s.in(t, "eu-west")
	free.fill(t, "euw-1", "A", 10_000)
	testkit.Must(free.Place(t.Context(), free.guest(t, "a@example.com", "n1", 5000)))(t)
	if _, err := free.Place(t.Context(), free.guest(t, "a@example.com", "n1", 1)); !is[*order.TooManyUnpaidError](err) {
		t.Errorf("beyond what guests may hold: %v", err)
	}
	s.kit.Config.Order = func(c *order.Config) {
		c.Unpaid.Guest, c.Unpaid.Network, c.Unpaid.Guests = inventory.Unlimited, inventory.Unlimited, inventory.Unlimited
	}
	freest := s.in(t, "eu-west")
	testkit.Must(freest.Place(t.Context(), freest.guest(t, "b@example.com", "n2", 5000)))(t)
	if got := s.counters(t, "euw-1", "A"); got != "10000/10000/0" {
		t.Errorf("counters %s", got)
	}
}

// TestPlace_UnpaidConcurrently races guests for more than they may hold: one by one in a pod, all of them in four.
func TestPlace_UnpaidConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 4000)
	pods := []*shop{s, s.in(t, "us-east"), s.in(t, "us-west"), s.in(t, "ap-southeast")}
	race := func(ins []order.PlaceInput, pods ...*shop) {
		var running sync.WaitGroup
		for i, in := range ins {
			running.Go(func() {
				if _, err := pods[i%len(pods)].Place(context.Background(), in); err != nil && !is[*order.TooManyUnpaidError](err) {
					t.Error(err)
				}
			})
		}
		running.Wait()
	}
	var one, all []order.PlaceInput
	for i := range 40 {
		one = append(one, s.guest(t, "one@example.com", fmt.Sprint("n", i), 100))
		in := s.guest(t, fmt.Sprintf("guest-%d@example.com", i), fmt.Sprint("m", i), 100)
		in.ShipTo.Country = []string{"IE", "US", "MX", "SG"}[i/4%4]
		all = append(all, in)
	}
	race(one, s)
	if got := s.reserved(t); got != 1000 {
		t.Errorf("one guest holds %d units of 4000, want 25 %%", got)
	}
	race(all, pods...)
	if got := s.reserved(t); got != 2000 {
		t.Errorf("guests hold %d units of 4000, want half of them", got)
	}
	s.wantSound(t)
}

// TestPlace_GuestPaysSooner: what a guest holds is for sale again sooner, and who held it is forgotten with the hold.
func TestPlace_GuestPaysSooner(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	account := seed.Account(t, s.db, "eu-west")
	guests := testkit.Must(s.Place(t.Context(), s.guest(t, "a@example.com", "n1", 1)))(t)
	customers := testkit.Must(s.Place(t.Context(), s.customer(t, account, 1)))(t)
	if got := guests.ExpiresAt.Sub(guests.PlacedAt); got != 10*time.Minute {
		t.Errorf("a guest's order waits for %s", got)
	}
	if got := customers.ExpiresAt.Sub(customers.PlacedAt); got != 30*time.Minute {
		t.Errorf("a customer's order waits for %s", got)
	}
	s.clock.Advance(11 * time.Minute)
	testkit.Must(s.ExpireOnce(t.Context()))(t)
	s.wantStatus(t, guests, order.Cancelled)
	s.settle(t, customers, success(customers))
	s.wantStatus(t, customers, order.Paid)
	if n := databasetest.One[int64](t, s.db, `SELECT count(*) FROM orders WHERE unpaid_network <> '' OR unpaid_buyer <> ''`); n != 0 {
		t.Errorf("%d orders that hold nothing unpaid say by whom", n)
	}
	s.wantSound(t)
}

func TestHolds(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	s.fill(t, "euw-1", "B", 99)
	account := seed.Account(t, s.db, "eu-west")
	hostile := make([]order.Order, 3)
	for i := range hostile {
		hostile[i] = testkit.Must(s.Place(t.Context(), s.guest(t, fmt.Sprintf("%d@example.com", i), "n1", 2)))(t)
		s.clock.Advance(time.Second)
	}
	other := testkit.Must(s.Place(t.Context(), s.customer(t, account, 1)))(t)
	paid := s.paid(t, units("A", 1))
	s.place(t, units("B", 3))

	filter := order.HoldFilter{Homes: []string{"eu-west"}, SKU: "A", PageFilter: database.PageFilter[order.ListPosition]{Limit: 2}}
	var held []order.UnpaidHold
	databasetest.WantTrips(t, "ListHolds", 1, func(ctx context.Context) { held = testkit.Must(s.ListHolds(ctx, filter))(t).Items })
	if len(held) != 2 || held[0].Ref != other.Ref || held[0].Account == nil || held[1].Ref != hostile[2].Ref ||
		!cmp.Equal(held[1].Units, []order.HeldUnits{{SKU: "A", Quantity: 2}}) {
		t.Fatalf("holds %+v", held)
	}
	filter.Network = held[1].Network
	if page := testkit.Must(s.ListHolds(t.Context(), filter))(t); len(page.Items) != 2 || page.Next == nil {
		t.Errorf("a page of the network's holds %+v", page)
	}
	released, more, err := s.ReleaseHolds(t.Context(), filter, order.Command{Actor: "usr_euw_test", Reason: "abuse"})
	if err != nil || len(released) != 2 || !more {
		t.Fatalf("released %v, more %v, %v", released, more, err)
	}
	filter.SKU = ""
	released, more, err = s.ReleaseHolds(t.Context(), filter, order.Command{Actor: "usr_euw_test"})
	if err != nil || len(released) != 1 || more {
		t.Errorf("released %v, more %v, %v", released, more, err)
	}
	for _, o := range hostile {
		if got := s.wantStatus(t, o, order.Cancelled); got.CancelReason != "by_operator" {
			t.Errorf("cancelled for %s", got.CancelReason)
		}
	}
	s.wantStatus(t, other, order.PendingPayment)
	s.wantStatus(t, paid, order.Paid)
	if got := s.counters(t, "euw-1", "A"); got != "99/1/1" {
		t.Errorf("counters %s", got)
	}
	s.wantSound(t)
}
