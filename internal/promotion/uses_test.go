package promotion_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

var (
	ann = []byte("ann's hash")
	bob = []byte("bob's hash")
)

// by returns the guest with that hash of an e-mail address.
func by(email []byte) promotion.Customer { return promotion.Customer{Email: email} }

// each is the same uses for every order.
func each(uses ...promotion.Use) func(int) []promotion.Use {
	return func(int) []promotion.Use { return uses }
}

func TestUses(t *testing.T) {
	db := databasetest.New(t)
	both := promotion.Use{
		Promotion: "both", Title: "Both", Coupon: "BOTH", TotalLimit: 3, CustomerLimit: 2, Customer: by(ann), DiscountMinor: 100,
	}
	free := promotion.Use{Promotion: "free", Title: "Free shipping", Customer: by(ann), ShippingMinor: 490}
	first := testkit.Must(place(t.Context(), db, 2, each(both, free)))(t)
	if _, err := place(t.Context(), db, 1, each(both)); !promotion.UsedUp(err) {
		t.Errorf("a third use of one customer: %v", err)
	}
	both.Customer = by(bob)
	if _, err := place(t.Context(), db, 2, each(both)); !promotion.UsedUp(err) {
		t.Errorf("a fourth use in total: %v", err)
	}
	if _, err := place(t.Context(), db, 1, each(both)); err != nil {
		t.Errorf("bob's first use: %v", err)
	}
	if got, want := counted(t, db, "both", ann), ([2]int64{3, 2}); got != want {
		t.Errorf("used %v, want %v", got, want)
	}
	if got := counted(t, db, "free", ann); got != ([2]int64{}) {
		t.Errorf("a promotion without limits is counted: %v", got)
	}
	row := databasetest.One[string](t, db, `
SELECT concat_ws(' ', title, coupon, discount_minor, shipping_minor, limited, encode(customer, 'escape'))
FROM order_promotions
WHERE order_id = $1 AND promotion = 'both'`, first[0].ref.ID)
	if want := "Both BOTH 100 0 t ann's hash"; row != want {
		t.Errorf("the order was given %q, want %q", row, want)
	}
	wantSound(t, db)
}

// One batch may hold orders that were priced under different limits, and more uses than are allowed.
func TestUses_Limits(t *testing.T) {
	db := databasetest.New(t)
	use := func(limit int64) promotion.Use {
		return promotion.Use{Promotion: "p", Title: "P", TotalLimit: limit, Customer: by(ann)}
	}
	mixed := func(i int) []promotion.Use { return []promotion.Use{use(int64(2 - i))} }
	if _, err := place(t.Context(), db, 2, mixed); !promotion.UsedUp(err) {
		t.Errorf("two uses, one of them of a limit of one: %v", err)
	}
	if _, err := place(t.Context(), db, 3, each(use(2))); !promotion.UsedUp(err) {
		t.Errorf("three first uses of a limit of two: %v", err)
	}
	if _, err := place(t.Context(), db, 2, each(use(2))); err != nil {
		t.Errorf("two first uses: %v", err)
	}
	if _, err := place(t.Context(), db, 1, each(use(3))); err != nil {
		t.Errorf("one more after the limit was raised: %v", err)
	}
	if _, err := place(t.Context(), db, 1, each(use(1))); !promotion.UsedUp(err) {
		t.Errorf("one more after the limit was lowered: %v", err)
	}
	nobody := promotion.Use{Promotion: "q", Title: "Q", CustomerLimit: 1}
	if _, err := place(t.Context(), db, 1, each(nobody)); err == nil || promotion.UsedUp(err) {
		t.Errorf("a use limited for each customer, of nobody: %v", err)
	}
	wantSound(t, db)
}

func TestUsed(t *testing.T) {
	db := databasetest.New(t)
	use := promotion.Use{Promotion: "p", Title: "P", TotalLimit: 3, CustomerLimit: 1, Customer: by(ann)}
	testkit.Must(place(t.Context(), db, 1, each(use)))(t)
	var used promotion.Used
	ctx, trips := database.CountTrips(t.Context())
	err := db.Read(ctx, func(b *database.Batch) error {
		promotion.QueueUsed(b, []string{"p", "other"}, [][]byte{ann, bob}, &used)
		return nil
	})
	if err != nil || trips.Count() != 1 {
		t.Fatalf("%d round trips, %v", trips.Count(), err)
	}
	wantLeft := func(when string, customer []byte, total, each int64, want bool) {
		t.Helper()
		if got := used.Left("p", by(customer), total, each); got != want {
			t.Errorf("%s: left for %s under %d and %d: %v", when, customer, total, each, got)
		}
	}
	wantLeft("read", ann, 3, 1, false)
	wantLeft("read", ann, 3, 2, true)
	wantLeft("read", ann, 0, 0, true)
	wantLeft("read", bob, 1, 1, false)
	wantLeft("read", bob, 2, 1, true)
	used.Take(by(bob), promotion.Applied{Promotion: "p"})
	wantLeft("bob took one", bob, 3, 1, false)
	wantLeft("bob took one", []byte("eve"), 2, 1, false)
	wantLeft("bob took one", []byte("eve"), 3, 1, true)
	if !used.Left("other", by(ann), 1, 1) {
		t.Error("a promotion that nobody used is used up")
	}
}

func TestRelease(t *testing.T) {
	db := databasetest.New(t)
	total := promotion.Use{Promotion: "total", Title: "T", TotalLimit: 9, Customer: by(ann)}
	customer := promotion.Use{Promotion: "customer", Title: "C", CustomerLimit: 9, Customer: by(ann)}
	free := promotion.Use{Promotion: "free", Title: "F", Customer: by(ann)}
	orders := testkit.Must(place(t.Context(), db, 4, each(total, customer, free)))(t)
	want := func(when string, n int64) {
		t.Helper()
		got := [2][2]int64{counted(t, db, "total", ann), counted(t, db, "customer", ann)}
		if diff := cmp.Diff([2][2]int64{{n, 0}, {0, n}}, got); diff != "" {
			t.Errorf("%s: uses (-want +got):\n%s", when, diff)
		}
		wantSound(t, db)
	}
	want("placed", 4)
	testkit.NoError(t, cancel(t.Context(), db, "cancelled", false, orders[0]))
	want("a transition that was not allowed", 4)
	testkit.NoError(t, cancel(t.Context(), db, "paid", true, orders[0]))
	want("another transition", 4)
	testkit.NoError(t, cancel(t.Context(), db, "cancelled", true, orders[1], orders[2]))
	want("two cancelled", 2)
	databasetest.Exec(t, db, `UPDATE orders SET status = 'cancelled' WHERE id = $1`, orders[3].ref.ID)
	testkit.NoError(t, cancel(t.Context(), db, "cancelled", false, orders[3]))
	want("cancelled by another transition", 2)
	testkit.NoError(t, cancel(t.Context(), db, "cancelled", true, orders[1], orders[2], orders[3]))
	want("two of them again, and a third", 1)
	released := databasetest.One[int64](t, db, `SELECT count(*) FROM order_promotions WHERE released_at IS NOT NULL`)
	if released != 9 {
		t.Errorf("%d rows are released, want the 3 of each of 3 orders", released)
	}
}

// A promotion that gets limits, loses them, and gets others gives back what was counted, and
// no more.
func TestRelease_LimitsChanged(t *testing.T) {
	db := databasetest.New(t)
	var orders []placed
	for _, limits := range [][2]int64{{9, 1}, {9, 0}, {0, 0}, {0, 2}} {
		use := promotion.Use{Promotion: "p", Title: "P", TotalLimit: limits[0], CustomerLimit: limits[1], Customer: by(ann)}
		more := testkit.Must(place(t.Context(), db, 1, each(use)))(t)
		orders = append(orders, more...)
	}
	if got, want := counted(t, db, "p", ann), ([2]int64{2, 2}); got != want {
		t.Errorf("used %v, want %v", got, want)
	}
	for _, o := range orders {
		testkit.NoError(t, cancel(t.Context(), db, "cancelled", true, o))
		wantSound(t, db)
	}
	if got := counted(t, db, "p", ann); got != ([2]int64{}) {
		t.Errorf("used %v after all was given back", got)
	}
}

// TestUses_Concurrently: 200 shoppers in four regions use a coupon that is limited to 50, each
// twice although it is once for each, beside another promotion. Then all that were used are
// given back, each twice at once, from two regions.
func TestUses_Concurrently(t *testing.T) {
	url := databasetest.URL(t)
	var shops []*database.DB
	for _, region := range []string{"us-east", "us-west", "eu-west", "ap-southeast"} {
		shops = append(shops, databasetest.Open(t, url, region))
	}
	const shoppers, limit = 200, 50
	var mu sync.Mutex
	var orders []placed
	var refused atomic.Int64
	race(t, 2*shoppers, func(i int) error {
		use := promotion.Use{
			Promotion: "spring", Title: "Spring", Coupon: "SPRING", TotalLimit: limit, CustomerLimit: 1, Customer: by(fmt.Append(nil, i%shoppers)),
		}
		uses := []promotion.Use{use, {Promotion: "always", Title: "Always", TotalLimit: 1000}}
		if i%3 == 0 {
			slices.Reverse(uses)
		}
		made, err := place(context.WithoutCancel(t.Context()), shops[i%len(shops)], 1, each(uses...))
		if promotion.UsedUp(err) {
			refused.Add(1)
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		orders = append(orders, made...)
		return err
	})
	if len(orders) != limit || refused.Load() != 2*shoppers-limit {
		t.Errorf("%d orders used the coupon and %d were refused, want %d and %d", len(orders), refused.Load(), limit, 2*shoppers-limit)
	}
	if n := databasetest.One[int64](t, shops[0], `SELECT max(used) FROM promotion_customer_uses`); n != 1 {
		t.Errorf("a shopper used it %d times", n)
	}
	wantSound(t, shops[0])
	race(t, 2*len(orders), func(i int) error {
		return cancel(context.WithoutCancel(t.Context()), shops[i%len(shops)], "cancelled", true, orders[i/2])
	})
	if n := databasetest.One[int64](t, shops[0], `SELECT sum(used)::int8 FROM promotion_uses`); n != 0 {
		t.Errorf("%d uses are counted after all was given back", n)
	}
	wantSound(t, shops[0])
}

// race does n things at once; an error of any ends the test.
func race(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	var all sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		all.Go(func() { errs[i] = do(i) })
	}
	all.Wait()
	testkit.NoError(t, errors.Join(errs...))
}
