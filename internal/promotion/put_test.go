package promotion_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/promotion"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func put(t *testing.T, db *database.DB, p promotion.Promotion, from time.Time) {
	t.Helper()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error { return promotion.QueuePut(b, p, uuid.New(), from) }))
}

func end(t *testing.T, db *database.DB, id string, from time.Time) {
	t.Helper()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error { promotion.QueueEnd(b, id, from); return nil }))
}

// load is what a pod reads.
func load(t *testing.T, db *database.DB, from time.Time) []promotion.Promotion {
	t.Helper()
	var all []promotion.Promotion
	testkit.NoError(t, db.Read(t.Context(), func(b *database.Batch) error { promotion.QueueLoad(b, from, &all); return nil }))
	return all
}

// hour is so many hours after noon.
func hour(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }

// timeline is what a promotion takes off at each hour from noon on, in percent, by Get, with
// which List and a Set of all versions must agree.
func timeline(t *testing.T, db *database.DB, id string) string {
	t.Helper()
	set := promotion.NewSet(load(t, db, hour(-1)))
	line := ""
	for h := range 6 {
		p, err := promotion.New(db).Get(t.Context(), id, hour(h))
		if err != nil && !errors.Is(err, promotion.ErrNotFound) {
			t.Fatal(err)
		}
		line += fmt.Sprint(p.PercentBP/100, " ")
		page, err := promotion.New(db).List(t.Context(), promotion.ListFilter{At: hour(h),
			PageFilter: database.PageFilter[promotion.ListPosition]{Limit: 10}})
		if err != nil {
			t.Fatal(err)
		}
		listed := page.Items
		if (len(listed) == 1) != (p.ID != "") || len(listed) == 1 && !cmp.Equal(listed[0], p) {
			t.Errorf("at hour %d there is %+v, but listed is %+v", h, p, listed)
		}
		out, err := set.Apply(promotion.Basket{Currency: "EUR", At: hour(h), Lines: []promotion.Line{{Quantity: 1, UnitPriceMinor: 10_000}}})
		if err != nil || out.LineDiscounts[0] != p.PercentBP {
			t.Errorf("at hour %d there is %+v, but a set gives %v, %v", h, p, out.LineDiscounts, err)
		}
	}
	return line
}

func TestPut(t *testing.T) {
	db := databasetest.New(t)
	wantTimeline := func(when, want string) {
		t.Helper()
		if got := timeline(t, db, "p"); got != want+" " {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	version := func() int64 {
		return databasetest.One[int64](t, db, `SELECT version FROM pricing_state WHERE id = 'rules'`)
	}
	before := version()
	put(t, db, percent("p", 1000), hour(1))
	wantTimeline("first", "0 10 10 10 10 10")
	put(t, db, percent("p", 2000), hour(3))
	wantTimeline("a change to come", "0 10 10 20 20 20")
	put(t, db, percent("p", 3000), hour(3))
	wantTimeline("the change changed", "0 10 10 30 30 30")
	bounded := percent("p", 4000)
	bounded.ValidTo = ptr(hour(4))
	put(t, db, bounded, hour(2))
	wantTimeline("another instead, sooner and for a time", "0 10 40 40 0 0")
	end(t, db, "p", hour(3))
	wantTimeline("ended", "0 10 40 0 0 0")
	put(t, db, percent("p", 5000), hour(5))
	wantTimeline("again", "0 10 40 0 0 50")
	end(t, db, "p", hour(4))
	wantTimeline("ended before it began", "0 10 40 0 0 0")
	if got := version(); got != before+7 {
		t.Errorf("the rules' version rose by %d with seven changes", got-before)
	}
	versions := testkit.Must(promotion.New(db).Versions(t.Context(), "p", hour(100), 3))(t)
	var ends []string
	for _, v := range versions {
		ends = append(ends, fmt.Sprint(v.PercentBP, " ", v.ValidFrom.Sub(noon), " ", v.ValidTo.Sub(noon)))
	}
	if diff := cmp.Diff([]string{"5000 5h0m0s 5h0m0s", "3000 3h0m0s 3h0m0s", "4000 2h0m0s 3h0m0s"}, ends); diff != "" {
		t.Errorf("versions (-want +got):\n%s", diff)
	}
}

func TestPut_KeepsAll(t *testing.T) {
	db := databasetest.New(t)
	want := promotion.Promotion{
		ID: "p", Title: "Zwölf", Coupon: "ZWOELF", Priority: -3, ValidFrom: noon, ValidTo: ptr(hour(5)), TotalLimit: 50, CustomerLimit: 1,
		Spec: promotion.Spec{Kind: promotion.BuyXGetY, Buy: 2, Get: 1, GetPercentBP: 5000, Conditions: promotion.Conditions{
			Markets: []string{"eu"}, SKUs: []string{"MUG"}, FirstOrder: true,
		}},
	}
	put(t, db, want, noon)
	got := testkit.Must(promotion.New(db).Get(t.Context(), "p", noon))(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("promotion (-want +got):\n%s", diff)
	}
	if all := load(t, db, hour(5)); len(all) != 0 {
		t.Errorf("loaded what is over: %+v", all)
	}
	databasetest.Exec(t, db, `UPDATE promotions SET spec = '{"kind": "gift"}' WHERE id = 'p'`)
	if _, err := promotion.New(db).Get(t.Context(), "p", noon); err == nil || errors.Is(err, promotion.ErrNotFound) {
		t.Errorf("a spec that nobody knows was read: %v", err)
	}
}

func TestList(t *testing.T) {
	db := databasetest.New(t)
	for _, id := range []string{"c", "a", "b", "d"} {
		put(t, db, percent(id, 1000), noon)
	}
	end(t, db, "b", hour(1))
	var got []string
	filter := promotion.ListFilter{At: hour(1), PageFilter: database.PageFilter[promotion.ListPosition]{Limit: 2}}
	for more := true; more; more = filter.After != nil {
		page, err := promotion.New(db).List(t.Context(), filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range page.Items {
			got = append(got, p.ID)
		}
		filter.After = page.Next
	}
	if diff := cmp.Diff([]string{"a", "c", "d"}, got); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
}

func ptr[T any](value T) *T { return &value }
