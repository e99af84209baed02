package order_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"meridian/internal/cart"
	"meridian/internal/order"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
)

// TestPlace_CouponOncePerAccount: other e-mail addresses do not make another customer of an account.
func TestPlace_CouponOncePerAccount(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	p := percent("once", "ONCE", 1000)
	p.CustomerLimit = 1
	s.offer(t, p)
	account := seed.Account(t, s.db, "eu-west")
	checkout := func(email string) order.PlaceInput {
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &account, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
		in := s.to(s.with(t, c, "ONCE"), "IE")
		in.Email = email
		return in
	}
	first := testkit.Must(s.Place(t.Context(), checkout("one@example.com")))(t)
	_, err := s.Place(t.Context(), checkout("two@example.com"))
	wantRefused(t, err, "ONCE", promotion.ReasonUsedUp)
	guest := s.to(s.with(t, s.basket(t, units("A", 1)), "ONCE"), "IE")
	guest.Email = "one@example.com"
	_, err = s.Place(t.Context(), guest)
	wantRefused(t, err, "ONCE", promotion.ReasonUsedUp)
	s.wantSound(t)

	testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(first)}))(t)
	if n := databasetest.One[int64](t, s.db, `SELECT sum(used)::int8 FROM promotion_customer_uses`); n != 0 {
		t.Errorf("a cancelled order keeps %d uses", n)
	}
	testkit.Must(s.Place(t.Context(), checkout("two@example.com")))(t)
	s.wantSound(t)
}

// TestPlace_FirstOrderConcurrently: of the checkouts that an account makes at the same moment, one is its first order.
func TestPlace_FirstOrderConcurrently(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	welcome, more := percent("welcome", "", 1000), percent("more", "", 1000)
	welcome.Conditions.FirstOrder, more.Conditions.FirstOrder = true, true
	s.offer(t, welcome)
	s.offer(t, more)
	shops := []*shop{s, s.in(t, "us-east"), s.in(t, "us-west")}
	account := seed.Account(t, s.db, "eu-west")
	const checkouts = 12
	ins := make([]order.PlaceInput, checkouts)
	for i := range ins {
		// A customer has one open cart: those of before are ordered as well.
		c := testkit.Must(s.carts.Create(t.Context(), cart.CreateInput{Account: &account, Country: "IE", Lines: []cart.Change{units("A", 1)}}))(t)
		databasetest.Exec(t, s.db, `UPDATE carts SET status = 'merged' WHERE id = $1`, c.Ref.ID)
		ins[i] = s.to(c, "IE")
	}
	databasetest.Exec(t, s.db, `DROP INDEX carts_open_account_key`)
	databasetest.Exec(t, s.db, `UPDATE carts SET status = 'open'`)
	placed := make([]order.Order, checkouts)
	var running sync.WaitGroup
	for i, in := range ins {
		running.Go(func() { placed[i], _ = shops[i%3].Place(context.Background(), in) })
	}
	running.Wait()
	first, all := 0, 0
	for _, o := range placed {
		if o.DiscountMinor > 0 {
			first++
		}
		if o.TotalMinor > 0 {
			all++
		}
	}
	if first != 1 || all != checkouts {
		t.Errorf("%d of %d orders were the account's first", first, all)
	}
	s.wantSound(t)
	for _, o := range placed {
		testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
	}
	if o := testkit.Must(s.Place(t.Context(), s.customer(t, account, 1)))(t); o.DiscountMinor == 0 {
		t.Error("after all were cancelled the next is not the first")
	}
	s.wantSound(t)
}

// TestPlace_AccountAsItIsNow: an access token that is still valid does not outlive the account or its session.
func TestPlace_AccountAsItIsNow(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	for _, test := range []struct {
		name, change string
		epoch        int64
		want         error
	}{
		{"active", ``, 1, nil},
		{"no epoch told", ``, 0, nil},
		{"suspended", `UPDATE accounts SET status = 'suspended' WHERE id = $1`, 1, order.ErrAccountClosed},
		{"closed", `UPDATE accounts SET status = 'closed', email = '' WHERE id = $1`, 1, order.ErrAccountClosed},
		{"signed out everywhere", `UPDATE accounts SET session_epoch = session_epoch + 1 WHERE id = $1`, 1, order.ErrSessionEnded},
	} {
		for _, email := range []string{"", "given@example.com"} {
			t.Run(fmt.Sprintf("%s, e-mail %q", test.name, email), func(t *testing.T) {
				account := seed.Account(t, s.db, "eu-west")
				in := s.customer(t, account, 1)
				in.Email, in.SessionEpoch = email, test.epoch
				if test.change != "" {
					databasetest.Exec(t, s.db, test.change, account.ID)
				}
				before := s.snapshot(t)
				databasetest.WantTrips(t, "Place", map[bool]int64{true: 2, false: 1}[test.want == nil], func(ctx context.Context) {
					if _, err := s.Place(ctx, in); !errors.Is(err, test.want) {
						t.Errorf("got %v, want %v", err, test.want)
					}
				})
				if test.want != nil {
					s.wantUnchanged(t, before)
				}
			})
		}
	}
}

// TestQuote_UsedUpCoupon: the cart tells of a coupon whose uses are gone.
func TestQuote_UsedUpCoupon(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 99)
	few, once, free := percent("few", "FEW", 1000), percent("once", "ONCE", 1000), percent("free", "FREE", 1000)
	few.TotalLimit, once.CustomerLimit = 1, 1
	s.offer(t, few)
	s.offer(t, once)
	s.offer(t, free)
	account := seed.Account(t, s.db, "eu-west")
	customer := s.customer(t, account, 1)
	cartOf := func(c cart.Cart) map[string]promotion.Reason {
		t.Helper()
		refused := make(map[string]promotion.Reason)
		for _, r := range testkit.Must(s.carts.Quote(t.Context(), cart.QuoteInput{Cart: c}))(t).RefusedCoupons {
			refused[r.Coupon] = r.Reason
		}
		return refused
	}
	open := s.with(t, s.basket(t, units("A", 1)), "FEW", "FREE")
	if got := cartOf(open); len(got) != 0 {
		t.Errorf("before anything was used: %v", got)
	}
	own := testkit.Must(s.carts.Get(t.Context(), customer.Cart, &account))(t)
	own = s.with(t, own, "FEW", "ONCE")
	in := s.to(own, "IE")
	testkit.Must(s.Place(t.Context(), in))(t)
	if got := cartOf(open); len(got) != 1 || got["FEW"] != promotion.ReasonUsedUp {
		t.Errorf("a guest's cart after the last use: %v", got)
	}
	another := cart.CreateInput{Account: &account, Country: "IE", Lines: []cart.Change{units("A", 1)}}
	next := testkit.Must(s.carts.Create(t.Context(), another))(t)
	if got := cartOf(s.with(t, next, "ONCE")); got["ONCE"] != promotion.ReasonUsedUp {
		t.Errorf("the customer's cart after the customer's use: %v", got)
	}
	plain := s.with(t, s.basket(t, units("A", 1)), "FREE")
	databasetest.WantTrips(t, "Quote without limits", 0, func(ctx context.Context) {
		testkit.Must(s.carts.Quote(ctx, cart.QuoteInput{Cart: plain}))(t)
	})
	databasetest.WantTrips(t, "Quote with a limit", 1, func(ctx context.Context) {
		testkit.Must(s.carts.Quote(ctx, cart.QuoteInput{Cart: open}))(t)
	})
}
