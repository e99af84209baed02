package finance

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// swiss is the market as the shop begins with it, changed.
func swiss(changes ...func(*MarketRule)) *MarketRule {
	m := &MarketRule{Code: "ch", Title: "Switzerland", Countries: []string{"CH", "LI"}, Currency: "CHF", PricesIncludeTax: true,
		Multiplier: money.NewDecimal(1, 0), Rounding: map[money.Currency]string{"CHF": "cash-5"}}
	for _, change := range changes {
		change(m)
	}
	return m
}

// coupon is a promotion of ten percent, changed.
func coupon(changes ...func(*PromotionRule)) *PromotionRule {
	p := &PromotionRule{ID: "spring", Title: "Spring", Coupon: " spring10 ", Spec: jsontext.Value(`{"kind":"percentage","percent_bp":1000}`)}
	for _, change := range changes {
		change(p)
	}
	return p
}

func spec(text string) func(*PromotionRule) {
	return func(p *PromotionRule) { p.Spec = jsontext.Value(text) }
}

func tax(country, state, percent string) *TaxRule {
	rate, err := money.ParseDecimal(percent)
	if err != nil {
		panic(err)
	}
	return &TaxRule{Country: country, State: state, Category: "standard", RatePercent: rate, Source: "the law"}
}

// TestSetRule: which steps one person may take, and what the audit says of them.
func TestSetRule(t *testing.T) {
	const nothing = `{}`
	tests := []struct {
		name   string
		rule   rule
		status string
		old    string // a part of it
	}{
		{"a market's title", swiss(func(m *MarketRule) { m.Title = "Schweiz" }), StatusApplied, `"title":"Switzerland"`},
		{"a market's multiplier, a little", swiss(func(m *MarketRule) { m.Multiplier = money.NewDecimal(12, 1) }), StatusApplied,
			`"multiplier":"1"`},
		{"a market's multiplier, too much", swiss(func(m *MarketRule) { m.Multiplier = money.NewDecimal(12001, 4) }), StatusPending,
			`"multiplier":"1"`},
		{"whether a market's prices include tax", swiss(func(m *MarketRule) { m.PricesIncludeTax = false }), StatusPending,
			`"prices_include_tax":true`},
		{"a market's rounding", swiss(func(m *MarketRule) { m.Rounding = nil }), StatusPending, `"CHF":"cash-5"`},
		{"a market's countries", swiss(func(m *MarketRule) { m.Countries = []string{"CH"} }), StatusPending, `"LI"`},
		{"a market's countries in another order", swiss(func(m *MarketRule) { m.Countries = []string{"LI", "CH"} }), StatusApplied, `"LI"`},
		{"a new market", &MarketRule{Code: "br", Title: "Brazil", Countries: []string{"BR"}, Currency: "BRL",
			Multiplier: money.NewDecimal(1, 0)}, StatusPending, nothing},
		{"a rounding rule that markets use", &RoundingRule{"cash-5", 10, 0, money.HalfUp}, StatusPending, `"modulus_minor":5`},
		{"a rounding rule that none uses", &RoundingRule{"whole", 500, 0, money.HalfEven}, StatusApplied, `"modulus_minor":100`},
		{"a new rounding rule", &RoundingRule{"fifty", 50, 49, money.HalfEven}, StatusApplied, nothing},
		{"a tax, a little", tax("CH", "", "8.5"), StatusApplied, `"rate_percent":"8.1"`},
		{"a tax, too much", tax("CH", "", "28.101"), StatusPending, `"rate_percent":"8.1"`},
		{"a new tax", tax("CH", "ZH", "14.975"), StatusApplied, nothing},
		{"a new tax, too much", tax("CH", "ZH", "20.001"), StatusPending, nothing},
		{"a promotion", coupon(), StatusApplied, nothing},
		{"a large promotion", coupon(spec(`{"kind":"percentage","percent_bp":2001}`)), StatusPending, nothing},
		{"an amount off anything", coupon(spec(`{"kind":"amount","amounts":{"EUR":100}}`)), StatusPending, nothing},
		{"an amount off enough", coupon(spec(`{"kind":"amount","amounts":{"EUR":100,"CHF":95},"conditions":{"min_subtotals":{"EUR":500,"CHF":500}}}`)), StatusApplied, nothing},
		{"an amount off too little in one currency", coupon(spec(`{"kind":"amount","amounts":{"EUR":100,"CHF":101},"conditions":{"min_subtotals":{"EUR":500,"CHF":500}}}`)), StatusPending, nothing},
		{"four for three", coupon(spec(`{"kind":"buy_x_get_y","buy":3,"get":1}`)), StatusPending, nothing},
		{"the fifth free", coupon(spec(`{"kind":"buy_x_get_y","buy":4,"get":1}`)), StatusApplied, nothing},
		{"free shipping", coupon(spec(`{"kind":"free_shipping"}`)), StatusApplied, nothing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t)
			before := s.image(t)
			c := testkit.Must(s.SetRule(t.Context(), test.rule, hours(2), by("ada")))(t)
			if diff := cmp.Diff(testkit.Must(s.Change(t.Context(), c.ID))(t).Status, test.status); diff != "" || c.Status != test.status {
				t.Errorf("it is %s (-read +want):\n%s", c.Status, diff)
			}
			if old := compact(t, c.Old); !strings.Contains(old, test.old) || test.old == nothing && old != nothing {
				t.Errorf("it was %s, want %s", old, test.old)
			}
			if c.NeedsApproval {
				after := s.image(t)
				for _, table := range []string{"markets", "rounding_rules", "tax_rates", "promotions", "pricing_state"} {
					if !cmp.Equal(before[table], after[table]) {
						t.Errorf("%s changed before anybody approved", table)
					}
				}
				c = testkit.Must(s.Approve(t.Context(), c.ID, "ben"))(t)
			}
			if c.Status != StatusApplied || c.RequestedBy != "ada" || c.Reason != "because ada says so" {
				t.Errorf("the audit: %+v", c)
			}
			wantInForce(t, s, test.rule, c)
		})
	}
}

func compact(t testing.TB, raw jsontext.Value) string {
	t.Helper()
	var value any
	testkit.NoError(t, json.Unmarshal(raw, &value))
	return string(testkit.Must(json.Marshal(value))(t))
}

// wantInForce fails the test unless the rule is in force from two hours after the opening on, and
// not before.
func wantInForce(t testing.TB, s *shop, r rule, c Change) {
	t.Helper()
	rules := testkit.Must(s.rules(t.Context()))(t)
	at, justBefore := hours(2), hours(2).Add(-time.Microsecond)
	var got, earlier any
	switch r := r.(type) {
	case *MarketRule:
		m := testkit.Must(rules.Market(r.Code, at))(t)
		got = newMarketRule(m)
		if before, err := rules.Market(r.Code, justBefore); err == nil {
			earlier = newMarketRule(before)
		}
	case *RoundingRule:
		m, _ := rules.Rounding(r.Name, at)
		got = RoundingRule{m.Name, m.Modulus, m.Ending, m.Mode}
		if before, ok := rules.Rounding(r.Name, justBefore); ok {
			earlier = RoundingRule{before.Name, before.Modulus, before.Ending, before.Mode}
		}
	case *TaxRule:
		record := func(rate *pricing.TaxRate) any {
			if rate == nil {
				return nil
			}
			return TaxRule{rate.Country, rate.State, rate.Category, money.NewDecimal(rate.RateMPct, 3), rate.Source}
		}
		dest := pricing.Destination{Country: r.Country, State: r.State}
		got, earlier = record(rules.Tax(dest, r.Category, at)), record(rules.Tax(dest, r.Category, justBefore))
	case *PromotionRule:
		p, _ := rules.Promotions.Version(r.ID, at)
		encoded := testkit.Must(p.Spec.Encode())(t)
		got = PromotionRule{ID: p.ID, Title: p.Title, Coupon: p.Coupon, Spec: jsontext.Value(encoded)}
	}
	var raw struct {
		From *time.Time     `json:"valid_from"`
		Rule jsontext.Value `json:"rule"`
	}
	testkit.NoError(t, json.Unmarshal(c.New, &raw))
	if raw.From == nil || !raw.From.Equal(at) {
		t.Errorf("from %v", raw.From)
	}
	if diff := cmp.Diff(compact(t, raw.Rule), compact(t, testkit.Must(json.Marshal(got))(t))); diff != "" {
		t.Errorf("in force (-audit +rules):\n%s", diff)
	}
	if earlier == nil {
		earlier = struct{}{}
	}
	if diff := cmp.Diff(compact(t, c.Old), compact(t, testkit.Must(json.Marshal(earlier))(t))); diff != "" {
		t.Errorf("in force before (-audit +rules):\n%s", diff)
	}
}

func TestSetRule_Refused(t *testing.T) {
	s := newShop(t)
	before := s.image(t)
	tests := []struct {
		name string
		rule rule
		want []string
	}{
		{"a code", swiss(func(m *MarketRule) { m.Code = "C H" }), []string{"code", "countries[0]", "countries[1]"}},
		{"a title", swiss(func(m *MarketRule) { m.Title = "\n" }), []string{"title"}},
		{"a currency", swiss(func(m *MarketRule) { m.Currency = "ABC" }), []string{"currency"}},
		{"a multiplier of nothing", swiss(func(m *MarketRule) { m.Multiplier = money.Decimal{} }), []string{"multiplier"}},
		{"a multiplier with too many decimals", swiss(func(m *MarketRule) { m.Multiplier = money.NewDecimal(100001, 5) }),
			[]string{"multiplier"}},
		{"a rounding rule that is not there", swiss(func(m *MarketRule) { m.Rounding = map[money.Currency]string{"": "nothing"} }),
			[]string{"rounding."}},
		{"a rounding for no currency", swiss(func(m *MarketRule) { m.Rounding = map[money.Currency]string{"XYZ": "exact"} }),
			[]string{"rounding"}},
		{"a country", swiss(func(m *MarketRule) { m.Countries = []string{"ch"} }), []string{"countries[0]"}},
		{"a country twice", swiss(func(m *MarketRule) { m.Countries = []string{"CH", "CH"} }), []string{"countries[1]"}},
		{"a country of another market", swiss(func(m *MarketRule) { m.Countries = []string{"CH", "DE"} }), []string{"countries[1]"}},
		{"the rest of the world twice", swiss(func(m *MarketRule) { m.Countries = nil }), []string{"countries"}},
		{"a rounding rule's name", &RoundingRule{"", 5, 0, money.HalfUp}, []string{"name"}},
		{"a rounding rule's ending", &RoundingRule{"odd", 5, 5, money.HalfUp}, []string{"ending_minor"}},
		{"a tax on nowhere", tax("Switzerland", "", "8"), []string{"country"}},
		{"a tax in a state by name", tax("US", "Texas", "8"), []string{"state"}},
		{"a tax with too many decimals", tax("CH", "", "8.1234"), []string{"rate_percent"}},
		{"a negative tax", tax("CH", "", "-1"), []string{"rate_percent"}},
		{"a tax on nothing", &TaxRule{Country: "CH", Category: "zero", Source: "the law"}, []string{"category"}},
		{"a promotion's id and title", coupon(func(p *PromotionRule) { p.ID, p.Title = "Spring 10", "" }), []string{"code", "title"}},
		{"a promotion without what it gives", coupon(spec(``)), []string{"spec"}},
		{"a promotion of an unknown kind", coupon(spec(`{"kind":"gift"}`)), []string{"spec.kind"}},
		{"a promotion with a condition that nobody knows", coupon(spec(`{"kind":"free_shipping","conditions":{"weekday":"monday"}}`)),
			[]string{"spec"}},
		{"a promotion in a market that there is not", coupon(spec(`{"kind":"free_shipping","conditions":{"markets":["eu","narnia"]}}`)),
			[]string{"spec.conditions.markets[1]"}},
		{"a promotion that is over before it begins", coupon(func(p *PromotionRule) { at := hours(1); p.ValidTo = &at }), []string{"valid_to"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := s.SetRule(t.Context(), test.rule, hours(2), by("ada"))
			wantFaults(t, err, test.want...)
		})
	}
	_, err := s.SetRule(t.Context(), coupon(), opening.Add(-time.Second), By{})
	wantFaults(t, err, "actor", "reason", "valid_from")
	if _, err := s.EndPromotion(t.Context(), "nothing", time.Time{}, by("ada")); !errors.Is(err, ErrNotFound) {
		t.Errorf("the end of no promotion: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestSetRule_Versions: a version is closed where the next begins, and one that was to come
// never does; what was in force stays.
func TestSetRule_Versions(t *testing.T) {
	s := newShop(t)
	s.ApproveAbove.ChangeBP = 1 << 20
	set := func(percent string, from time.Time) {
		testkit.Must(s.SetRule(t.Context(), tax("IE", "", percent), from, by("ada")))(t)
	}
	set("24", hours(2))
	set("26", hours(6))
	s.clock.Set(hours(1))
	set("25", hours(4))
	s.clock.Set(hours(4))
	set("20", time.Time{})
	set("21", time.Time{}) // at the same instant
	rules := testkit.Must(s.rules(t.Context()))(t)
	for at, want := range map[time.Time]int64{opening: 23_000, hours(2): 24_000, hours(4): 21_000, hours(9): 21_000} {
		if got := rules.Tax(pricing.Destination{Country: "IE"}, "standard", at); got == nil || got.RateMPct != want {
			t.Errorf("at %s the tax is %+v, want %d", at, got, want)
		}
	}
}

func TestEndPromotion(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	testkit.Must(s.SetRule(ctx, coupon(), time.Time{}, by("ada")))(t)
	s.clock.Set(hours(1))
	c := testkit.Must(s.EndPromotion(ctx, "spring", hours(3), by("ben")))(t)
	if c.Status != StatusApplied || !strings.Contains(compact(t, c.Old), `"coupon":"SPRING10"`) ||
		!strings.Contains(compact(t, c.New), `"end":true`) {
		t.Errorf("the audit: %s, %s", c.Old, c.New)
	}
	for at, want := range map[time.Time]bool{hours(2): true, hours(3): false} {
		if _, err := s.Promotions.Get(ctx, "spring", at); (err == nil) != want {
			t.Errorf("in force at %s: %v, want %t", at, err, want)
		}
	}
}

// TestApproveRule_Refused: what was right when it was proposed is looked at again.
func TestApproveRule_Refused(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	brazil := func(code string) *MarketRule {
		return &MarketRule{Code: code, Title: "Brazil", Countries: []string{"BR"}, Currency: "BRL", Multiplier: money.NewDecimal(1, 0)}
	}
	first := testkit.Must(s.SetRule(ctx, brazil("br"), time.Time{}, by("ada")))(t)
	second := testkit.Must(s.SetRule(ctx, brazil("brazil"), time.Time{}, by("ada")))(t)
	third := testkit.Must(s.SetRule(ctx, swiss(func(m *MarketRule) { m.Rounding = nil }), hours(1), by("ada")))(t)
	if _, err := s.Approve(ctx, first.ID, "ada"); !errors.Is(err, ErrOwnChange) {
		t.Errorf("by who asked: %v", err)
	}
	testkit.Must(s.Approve(ctx, first.ID, "ben"))(t)
	s.clock.Set(hours(2))
	before := s.image(t)
	_, err := s.Approve(ctx, second.ID, "ben")
	wantFaults(t, err, "countries[0]")
	if _, err := s.Approve(ctx, third.ID, "ben"); !errors.Is(err, ErrOvertaken) {
		t.Errorf("after its instant: %v", err)
	}
	s.wantUnchanged(t, before)
	testkit.Must(s.Reject(ctx, second.ID, "ben"))(t)
}

// TestApproveRule_Overtaken: who approves sees the step from what was; another step in between
// makes it another one.
func TestApproveRule_Overtaken(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	multiplied := func(percent int64) *MarketRule {
		return swiss(func(m *MarketRule) { m.Multiplier = money.NewDecimal(percent, 2) })
	}
	large := testkit.Must(s.SetRule(ctx, multiplied(150), time.Time{}, by("ada")))(t)
	if large.Status != StatusPending {
		t.Fatalf("%+v", large)
	}
	s.clock.Set(hours(1))
	if small := testkit.Must(s.SetRule(ctx, multiplied(110), time.Time{}, by("ben")))(t); small.Status != StatusApplied {
		t.Fatalf("%+v", small)
	}
	before := s.image(t)
	if _, err := s.Approve(ctx, large.ID, "ben"); !errors.Is(err, ErrOvertaken) {
		t.Errorf("approved: %v", err)
	}
	s.wantUnchanged(t, before)
}

// TestSetRule_Concurrently: two people give one country to two markets at once, and one gets it.
func TestSetRule_Concurrently(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	var ids []uuid.UUID
	for _, code := range []string{"br", "brazil", "brasil"} {
		c := testkit.Must(s.SetRule(ctx, &MarketRule{Code: code, Title: "Brazil", Countries: []string{"BR"}, Currency: "BRL",
			Multiplier: money.NewDecimal(1, 0)}, time.Time{}, by("ada")))(t)
		ids = append(ids, c.ID)
	}
	results := make(chan error, len(ids))
	for _, id := range ids {
		go func() {
			_, err := s.Approve(ctx, id, "ben")
			results <- err
		}()
	}
	applied := 0
	for range ids {
		switch err := <-results; {
		case err == nil:
			applied++
		case !errors.As(err, new(*invalid.Error)):
			t.Error(err)
		}
	}
	if applied != 1 {
		t.Errorf("%d markets have the country", applied)
	}
}

func TestSetCustomerGroup(t *testing.T) {
	s := newShop(t)
	ctx := t.Context()
	account := regions.Ref{Region: "eu-west", ID: uuid.MustParse("11111111-1111-4111-8111-111111111111")}
	databasetest.Exec(t, s.DB, `
INSERT INTO accounts (region, id, email, email_hash, name, country, password_hash)
VALUES ('eu-west', $1, 'kim@example.com', '\x01', 'Kim', 'IE', 'x')`, account.ID)
	in := GroupInput{By: by("ada"), Account: account, Subject: "acc_euw_x", Group: "wholesale"}
	first := testkit.Must(s.SetCustomerGroup(ctx, in))(t)
	in.Group = ""
	second := testkit.Must(s.SetCustomerGroup(ctx, in))(t)
	for c, want := range map[*Change][2]string{
		&first:  {`{"customer_group":""}`, `{"customer_group":"wholesale"}`},
		&second: {`{"customer_group":"wholesale"}`, `{"customer_group":""}`},
	} {
		if got := [2]string{compact(t, c.Old), compact(t, c.New)}; got != want || c.Subject != "acc_euw_x" || c.Kind != KindGroup ||
			c.Status != StatusApplied {
			t.Errorf("the audit has %v of %+v, want %v", got, c, want)
		}
	}
	if got := databasetest.One[string](t, s.DB, `SELECT customer_group || version::text FROM accounts`); got != "3" {
		t.Errorf("the account's group and version are %q", got)
	}
	databasetest.Exec(t, s.DB, `UPDATE accounts SET status = 'closed'`)
	before := s.image(t)
	in.Group = "Big Buyers"
	_, err := s.SetCustomerGroup(ctx, in)
	wantFaults(t, err, "customer_group")
	in.Group, in.Account.Region = "wholesale", "us-east"
	if _, err := s.SetCustomerGroup(ctx, in); !errors.Is(err, ErrNotFound) {
		t.Errorf("no account: %v", err)
	}
	in.Account.Region = "eu-west"
	if _, err := s.SetCustomerGroup(ctx, in); !errors.Is(err, ErrNotFound) {
		t.Errorf("a closed account: %v", err)
	}
	s.wantUnchanged(t, before)
}
