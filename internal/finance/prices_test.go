package finance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestSetPrices(t *testing.T) {
	tests := []struct {
		name string
		do   [][]Line // one bulk change after the other
		want []string
	}{
		{"a price", [][]Line{{price("A", 900)}}, []string{"1: 900 [+0h, …)"}},
		{"takes the place of one without an end", [][]Line{{price("A", 900)}, {price("A", 800).from(hours(2))}},
			[]string{"1: 900 [+0h, +2h)", "1: 800 [+2h, …)"}},
		{"for a time", [][]Line{{price("A", 900).from(hours(1)).to(hours(2))}}, []string{"1: 900 [+1h, +2h)"}},
		{"one after the other", [][]Line{{price("A", 900).to(hours(2))}, {price("A", 800).from(hours(2)).to(hours(3))},
			{price("A", 850).from(hours(5))}},
			[]string{"1: 900 [+0h, +2h)", "1: 800 [+2h, +3h)", "1: 850 [+5h, …)"}},
		{"steps of one file", [][]Line{{price("A", 880).from(hours(4)), price("A", 900), price("A", 890).from(hours(2))}},
			[]string{"1: 900 [+0h, +2h)", "1: 890 [+2h, +4h)", "1: 880 [+4h, …)"}},
		{"steps upon a price", [][]Line{{price("A", 900)}, {price("A", 890).from(hours(2)), price("A", 880).from(hours(4))}},
			[]string{"1: 900 [+0h, +2h)", "1: 890 [+2h, +4h)", "1: 880 [+4h, …)"}},
		{"down and up again in one file", [][]Line{{price("A", 900)}, {price("A", 800).from(hours(1)), price("A", 900).from(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 900 [+2h, …)"}},
		{"quantities stand for themselves", [][]Line{{price("A", 900), price("A", 850).atLeast(10)},
			{price("A", 840).atLeast(10).from(hours(1))}},
			[]string{"1: 900 [+0h, …)", "10: 850 [+0h, +1h)", "10: 840 [+1h, …)"}},
		{"an end", [][]Line{{price("A", 900)}, {endOf("A").from(hours(3))}}, []string{"1: 900 [+0h, +3h)"}},
		{"an end withdraws what was to come", [][]Line{{price("A", 900)}, {price("A", 880).from(hours(4))}, {endOf("A").from(hours(3))}},
			[]string{"1: 900 [+0h, +3h)"}},
		{"an end cuts a period", [][]Line{{price("A", 900).to(hours(9))}, {endOf("A").from(hours(3))}}, []string{"1: 900 [+0h, +3h)"}},
		{"an end, and a price later, in one file", [][]Line{{price("A", 900)}, {endOf("A").from(hours(1)), price("A", 880).from(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 880 [+2h, …)"}},
		{"a price, and its end, in one file", [][]Line{{price("A", 900)}, {price("A", 880).from(hours(1)), endOf("A").from(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 880 [+1h, +2h)"}},
		{"withdrawn and set again for the same instant", [][]Line{{price("A", 900).from(hours(2))}, {endOf("A").from(hours(1))},
			{price("A", 880).from(hours(2)).to(hours(3))}},
			[]string{"1: 880 [+2h, +3h)"}},
		{"for a time, within one without an end", [][]Line{{price("A", 900)}, {price("A", 800).from(hours(1)).to(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 900 [+2h, …)"}},
		{"for a time, within one with an end", [][]Line{{price("A", 900).to(hours(9))}, {price("A", 800).from(hours(1)).to(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 900 [+2h, +9h)"}},
		{"twice for a time, in one file", [][]Line{{price("A", 900), price("A", 800).from(hours(1)).to(hours(2)),
			price("A", 750).from(hours(3)).to(hours(4))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 900 [+2h, +3h)", "1: 750 [+3h, +4h)", "1: 900 [+4h, …)"}},
		{"for a time, and for good after it, in one file", [][]Line{{price("A", 900)}, {price("A", 800).from(hours(1)).to(hours(2)),
			price("A", 950).from(hours(5))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 900 [+2h, +5h)", "1: 950 [+5h, …)"}},
		{"the present one corrected, while another is to come", [][]Line{{price("A", 900), price("A", 880).from(hours(4))},
			{price("A", 910).from(hours(1))}},
			[]string{"1: 900 [+0h, +1h)", "1: 910 [+1h, +4h)", "1: 880 [+4h, …)"}},
		{"one for a time corrected, which another follows", [][]Line{{price("A", 900)}, {price("A", 800).from(hours(1)).to(hours(4))},
			{price("A", 750).from(hours(2))}},
			[]string{"1: 900 [+0h, +1h)", "1: 800 [+1h, +2h)", "1: 750 [+2h, +4h)", "1: 900 [+4h, …)"}},
		{"until one that is to come", [][]Line{{price("A", 900).from(hours(4))}, {price("A", 880)}},
			[]string{"1: 880 [+0h, +4h)", "1: 900 [+4h, …)"}},
		{"before one that is to come", [][]Line{{price("A", 900).from(hours(4))}, {price("A", 880).from(hours(2)).to(hours(4))}},
			[]string{"1: 880 [+2h, +4h)", "1: 900 [+4h, …)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.list(t, "regular", pricing.Regular)
			for _, lines := range test.do {
				if p := s.set(t, "regular", lines...); p.Change.Status != StatusApplied || p.Change.NeedsApproval {
					t.Fatalf("not applied: %+v", p)
				}
			}
			if diff := cmp.Diff(test.want, s.periods(t, "regular", "A")); diff != "" {
				t.Errorf("prices (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSetPrices_Refused(t *testing.T) {
	s := newShop(t)
	s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 900), price("B", 1900).from(hours(4)), price("C", 2900).from(hours(4)).to(hours(6)))
	before := s.image(t)
	tests := []struct {
		name  string
		lines []Line
		want  []string
	}{
		{"none", nil, []string{"lines"}},
		{"no SKU", []Line{price("", 1)}, []string{"line 1, sku"}},
		{"an unknown SKU", []Line{price("D", 901), price("Z", 1)}, []string{"line 2, sku"}},
		{"no quantity", []Line{price("A", 1).atLeast(0)}, []string{"line 1, min_quantity"}},
		{"a negative quantity", []Line{price("A", 1).atLeast(-5)}, []string{"line 1, min_quantity"}},
		{"a negative price", []Line{price("A", -1)}, []string{"line 1, amount_minor"}},
		{"a price too high", []Line{price("A", maxAmountMinor+1)}, []string{"line 1, amount_minor"}},
		{"in the past", []Line{price("A", 1).from(opening.Add(-time.Microsecond))}, []string{"line 1, valid_from"}},
		{"ends before it begins", []Line{price("A", 1).from(hours(2)).to(hours(1))}, []string{"line 1, valid_to"}},
		{"ends in the past", []Line{price("A", 1).to(opening)}, []string{"line 1, valid_to"}},
		{"an end for a time", []Line{endOf("A").to(hours(2))}, []string{"line 1, valid_to"}},
		{"twice the same", []Line{price("A", 1), price("D", 5), price("A", 2)}, []string{"line 3, valid_from"}},
		{"a price and an end at once", []Line{price("A", 1), endOf("A")}, []string{"line 2, valid_from"}},
		{"overlap in the file", []Line{price("D", 1).to(hours(3)), price("D", 2).from(hours(2))}, []string{"line 2, valid_from"}},
		{"into what is to come", []Line{price("B", 1).to(hours(5))}, []string{"line 1, valid_from"}},
		{"at the instant of what is to come", []Line{price("B", 1).from(hours(4))}, []string{"line 1, valid_from"}},
		{"into a period", []Line{price("C", 1).from(hours(5))}, []string{"line 1, valid_from"}},
		{"around a period", []Line{price("C", 1).from(hours(3)).to(hours(7))}, []string{"line 1, valid_from"}},
		{"all faults at once", []Line{price("", -1).atLeast(0), price("D", 1), price("Y", maxAmountMinor+1)},
			[]string{"line 1, sku", "line 1, min_quantity", "line 1, amount_minor", "line 3, amount_minor"}},
	}
	for _, test := range tests {
		for _, dry := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, dry run %t", test.name, dry), func(t *testing.T) {
				_, err := s.SetPrices(t.Context(), PricesInput{By: by("ada"), List: "regular", Lines: numbered(test.lines...), DryRun: dry})
				wantFaults(t, err, test.want...)
			})
		}
	}
	_, err := s.SetPrices(t.Context(), PricesInput{By: By{Actor: "ada"}, List: "regular", Lines: numbered(price("A", 1))})
	wantFaults(t, err, "reason")
	_, err = s.try(t.Context(), "catalogue-EUR", price("A", 1))
	wantFaults(t, err, "list")
	if _, err := s.try(t.Context(), "nowhere", price("A", 1)); !errors.Is(err, ErrNotFound) {
		t.Errorf("no list: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestSetPrices_SaidAlready: what a list says already is left out, so that the same file again,
// and a download as it is, change nothing.
func TestSetPrices_SaidAlready(t *testing.T) {
	s := newShop(t)
	s.list(t, "regular", pricing.Regular)
	file := []Line{price("A", 900), price("A", 890).from(hours(2)), price("A", 880).from(hours(4)), price("B", 1900),
		price("C", 2900).from(hours(3)), endOf("D")}
	if p := s.set(t, "regular", file...); p.Effect.Unchanged != 1 || p.Effect.SKUs != 3 {
		t.Fatalf("the first time: %+v", p.Effect)
	}
	before := s.image(t)
	again := []Line{price("A", 890).from(hours(2)), price("A", 880).from(hours(4)), price("B", 1900), price("C", 2900).from(hours(3)),
		endOf("D"),
		price("A", 900).from(opening).to(hours(2))}
	s.clock.Set(hours(1))
	p := s.set(t, "regular", again...)
	if want := (Effect{Lines: 6, Unchanged: 6}); !cmp.Equal(want, p.Effect, cmpopts.EquateEmpty()) || p.Change.Status != "" {
		t.Errorf("the second time: %+v", p)
	}
	s.wantUnchanged(t, before)
	_, err := s.try(t.Context(), "regular", price("A", 901).from(opening).to(hours(2)))
	wantFaults(t, err, "line 1, valid_from")
}

func TestSetPrices_Effect(t *testing.T) {
	s := newShop(t)
	s.list(t, "costs", pricing.Cost, func(in *ListInput) { in.Currency = "USD" })
	s.set(t, "costs", price("A", 880), price("B", 880)) // 8 euro
	s.list(t, "sale", pricing.Sale)
	s.list(t, "dollars", pricing.Regular, func(in *ListInput) { in.Currency = "USD" })
	s.list(t, "regular", pricing.Regular)
	s.ApproveAbove = ApproveAbove{ChangeBP: 1 << 40, SKUs: 1 << 40}
	s.set(t, "regular", price("D", 5000))
	s.clock.Advance(time.Hour)

	dry := func(list string, lines ...Line) Effect {
		t.Helper()
		before := s.image(t)
		p := testkit.Must(s.SetPrices(t.Context(), PricesInput{List: list, Lines: numbered(lines...), DryRun: true}))(t)
		s.wantUnchanged(t, before)
		return p.Effect
	}
	tests := []struct {
		name string
		got  Effect
		want Effect
	}{
		{"rises, falls, the same, the end of one that has another behind it",
			dry("regular", price("A", 1250), price("B", 1500), price("C", 3000), endOf("D"), price("E", 5001), price("E", 4000).atLeast(10)),
			Effect{Lines: 6, SKUs: 5, Changed: 4, Unchanged: 1, Ended: 1,
				Rises: []Move{{1, "A", 1, 1000, 1250, 2500, 0}, {5, "E", 1, 5000, 5001, 2, 0}},
				Falls: []Move{{2, "B", 1, 2000, 1500, -2500, 0}, {4, "D", 1, 5000, 4000, -2000, 0}, {6, "E", 10, 5000, 4000, -2000, 0}}}},
		{"below cost", dry("sale", price("A", 799), price("B", 800), price("C", 1)),
			Effect{Lines: 3, SKUs: 3, Changed: 3, BelowCost: 1,
				Falls:      []Move{{3, "C", 1, 3000, 1, -9997, 0}, {2, "B", 1, 2000, 800, -6000, 0}, {1, "A", 1, 1000, 799, -2010, 0}},
				UnderCosts: []Move{{1, "A", 1, 1000, 799, -2010, 800}}}},
		{"against the price that is converted", dry("dollars", price("A", 1210)),
			Effect{Lines: 1, SKUs: 1, Changed: 1, Rises: []Move{{1, "A", 1, 1100, 1210, 1000, 0}}}},
		{"costs against costs", dry("costs", price("A", 968), price("C", 5)),
			Effect{Lines: 2, SKUs: 2, Changed: 1, New: 1, Rises: []Move{{1, "A", 1, 880, 968, 1000, 0}}}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, test.got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Effect{}, "Touched")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for i := range 30 {
		s.addGood(t, fmt.Sprintf("N%02d", i), 100)
	}
	var many []Line
	for i := range 30 {
		many = append(many, price(fmt.Sprintf("N%02d", i), int64(100+(i*7)%30)))
	}
	if e := dry("regular", many...); len(e.Rises) != 10 || e.Rises[0].NewMinor != 129 || e.Rises[9].NewMinor != 120 || e.Changed != 29 {
		t.Errorf("the largest of many: %+v", e)
	}
}

// addGood adds one SKU at a price.
func (s *shop) addGood(t testing.TB, sku string, euroMinor int64) {
	t.Helper()
	s.addGoods(t, sku)
	databasetest.Exec(t, s.DB, `UPDATE price_entries SET amount_minor = $2 WHERE sku = $1`, sku, euroMinor)
}

func TestSetPrices_Approval(t *testing.T) {
	tests := []struct {
		name  string
		limit ApproveAbove
		kind  pricing.Kind
		lines []Line
		want  string
	}{
		{"exactly the largest step", ApproveAbove{}, pricing.Regular, []Line{price("A", 1200), price("B", 1600)}, StatusApplied},
		{"a rise above it", ApproveAbove{}, pricing.Regular, []Line{price("E", 6001)}, StatusPending},
		{"a fall above it", ApproveAbove{}, pricing.Sale, []Line{price("E", 3999)}, StatusPending},
		{"at another limit", ApproveAbove{ChangeBP: 100}, pricing.Regular, []Line{price("A", 1011)}, StatusPending},
		{"below another limit", ApproveAbove{ChangeBP: 100}, pricing.Regular, []Line{price("A", 1010)}, StatusApplied},
		{"as many SKUs as may be", ApproveAbove{SKUs: 2}, pricing.Regular,
			[]Line{price("A", 1001), price("B", 2001), price("A", 1002).atLeast(5)}, StatusApplied},
		{"more SKUs", ApproveAbove{SKUs: 2}, pricing.Regular, []Line{price("A", 1001), price("B", 2001), price("C", 3001)}, StatusPending},
		{"always", ApproveAbove{ChangeBP: -1}, pricing.Regular, []Line{price("A", 1000)}, StatusPending},
		{"below cost", ApproveAbove{}, pricing.Regular, []Line{price("D", 3990)}, StatusPending},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.list(t, "costs", pricing.Cost)
			s.set(t, "costs", price("D", 3999))
			s.list(t, "list", test.kind)
			s.ApproveAbove = test.limit.withDefaults()
			p := s.set(t, "list", test.lines...)
			if p.Change.Status != test.want || p.Change.NeedsApproval != (test.want == StatusPending) {
				t.Errorf("it is %+v, want %s", p.Change, test.want)
			}
			entries := testkit.Must(s.Entries(t.Context(), EntryFilter{List: "list",
				PageFilter: database.PageFilter[EntryPosition]{Limit: 10}}))(t).Items
			if applied := len(entries) > 0; applied != (test.want == StatusApplied) {
				t.Errorf("the list has %+v", entries)
			}
		})
	}
}

// TestSetPrices_EndsLeavingNothing: where no other price is left, it takes two people.
func TestSetPrices_EndsLeavingNothing(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.DB, `DELETE FROM price_entries WHERE sku = 'A'`)
	s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 900), price("B", 1900))
	if p := s.set(t, "regular", endOf("A").from(hours(1))); p.Change.Status != StatusPending || p.Effect.WithoutPrice != 1 {
		t.Errorf("%+v", p)
	}
	if p := s.set(t, "regular", endOf("B").from(hours(1))); p.Change.Status != StatusApplied || p.Effect.WithoutPrice != 0 {
		t.Errorf("%+v", p)
	}
}

// The effect tells what a customer would pay before, during and after each line, and what would be left without a price.
func TestSetPrices_Touched(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.DB, `DELETE FROM price_entries WHERE sku = 'D'`)
	s.list(t, "regular", pricing.Regular)
	s.list(t, "sale", pricing.Sale)
	s.set(t, "regular", price("A", 900), price("B", 1900))
	s.set(t, "sale", price("B", 1850).from(hours(1)).to(hours(3)))
	s.clock.Advance(time.Minute)
	p, err := s.SetPrices(t.Context(), PricesInput{List: "regular", DryRun: true, Lines: numbered(
		price("A", 880).from(hours(1)).to(hours(2)), price("B", 1800).from(hours(2)), price("C", 2900).from(hours(2)).to(hours(3)),
		price("D", 500).to(hours(2)), endOf("A").from(hours(9)))})
	testkit.NoError(t, err)
	at := func(n int) *time.Time { return new(hours(n)) }
	want := []Touch{
		{1, "A", 1, hours(1), at(2), minor(900), minor(880), minor(900)},
		{5, "A", 1, hours(9), nil, minor(900), minor(1000), nil},  // the catalogue's again
		{2, "B", 1, hours(2), nil, minor(1850), minor(1800), nil}, // less than the sale
		{3, "C", 1, hours(2), at(3), minor(3000), minor(2900), minor(3000)},
		{4, "D", 1, s.clock.Now(), at(2), nil, minor(500), nil},
	}
	if diff := cmp.Diff(want, p.Effect.Touched, equalTimes); diff != "" {
		t.Errorf("touched (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[4:], p.Effect.LeftWithout, equalTimes); diff != "" || p.Effect.WithoutPrice != 1 || !p.NeedsApproval {
		t.Errorf("left without a price (-want +got):\n%s\n%+v", diff, p)
	}
}

func TestApprove(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.list(t, "regular", pricing.Regular)
	p := s.set(t, "regular", price("A", 500), price("B", 1).from(hours(2)))
	waiting := s.image(t)
	if _, err := s.Approve(ctx, p.Change.ID, "ada"); !errors.Is(err, ErrOwnChange) {
		t.Errorf("by who asked: %v", err)
	}
	if _, err := s.Approve(ctx, [16]byte{1}, "ben"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
	_, err := s.Approve(ctx, p.Change.ID, "")
	wantFaults(t, err, "actor")
	s.wantUnchanged(t, waiting)

	s.clock.Set(hours(1))
	approved := testkit.Must(s.Approve(ctx, p.Change.ID, "ben"))(t)
	if diff := cmp.Diff(testkit.Must(s.Change(ctx, p.Change.ID))(t), approved, equalTimes); diff != "" {
		t.Errorf("approved (-read +returned):\n%s", diff)
	}
	if approved.Status != StatusApplied || approved.RequestedBy != "ada" || approved.DecidedBy != "ben" ||
		!approved.DecidedAt.Equal(hours(1)) {
		t.Errorf("approved %+v", approved)
	}
	if got := append(s.periods(t, "regular", "A"), s.periods(t, "regular", "B")...); !cmp.Equal(got,
		[]string{"1: 500 [+1h, …)", "1: 1 [+2h, …)"}) {
		t.Errorf("in force %v", got)
	}
	done := s.image(t)
	if _, err := s.Approve(ctx, p.Change.ID, "cyd"); !errors.Is(err, ErrDecided) {
		t.Errorf("twice: %v", err)
	}
	if _, err := s.Reject(ctx, p.Change.ID, "cyd"); !errors.Is(err, ErrDecided) {
		t.Errorf("rejected after: %v", err)
	}
	s.wantUnchanged(t, done)
}

func TestReject(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.list(t, "regular", pricing.Regular)
	for _, who := range []string{"ben", "ada"} { // who asked may take it back
		p := s.set(t, "regular", price("A", 500))
		rejected := testkit.Must(s.Reject(ctx, p.Change.ID, who))(t)
		if rejected.Status != StatusRejected || rejected.DecidedBy != who {
			t.Errorf("rejected %+v", rejected)
		}
		if _, err := s.Approve(ctx, p.Change.ID, "cyd"); !errors.Is(err, ErrDecided) {
			t.Errorf("approved after: %v", err)
		}
	}
	if got := s.periods(t, "regular", "A"); got != nil {
		t.Errorf("in force %v", got)
	}
}

// TestApprove_Overtaken: what cannot be as it was proposed is refused as a whole.
func TestApprove_Overtaken(t *testing.T) {
	tests := []struct {
		name      string
		lines     []Line
		meanwhile func(t *testing.T, s *shop)
	}{
		{"its instant has come", []Line{price("A", 1).from(hours(1)), price("B", 1)}, func(_ *testing.T, s *shop) { s.clock.Set(hours(2)) }},
		{"the instant of an end has come", []Line{endOf("C").from(hours(1)), price("B", 1)},
			func(_ *testing.T, s *shop) { s.clock.Set(hours(2)) }},
		{"its time is over", []Line{price("A", 1).to(hours(1)), price("B", 1)}, func(_ *testing.T, s *shop) { s.clock.Set(hours(2)) }},
		{"a step of it has come", []Line{price("A", 1), price("A", 2).from(hours(1))}, func(_ *testing.T, s *shop) { s.clock.Set(hours(2)) }},
		{"another price is to come", []Line{price("A", 1), price("B", 1)},
			func(t *testing.T, s *shop) {
				s.clock.Advance(time.Minute)
				s.set(t, "regular", price("A", 900).from(hours(3)))
			}},
		{"another price begins at the same instant", []Line{price("A", 1).from(hours(3)), price("B", 1)},
			func(t *testing.T, s *shop) { s.set(t, "regular", price("A", 900).from(hours(3))) }},
		{"the price was changed", []Line{price("A", 1), price("B", 1)}, func(t *testing.T, s *shop) {
			s.clock.Set(hours(1))
			s.set(t, "regular", price("A", 1000))
		}},
		{"the price was ended", []Line{price("C", 1).from(hours(3)), price("B", 1)}, func(t *testing.T, s *shop) {
			s.clock.Set(hours(1))
			s.set(t, "regular", endOf("C"))
		}},
		{"a period is in the way", []Line{price("A", 1), price("B", 1)},
			func(t *testing.T, s *shop) {
				s.clock.Advance(time.Minute)
				s.set(t, "regular", price("A", 900).from(hours(3)).to(hours(4)))
			}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			s.list(t, "regular", pricing.Regular)
			s.set(t, "regular", price("C", 2900))
			p := s.set(t, "regular", test.lines...)
			if p.Change.Status != StatusPending {
				t.Fatalf("%+v", p)
			}
			test.meanwhile(t, s)
			before := s.image(t)
			if _, err := s.Approve(t.Context(), p.Change.ID, "ben"); !errors.Is(err, ErrOvertaken) {
				t.Errorf("approved: %v", err)
			}
			s.wantUnchanged(t, before)
		})
	}
}

// TestLate: with a lead, nothing is written that pods could not know of in time, by the
// database's clock, whatever the pod's own clock says.
func TestLate(t *testing.T) {
	s := newShop(t, func(c *Config) { c.Prices.Lead = 5 * time.Second })
	s.clock.Set(time.Now())
	s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 990))
	pending := s.set(t, "regular", price("B", 1))
	before := s.image(t)
	s.clock.Set(time.Now().Add(-time.Minute))
	if _, err := s.try(t.Context(), "regular", price("C", 2980)); !errors.Is(err, ErrOvertaken) {
		t.Errorf("prices: %v", err)
	}
	if _, err := s.Approve(t.Context(), pending.Change.ID, "ben"); !errors.Is(err, ErrOvertaken) {
		t.Errorf("approved: %v", err)
	}
	if _, err := s.SetRule(t.Context(), &RoundingRule{Name: "fives", ModulusMinor: 5, Mode: "half_up"}, time.Time{},
		by("ada")); !errors.Is(err, ErrOvertaken) {
		t.Errorf("rule: %v", err)
	}
	s.wantUnchanged(t, before)
	entries := testkit.Must(s.Entries(t.Context(), EntryFilter{List: "regular", SKU: "A",
		PageFilter: database.PageFilter[EntryPosition]{Limit: 9}}))(t).Items
	if len(entries) != 1 || time.Until(entries[0].Period.From) < time.Second {
		t.Errorf("in force %+v at %s", entries, time.Now())
	}
}

// TestTooSlow: pods would not find what a transaction of so long ago has changed.
func TestTooSlow(t *testing.T) {
	s := newShop(t)
	s.list(t, "regular", pricing.Regular)
	pending := s.set(t, "regular", price("B", 1))
	before := s.image(t)
	s.within = -time.Second
	if _, err := s.try(t.Context(), "regular", price("A", 980)); !errors.Is(err, ErrTooSlow) {
		t.Errorf("prices: %v", err)
	}
	if _, err := s.Approve(t.Context(), pending.Change.ID, "ben"); !errors.Is(err, ErrTooSlow) {
		t.Errorf("approved: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestApply_Again: a batch that is sent again, because nobody knows whether it happened, changes
// nothing where it did.
func TestApply_Again(t *testing.T) {
	s := newShop(t)
	s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 900), price("B", 1900), price("C", 2900).from(hours(5)))
	s.clock.Set(hours(1))
	lines := numbered(price("A", 890), endOf("B").from(hours(2)), endOf("C"), price("D", 3900).to(hours(9)))
	_, kept, own, err := s.effect(t.Context(), testkit.Must(s.List(t.Context(), "regular"))(t), lines, s.clock.Now())
	testkit.Must(0, err)(t)
	c := testkit.Must(s.newChange(KindPrices, "regular", by("ada"), nil, struct{}{}))(t)
	testkit.Must(s.applyPrices(t.Context(), By{}, c, "regular", kept, own))(t)
	before := s.image(t)
	delete(before, "products") // which are touched, for nothing
	s.clock.Set(hours(3))
	testkit.Must(s.applyPrices(t.Context(), By{}, c, "regular", kept, own))(t)
	after := s.image(t)
	delete(after, "products")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the tables changed (-before +after):\n%s", diff)
	}
}

func TestChangeLines(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 900), price("B", 1900), price("E", 5100))
	s.clock.Advance(time.Minute)
	p := s.set(t, "regular", price("A", 400), endOf("B").from(hours(3)), price("C", 2900).from(hours(3)).to(hours(4)),
		price("E", 4900).from(hours(3)).to(hours(4)))
	was := []*int64{minor(900), minor(1900), nil}
	check := func(when string, from time.Time) {
		t.Helper()
		want := []ChangeLine{
			{Line{1, "A", 1, minor(400), from, time.Time{}}, was[0], nil},
			{Line{2, "B", 1, nil, hours(3), time.Time{}}, was[1], nil},
			{Line{3, "C", 1, minor(2900), hours(3), hours(4)}, was[2], nil},
			{Line{4, "E", 1, minor(4900), hours(3), hours(4)}, minor(5100), minor(5100)},
		}
		if diff := cmp.Diff(want, testkit.Must(s.ChangeLines(ctx, p.Change.ID, database.PageFilter[int64]{Limit: 10}))(t).Items,
			equalTimes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("pending", time.Time{})
	s.clock.Set(hours(1))
	testkit.Must(s.Approve(ctx, p.Change.ID, "ben"))(t)
	check("applied", hours(1))
	s.clock.Set(hours(2))
	s.set(t, "regular", price("A", 440))
	check("later", hours(1))
	first := int64(1)
	if page := testkit.Must(s.ChangeLines(ctx, p.Change.ID, database.PageFilter[int64]{After: &first, Limit: 1}))(t).Items; len(page) != 1 ||
		page[0].No != 2 {
		t.Errorf("a page: %+v", page)
	}
	for _, list := range testkit.Must(s.Changes(ctx, ChangeFilter{Kind: KindList,
		PageFilter: database.PageFilter[ChangePosition]{Limit: 1}}))(t).Items {
		if lines := testkit.Must(s.ChangeLines(ctx, list.ID, database.PageFilter[int64]{Limit: 10}))(t).Items; len(lines) != 0 {
			t.Errorf("a list's lines: %+v", lines)
		}
	}
}

func TestChanges(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	s.list(t, "one", pricing.Regular)
	s.list(t, "two", pricing.Regular)
	s.clock.Advance(time.Minute)
	s.set(t, "one", price("A", 990))
	s.clock.Advance(time.Minute)
	s.set(t, "two", price("A", 10))
	count := func(f ChangeFilter) int {
		f.Limit = 10
		return len(testkit.Must(s.Changes(ctx, f))(t).Items)
	}
	for name, test := range map[string]struct {
		filter ChangeFilter
		want   int
	}{
		"all": {ChangeFilter{}, 4}, "a kind": {ChangeFilter{Kind: KindPrices}, 2}, "a subject": {ChangeFilter{Subject: "two"}, 2},
		"a status": {ChangeFilter{Status: StatusPending}, 1}, "all of them": {ChangeFilter{Kind: KindPrices, Subject: "one",
			Status: StatusPending}, 0},
	} {
		if got := count(test.filter); got != test.want {
			t.Errorf("%s: %d, want %d", name, got, test.want)
		}
	}
	var seen []string
	one := database.PageFilter[ChangePosition]{Limit: 1}
	for more := true; more; more = one.After != nil {
		page := testkit.Must(s.Changes(ctx, ChangeFilter{PageFilter: one}))(t)
		seen = append(seen, page.Items[0].Kind)
		one.After = page.Next
	}
	if diff := cmp.Diff([]string{KindPrices, KindPrices, KindList, KindList}, seen); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
}

// TestSetPrices_Large gives 50,000 SKUs prices, and then once more with one line that is wrong.
func TestSetPrices_Large(t *testing.T) {
	const n = 50_000
	s := newShop(t, func(c *Config) { c.ApproveAbove = ApproveAbove{ChangeBP: 1 << 40, SKUs: n} })
	s.within = testkit.Patience // a busy machine is no fault
	s.list(t, "regular", pricing.Regular)
	skus := make([]string, n)
	var file strings.Builder
	file.WriteString("sku,min_quantity,amount_minor,valid_from,valid_to\n")
	for i := range skus {
		skus[i] = fmt.Sprintf("S%06d", i)
		fmt.Fprintf(&file, "%s,1,%d,,\n", skus[i], 1000*(i+6)+i%100)
	}
	s.addGoods(t, skus...)
	begun := time.Now()
	lines := testkit.Must(ReadLines(strings.NewReader(file.String()), FormatCSV))(t)
	read := time.Now()
	p := testkit.Must(s.SetPrices(t.Context(), PricesInput{By: by("ada"), List: "regular", Lines: lines}))(t)
	t.Logf("%d lines: read in %s, applied in %s", n, read.Sub(begun), time.Since(read))
	if p.Change.Status != StatusApplied || p.Effect.SKUs != n {
		t.Fatalf("%+v", p)
	}

	before := s.image(t)
	broken := strings.Replace(file.String(), "S039998,1,", "S039998,x,", 1) // a header, and lines from 2 on
	_, err := ReadLines(strings.NewReader(broken), FormatCSV)
	wantFaults(t, err, "line 40000, min_quantity")
	unknown := testkit.Must(ReadLines(strings.NewReader(strings.Replace(file.String(), "S039998,", "NOSUCH,", 1)), FormatCSV))(t)
	_, err = s.SetPrices(t.Context(), PricesInput{By: by("ada"), List: "regular", Lines: unknown})
	wantFaults(t, err, "line 40000, sku")
	s.wantUnchanged(t, before)
}

// TestSetPrices_Concurrently has several people change one list at once: whatever is applied,
// periods never overlap, and who was told that it was applied was told the truth.
func TestSetPrices_Concurrently(t *testing.T) {
	s := newShop(t, func(c *Config) { c.ApproveAbove = ApproveAbove{ChangeBP: 1 << 40, SKUs: 1 << 20} })
	s.list(t, "regular", pricing.Regular)
	var running sync.WaitGroup
	var mu sync.Mutex
	applied := make(map[string]bool)
	for writer := range 4 {
		random := rand.New(rand.NewPCG(uint64(writer), 7))
		running.Go(func() {
			for i := range 12 {
				lines := randomLines(random.IntN, opening, 1+random.IntN(4))
				in := PricesInput{By: by(fmt.Sprintf("writer %d", writer)), List: "regular", Lines: numbered(lines...)}
				p, err := s.SetPrices(t.Context(), in)
				var invalid *invalid.Error
				switch {
				case err == nil:
					mu.Lock()
					applied[p.Change.PublicID()] = p.Change.Status == StatusApplied
					mu.Unlock()
				case !errors.Is(err, ErrOvertaken) && !errors.As(err, &invalid):
					t.Errorf("writer %d, change %d: %v", writer, i, err)
				}
			}
		})
	}
	running.Wait()
	if len(applied) == 0 {
		t.Error("nothing was applied")
	}
	s.wantApart(t)
	for _, e := range testkit.Must(s.Entries(t.Context(), EntryFilter{List: "regular",
		PageFilter: database.PageFilter[EntryPosition]{Limit: 5000}}))(t).Items {
		if e.ChangeID == nil || !applied[regions.FormatGlobalID(regions.ChangePrefix, *e.ChangeID)] {
			t.Errorf("%+v is of no change that was applied", e)
		}
	}
}

// randomLines are prices and ends of two SKUs at instants of the hours to come, and sometimes of
// those that are over, which is refused.
func randomLines(intn func(n int) int, now time.Time, n int) []Line {
	lines := make([]Line, n)
	for i := range lines {
		l := price([]string{"A", "B"}[intn(2)], int64(100+intn(900)))
		if intn(3) > 0 {
			l.From = now.Add(time.Duration(intn(12)) * time.Hour)
			if intn(12) == 0 {
				l.From = l.From.Add(-12 * time.Hour)
			}
		}
		if intn(3) == 0 {
			l.To = database.Later(l.From, now).Add(time.Duration(1+intn(5)) * time.Hour)
		}
		if intn(5) == 0 {
			l.MinQuantity = 10
		}
		if intn(4) == 0 {
			l.AmountMinor, l.To = nil, time.Time{}
		}
		lines[i] = l
	}
	return lines
}

// wantApart fails the test where two periods of a SKU, a list and a quantity overlap.
func (s *shop) wantApart(t testing.TB) {
	t.Helper()
	overlaps := testkit.Must(database.List(t.Context(), s.DB, pgx.RowTo[string], `
SELECT a.sku || ' ' || a.list || ' ' || a.min_quantity || ' from ' || a.valid_from || ' and ' || b.valid_from
FROM price_entries a
JOIN price_entries b ON b.sku = a.sku AND b.list = a.list AND b.min_quantity = a.min_quantity AND b.valid_from > a.valid_from
WHERE (a.valid_to IS NULL OR a.valid_to > b.valid_from) AND (b.valid_to IS NULL OR b.valid_to > b.valid_from)`))(t)
	for _, o := range overlaps {
		t.Errorf("prices overlap: %s", o)
	}
}

// TestHistory asks for prices of moments that are over while random changes are applied, and
// asks again in the end: what was in force never changes, and nothing overlaps.
func TestHistory(t *testing.T) {
	s := newShop(t, func(c *Config) { c.ApproveAbove = ApproveAbove{ChangeBP: 1 << 40, SKUs: 1 << 20} })
	s.list(t, "regular", pricing.Regular)
	s.list(t, "sale", pricing.Sale, func(in *ListInput) { in.Market = "eu" })
	s.list(t, "b2b", pricing.Regular, func(in *ListInput) { in.Group = "wholesale" })
	type question struct {
		sku, market, group string
		currency           money.Currency
		quantity           int64
		at                 time.Time
	}
	told := make(map[question]int64)
	ask := func(t testing.TB, q question) int64 {
		return s.unitFor(t, q.sku, q.quantity, q.market, q.currency, q.group, q.at)
	}
	random := rand.New(rand.NewPCG(4, 2))
	intn := random.IntN
	var pending []Change
	applied := 0
	for range 300 {
		s.clock.Advance(time.Duration(intn(4*60)) * time.Minute)
		switch intn(8) {
		case 0:
			m := swiss(func(m *MarketRule) { m.Multiplier = money.NewDecimal(int64(100+intn(10)), 2) })
			testkit.Must(s.SetRule(t.Context(), m, s.clock.Now().Add(time.Duration(intn(3))*time.Hour), by("ada")))(t)
		case 1:
			list := testkit.Must(s.List(t.Context(), "sale"))(t)
			end := s.clock.Now().Add(time.Duration(5+intn(50)) * time.Hour)
			if intn(2) == 0 {
				end = time.Time{}
			}
			_, err := s.UpdateList(t.Context(), ListUpdate{By: by("ada"), Code: "sale", Version: list.Version, To: &end})
			if err != nil && !errors.As(err, new(*invalid.Error)) {
				t.Fatal(err)
			}
		case 2:
			s.ApproveAbove.ChangeBP = -1
			if p, err := s.try(t.Context(), "regular", randomLines(intn, s.clock.Now(), 2)...); err == nil && p.Change.Status == StatusPending {
				pending = append(pending, p.Change)
			}
			s.ApproveAbove.ChangeBP = 1 << 40
		case 3:
			if len(pending) > 0 {
				if _, err := s.Approve(t.Context(), pending[0].ID, "ben"); err != nil && !errors.Is(err, ErrOvertaken) {
					t.Fatal(err)
				}
				pending = pending[1:]
			}
		default:
			list := []string{"regular", "sale", "b2b"}[intn(3)]
			if _, err := s.try(t.Context(), list, randomLines(intn, s.clock.Now(), 1+intn(4))...); err == nil {
				applied++
			}
		}
		q := question{
			sku: []string{"A", "B"}[intn(2)], group: []string{"", "wholesale"}[intn(2)], quantity: []int64{1,
				10}[intn(2)], market: "eu", currency: "EUR",
			at: s.clock.Now().Add(-time.Duration(1+intn(24*60)) * time.Minute),
		}
		if intn(3) == 0 {
			q.market, q.currency = "ch", "CHF"
		}
		if _, known := told[q]; !known && len(told) < 120 {
			told[q] = ask(t, q)
		}
	}
	if applied < 30 {
		t.Errorf("only %d changes were applied", applied)
	}
	for q, want := range told {
		if got := ask(t, q); got != want {
			t.Errorf("%+v costs %d now, and was %d", q, got, want)
		}
	}
	s.wantApart(t)
}

func TestChangeBP(t *testing.T) {
	for _, test := range []struct{ before, after, want int64 }{
		{100, 120, 2000}, {100, 80, -2000}, {3, 4, 3334}, {3, 2, -3334}, {100_000, 120_001, 2001}, {100_000, 79_999, -2001},
		{0, 5, 10_000}, {5, 0, -10_000}, {1, 1 << 62, maxAmountMinor}, {1 << 62, 0, -10_000},
	} {
		if got := changeBP(test.before, test.after); got != test.want {
			t.Errorf("from %d to %d it is %d, want %d", test.before, test.after, got, test.want)
		}
	}
}
