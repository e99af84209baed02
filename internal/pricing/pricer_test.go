package pricing

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/money"
	"meridian/internal/pricing/changes"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// pods is the prices of one database as pods see it, all by one clock.
type pods struct {
	url   string
	db    *database.DB // that of nobody's pod
	clock *testkit.Clock
}

func newPods(t *testing.T) *pods {
	t.Helper()
	s := &pods{url: databasetest.URL(t), clock: testkit.RunningClock()}
	s.db = databasetest.Open(t, s.url, "eu-west")
	seedGoods(t, s.db)
	return s
}

// pod is a pod's prices in a region. With a lead it remembers what it has polled.
func (s *pods) pod(t *testing.T, region string, lead time.Duration) *Pricer {
	t.Helper()
	return testkit.Must(New(Config{DB: databasetest.Open(t, s.url, region), Key: testKey, Lead: lead, Now: s.clock.Now}))(t)
}

func (s *pods) set(t *testing.T, lead time.Duration, prices ...Price) {
	t.Helper()
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { QueueSet(b, prices, lead); return nil }))
}

func (p *Pricer) poll(t *testing.T) {
	t.Helper()
	testkit.NoError(t, p.PollOnce(t.Context()))
}

// costs is what a unit of SKU A costs in euro in Ireland at a moment.
func costs(t *testing.T, ctx context.Context, p *Pricer, at time.Time) int64 {
	t.Helper()
	snapshot := testkit.Must(p.Lookup(ctx, []string{"A"}, at))(t)
	market := testkit.Must(snapshot.Rules.MarketOf("IE", at))(t)
	return testkit.Must(snapshot.Rules.Unit(snapshot.SKUs["A"], Ask{Market: market, Currency: "EUR", At: at}, 1))(t).AmountMinor
}

// TestLookup_RoundTrips: none for what is in memory, one for anything else.
func TestLookup_RoundTrips(t *testing.T) {
	s := newPods(t)
	s.set(t, 0, price("A", "EUR", 100), price("B", "EUR", 200))
	databasetest.Exec(t, s.db, `UPDATE price_entries SET valid_from = '2024-01-01', changed_at = '2024-01-01'`)
	databasetest.Exec(t, s.db, `UPDATE products SET updated_at = '2024-01-01'`)
	p := s.pod(t, "eu-west", DefaultLead)
	see := func(what string, want int64, at time.Time, skus ...string) {
		t.Helper()
		databasetest.WantTrips(t, what, want, func(ctx context.Context) {
			snapshot := testkit.Must(p.Lookup(ctx, skus, at))(t)
			got := slices.Sorted(maps.Keys(snapshot.SKUs))
			skus = slices.DeleteFunc(slices.Clone(skus), func(sku string) bool { return sku == "NOTHING" })
			if diff := cmp.Diff(skus, got); diff != "" || snapshot.Rules == nil {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		})
	}
	see("nothing polled yet", 1, s.clock.Now(), "A")
	see("still nothing polled", 1, s.clock.Now(), "A")
	p.poll(t)
	see("not in memory", 1, s.clock.Now(), "A")
	see("in memory", 0, s.clock.Now(), "A")
	see("one of two in memory", 1, s.clock.Now(), "A", "B")
	see("both in memory", 0, s.clock.Now(), "A", "B")
	see("of last week, in memory", 0, s.clock.Now().Add(-7*24*time.Hour), "A")
	see("of long ago", 1, noon("2024-06-01"), "A", "B")
	see("of long ago again", 1, noon("2024-06-01"), "A", "B")
	see("of now, after that", 0, s.clock.Now(), "A", "B")
	see("a SKU that there is not", 1, s.clock.Now(), "A", "NOTHING")
	databasetest.WantTrips(t, "a poll", 1, func(ctx context.Context) {
		if err := p.PollOnce(ctx); err != nil {
			t.Error(err)
		}
	})
	s.clock.Advance(MaxStaleness)
	see("polled too long ago", 1, s.clock.Now(), "A")
	see("still too long ago", 1, s.clock.Now(), "A")
	p.poll(t)
	see("polled again", 0, s.clock.Now(), "A", "B")
}

// TestLookup_WithoutLead: where a change is in force at once, nothing may be remembered.
func TestLookup_WithoutLead(t *testing.T) {
	s := newPods(t)
	s.set(t, 0, price("A", "EUR", 100))
	for _, lead := range []time.Duration{-1, time.Second, MaxStaleness} {
		p := s.pod(t, "eu-west", lead)
		p.poll(t)
		for range 2 {
			databasetest.WantTrips(t, lead.String(), 1, func(ctx context.Context) { costs(t, ctx, p, p.Moment()) })
		}
	}
}

// TestLookup_OthersChange: what another pod changed is known after the next poll, before it is in
// force, and then costs one round trip and no more.
func TestLookup_OthersChange(t *testing.T) {
	s := newPods(t)
	s.set(t, 0, price("A", "EUR", 100))
	p := s.pod(t, "eu-west", DefaultLead)
	p.poll(t)
	costs(t, t.Context(), p, p.Moment())

	s.set(t, DefaultLead, price("A", "EUR", 150))
	after := s.clock.Now().Add(DefaultLead)
	databasetest.WantTrips(t, "before the poll", 0, func(ctx context.Context) {
		if got := costs(t, ctx, p, p.Moment()); got != 100 {
			t.Errorf("before the poll it costs %d", got)
		}
	})
	p.poll(t)
	databasetest.WantTrips(t, "after the poll", 1, func(ctx context.Context) {
		if now, then := costs(t, ctx, p, p.Moment()), costs(t, ctx, p, after); now != 100 || then != 150 {
			t.Errorf("it costs %d, and %d in %s; want 100 and 150", now, then, DefaultLead)
		}
	})
	s.clock.Advance(DefaultLead)
	p.poll(t) // the change is within the overlap of the polls
	if got := costs(t, t.Context(), p, p.Moment()); got != 150 {
		t.Errorf("in force it costs %d", got)
	}
}

// TestPollOnce_Rules: rules are read again where they have changed, and only there.
func TestPollOnce_Rules(t *testing.T) {
	s := newPods(t)
	p := s.pod(t, "ap-southeast", DefaultLead)
	rate := func() int64 {
		tax, err := p.rules.Load().tax(Destination{Country: "IE"}, TaxStandard, s.clock.Now())
		if err != nil || tax == nil {
			t.Fatalf("tax of Ireland: %v, %v", tax, err)
		}
		return tax.RateMPct
	}
	poll := func(what string, trips, want int64) {
		t.Helper()
		databasetest.WantTrips(t, what, trips, func(ctx context.Context) {
			testkit.NoError(t, p.PollOnce(ctx))
		})
		if got := rate(); got != want {
			t.Errorf("%s: the tax is %d, want %d", what, got, want)
		}
	}
	poll("the first", 2, 23_000)
	poll("nothing changed", 1, 23_000)
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE tax_rates SET valid_to = now() WHERE country = 'IE' AND category = 'standard'`)
		b.Queue(`INSERT INTO tax_rates (country, state, category, valid_from, rate_mpct, source) VALUES ('IE', '', 'standard', now(), 24000, 'a test')`)
		changes.QueueRulesChanged(b)
		return nil
	}))
	poll("changed", 2, 24_000)
	poll("known", 1, 24_000)
}

// TestPollOnce_Fails: a pod that cannot poll does not answer out of memory.
func TestPollOnce_Fails(t *testing.T) {
	s := newPods(t)
	s.set(t, 0, price("A", "EUR", 100))
	p := s.pod(t, "eu-west", DefaultLead)
	p.poll(t)
	costs(t, t.Context(), p, p.Moment())
	s.clock.Advance(MaxStaleness)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.PollOnce(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("poll: %v", err)
	}
	databasetest.WantTrips(t, "after a poll that failed", 1, func(ctx context.Context) { costs(t, ctx, p, p.Moment()) })
}

// TestRulesOf: rules are read for a version that is newer than those in memory, and no more.
func TestRulesOf(t *testing.T) {
	s := newPods(t)
	p := s.pod(t, "eu-west", -1)
	var version int64
	testkit.NoError(t, s.db.Read(t.Context(), func(b *database.Batch) error { changes.QueueVersion(b, &version); return nil }))
	for i, test := range []struct {
		version int64
		at      time.Time
		trips   int64
	}{
		{version, s.clock.Now(), 1}, {version, s.clock.Now(), 0}, {version - 1, s.clock.Now(), 0}, {version,
			s.clock.Now().Add(-20 * 24 * time.Hour), 0},
		{version, noon("2024-01-01"), 1}, {version, s.clock.Now(), 0},
	} {
		databasetest.WantTrips(t, "rules", test.trips, func(ctx context.Context) {
			if r := testkit.Must(p.RulesOf(ctx, test.version, test.at))(t); r.Version != version || r.Since.After(test.at.Add(-LowestWindow)) {
				t.Errorf("%d: version %d since %s", i, r.Version, r.Since)
			}
		})
	}
	testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error { changes.QueueRulesChanged(b); return nil }))
	databasetest.WantTrips(t, "a newer version", 1, func(ctx context.Context) {
		if r := testkit.Must(p.RulesOf(ctx, version+1, s.clock.Now()))(t); r.Version != version+1 {
			t.Errorf("version %d, want %d", r.Version, version+1)
		}
	})
}

// seedPast fills the shop with prices, rates, lists and their changes of the last hundred days.
// The sale began 45 days ago, so that the lowest price before it is of another time than the
// prices that are asked for.
func seedPast(t *testing.T, s *pods) {
	t.Helper()
	databasetest.Exec(t, s.db, `
INSERT INTO price_lists (code, title, kind, currency, market, customer_group, valid_from)
VALUES ('summer', 'Summer', 'sale', 'EUR', '', '', now() - INTERVAL '45 days'), ('trade', 'Trade', 'regular', 'EUR', '', 'b2b', now() - INTERVAL '100 days'),
  ('swiss', 'Swiss', 'regular', 'CHF', 'ch', '', now() - INTERVAL '30 days')`)
	databasetest.Exec(t, s.db, `
INSERT INTO price_entries (sku, list, min_quantity, valid_from, valid_to, amount_minor)
SELECT s.sku, l.list, q.n, now() - d.first * INTERVAL '1 day', CASE d.last WHEN 0 THEN NULL ELSE now() - d.last * INTERVAL '1 day' END,
  1000 - 100 * q.n + ascii(s.sku) - d.first - CASE l.list WHEN 'summer' THEN 300 ELSE 0 END
FROM skus s, (VALUES ('catalogue-EUR'), ('summer'), ('trade'), ('swiss')) AS l (list), (VALUES (1), (5)) AS q (n),
  (VALUES (100, 70), (70, 62), (62, 20), (20, 5), (5, 0)) AS d (first, last)
WHERE NOT (s.sku = 'B' AND l.list = 'swiss') AND NOT (s.sku IN ('C', 'D') AND l.list = 'summer') AND NOT (l.list = 'summer' AND (q.n = 5 OR d.first < 100))`)
	databasetest.Exec(t, s.db, `UPDATE price_entries SET valid_to = NULL WHERE list = 'summer'`)
	databasetest.Exec(t, s.db, `UPDATE skus SET base_currency = 'EUR'`)
	databasetest.Exec(t, s.db, `
INSERT INTO fx_rates (currency, source, day, rate, status, valid_from)
SELECT c.currency, 'ecb', (now() - d * INTERVAL '1 day')::date::text, (c.rate + d)::text, 'in_force', now() - d * INTERVAL '1 day'
FROM generate_series(1, 100, 3) AS d, (VALUES ('CHF', 1), ('JPY', 150)) AS c (currency, rate)`)
}

// answer is what a pod says of one line, and why.
func answer(ctx context.Context, p *Pricer, sku, country, group string, c money.Currency, quantity int64, at time.Time) (string, error) {
	snapshot, err := p.Lookup(ctx, []string{sku}, at)
	if err != nil {
		return "", err
	}
	market, err := snapshot.Rules.MarketOf(country, at)
	if err != nil {
		return "", err
	}
	ask := Ask{Market: market, Currency: c, Group: group, At: at}
	unit, err := snapshot.Rules.Unit(snapshot.SKUs[sku], ask, quantity)
	var none *NoPriceError
	if errors.As(err, &none) {
		return none.Error(), nil
	}
	if err != nil {
		return "", err
	}
	quote, err := snapshot.Rules.Quote(QuoteInput{Dest: Destination{Country: country}, Ask: ask,
		Items: []Item{{Priced: snapshot.SKUs[sku], Quantity: quantity, Unit: unit}}})
	if err != nil {
		return "", err
	}
	derivation := quote.Derivation(0, p.MaxRateAge)
	text, err := json.Marshal(derivation)
	if err == nil {
		err = derivation.Check()
	}
	return string(text), err
}

// TestLookup_WhoeverAnswers: pods of all regions, those that answer out of memory and those that ask
// the database, say the same of any line at any moment, with the same reasons.
func TestLookup_WhoeverAnswers(t *testing.T) {
	s := newPods(t)
	seedPast(t, s)
	asked := map[string]*Pricer{"asks the database": s.pod(t, "eu-west", -1)}
	for _, region := range []string{"us-east", "us-west", "ap-southeast"} {
		p := s.pod(t, region, DefaultLead)
		p.poll(t)
		testkit.Must(p.Lookup(t.Context(), []string{"A", "B", "C", "D", "E"}, s.clock.Now()))(t)
		asked[region] = p
	}
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	for range 150 {
		sku, country, group := pick("A", "B", "C", "D", "E"), pick("IE", "CH", "JP", "US"), pick("", "b2b")
		currency, quantity := money.Currency(pick("EUR", "CHF", "JPY", "GBP")), 1+random.Int64N(9)
		at := s.clock.Now().Add(-time.Duration(random.Int64N(int64(80 * 24 * time.Hour)))).UTC().Truncate(time.Microsecond)
		said := make(map[string]string)
		for who, p := range asked {
			said[who] = testkit.Must(answer(t.Context(), p, sku, country, group, currency, quantity, at))(t)
		}
		want := said["asks the database"]
		for who, got := range said {
			if got != want {
				t.Fatalf("%d of %s to %s in %s for %q at %s: %s says\n%s\nthe database\n%s", quantity, sku, country, currency, group, at, who, got,
					want)
			}
		}
	}
}

// TestBook: the reporting currency at the rates of the moment.
func TestBook(t *testing.T) {
	s := newPods(t)
	rules := rulesWith()
	tests := []struct {
		name      string
		reporting money.Currency
		from      money.Currency
		minor     int64
		rate      string
		want      int64
	}{
		{"itself", "EUR", "EUR", 1234, "1", 1234},
		{"to the euro", "EUR", "USD", 1200, "0.83333333", 1000},
		{"without decimals", "EUR", "JPY", 1600, "0.00625", 1000},
		{"through the euro", "USD", "CHF", 950, "1.26315789", 1200},
		{"half to even", "EUR", "JPY", 8, "0.00625", 5},
		{"to none", "JPY", "EUR", 333, "160", 533},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := testkit.Must(New(Config{DB: s.db, Key: testKey, Reporting: test.reporting}))(t)
			booking, ok := p.Book(rules, test.from, noon(today))
			if !ok || booking.Rate.String() != test.rate || booking.Currency != test.reporting {
				t.Fatalf("%+v, %t, want the rate %s", booking, ok, test.rate)
			}
			if got := testkit.Must(booking.Minor(test.minor))(t); got != test.want {
				t.Errorf("%d, want %d", got, test.want)
			}
		})
	}
	p := testkit.Must(New(Config{DB: s.db, Key: testKey}))(t)
	if booking, ok := p.Book(rules, "GBP", noon(today)); ok {
		t.Errorf("without a rate: %+v", booking)
	}
}

// TestRules_Missing: no rate at all is an error that names the currency and the moment.
func TestRules_Missing(t *testing.T) {
	s := newPods(t)
	s.set(t, 0, price("A", "EUR", 100))
	p := s.pod(t, "us-east", -1)
	snapshot := testkit.Must(p.Lookup(t.Context(), []string{"A"}, p.Moment()))(t)
	ask := Ask{Market: testkit.Must(snapshot.Rules.MarketOf("JP", s.clock.Now()))(t), Currency: "JPY", At: p.Moment()}
	_, err := snapshot.Rules.Unit(snapshot.SKUs["A"], ask, 1)
	var none *NoPriceError
	var rate *fx.NoRateError
	if !errors.As(err, &none) || !errors.As(err, &rate) || rate.Currency != "JPY" || !rate.At.Equal(ask.At) {
		t.Errorf("%v", err)
	}
}
