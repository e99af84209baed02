package fx

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// A shop is rates on a database of their own, and the clock they go by.
type shop struct {
	*Rates
	t   testing.TB
	now time.Time
}

// newShop is open at a moment. change may set more than the clock.
func newShop(t testing.TB, now time.Time, change func(*Config)) *shop {
	t.Helper()
	s := &shop{t: t, now: now}
	config := Config{DB: databasetest.New(t), Now: func() time.Time { return s.now }}
	if change != nil {
		change(&config)
	}
	var err error
	if s.Rates, err = New(config); err != nil {
		t.Fatal(err)
	}
	return s
}

// take imports quotations as the ECB's, and wants this report of it.
func (s *shop) take(want Report, quotes ...Quotation) {
	s.t.Helper()
	s.takeFrom(ecbSays(quotes), want)
}

// ecbSays is a source of the ECB's name.
func ecbSays(quotes []Quotation) *ECB {
	var text strings.Builder
	for _, q := range quotes {
		fmt.Fprintf(&text, "<Cube time='%s'><Cube currency='%s' rate='%s'/></Cube>", q.Day, q.Currency, q.Rate)
	}
	e := newECB(ECBConfig{Location: "a test"})
	e.read = func(_ context.Context) ([]byte, error) { return []byte("<Cube>" + text.String() + "</Cube>"), nil }
	return e
}

func (s *shop) takeFrom(source Source, want Report) {
	s.t.Helper()
	got, err := s.Import(s.t.Context(), source, "usr_test")
	if err != nil {
		s.t.Fatalf("import: %v", err)
	}
	want.Source = source.Name()
	if diff := cmp.Diff(want, got, compare); diff != "" {
		s.t.Errorf("report (-want +got):\n%s", diff)
	}
}

// table is all that the database holds.
func (s *shop) table(from time.Time) *Table { return NewTable(s.load(from)) }

func (s *shop) load(from time.Time) []Rate {
	s.t.Helper()
	var rates []Rate
	testkit.NoError(s.t, s.DB.Read(s.t.Context(), func(b *database.Batch) error { QueueLoad(b, from, time.Time{}, &rates); return nil }))
	return rates
}

// wantAt wants a rate to be in force at a moment; "" is none.
func (s *shop) wantAt(currency money.Currency, when time.Time, want string) {
	s.t.Helper()
	got := ""
	if r, err := s.table(time.Time{}).At(currency, when); err == nil {
		got = r.Rate.String()
	}
	if got != want {
		s.t.Errorf("%s at %s is %q, want %q", currency, when.Format(time.RFC3339), got, want)
	}
}

// version is how often the rules changed.
func (s *shop) version() int64 {
	return databasetest.One[int64](s.t, s.DB, `SELECT version FROM pricing_state WHERE id = 'rules'`)
}

// audited is the newest row of the audit, in words.
func (s *shop) audited() string {
	return databasetest.One[string](s.t, s.DB, `
SELECT kind || ' ' || subject || ' ' || status || ' by ' || requested_by || ': ' || reason || ' ' || old::text || ' ' || new::text
FROM price_changes ORDER BY requested_at DESC LIMIT 1`)
}

// afterShipped is when the last of the shipped rates has long been published.
var afterShipped = at(4, 13, 20)

// Two and a half years of real rates: a second import changes nothing, and each moment has the
// rate of the last working day that was published by then.
func TestImport_Shipped(t *testing.T) {
	s := newShop(t, afterShipped, nil)
	quotes := testkit.Must(Shipped().Fetch(t.Context()))(t)
	byDay := make(map[money.Currency]map[string]money.Decimal)
	stored := 0
	for _, q := range quotes {
		if q.Currency == "BGN" {
			continue
		}
		if byDay[q.Currency] == nil {
			byDay[q.Currency] = make(map[string]money.Decimal)
		}
		byDay[q.Currency][q.Day] = q.Rate
		stored++
	}
	s.takeFrom(Shipped(), Report{New: stored, Ignored: []string{"BGN"}})
	first, version := s.load(time.Time{}), s.version()
	s.takeFrom(Shipped(), Report{Unchanged: stored, Ignored: []string{"BGN"}})
	s.now = s.now.AddDate(0, 1, 0)
	s.takeFrom(Shipped(), Report{Unchanged: stored, Ignored: []string{"BGN"}})
	if diff := cmp.Diff(first, s.load(time.Time{}), compare); diff != "" || s.version() != version {
		t.Errorf("imported again, version %d, before %d:\n%s", s.version(), version, diff)
	}
	if len(first) != stored || len(byDay) != 29 || databasetest.One[int64](t, s.DB, `SELECT count(*) FROM price_changes`) != 1 {
		t.Errorf("%d rates of %d in force, of %d currencies", len(first), stored, len(byDay))
	}
	table := NewTable(first)
	begin := time.Date(2023, 10, 2, 15, 0, 0, 0, time.UTC)
	minutes := int64(afterShipped.Sub(begin) / time.Minute)
	for currency, days := range byDay {
		for range 500 {
			when := begin.Add(time.Duration(rand.Int64N(minutes)) * time.Minute)
			day := lastPublished(days, when)
			if got, err := table.At(currency, when); err != nil || got.Day != day || got.Rate != days[day] {
				t.Fatalf("%s at %s: got %v, %v; want %s of %s", currency, when, got, err, days[day], day)
			}
		}
		if _, err := table.At(currency, begin.Add(-time.Second)); err == nil {
			t.Errorf("%s has a rate before there was one", currency)
		}
	}
}

// lastPublished is the last day with a rate that was published by a moment.
func lastPublished(days map[string]money.Decimal, when time.Time) string {
	for day := when; ; day = day.AddDate(0, 0, -1) {
		text := day.Format(time.DateOnly)
		published := time.Date(day.Year(), day.Month(), day.Day(), 15, 0, 0, 0, time.UTC)
		if _, quoted := days[text]; quoted && !published.After(when) {
			return text
		}
	}
}

// Loading from a moment is enough for that moment and all after it.
func TestQueueLoad(t *testing.T) {
	s := newShop(t, afterShipped, nil)
	s.takeFrom(Shipped(), Report{New: 18676, Ignored: []string{"BGN"}})
	if _, err := s.SetManual(t.Context(), ManualInput{Currency: "USD", Rate: dec("1.2"), ValidTo: until(at(4, 20, 0)), Actor: "usr_test",
		Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	whole := s.table(time.Time{})
	for _, from := range []time.Time{at(4, 10, 15), at(4, 12, 3), afterShipped, at(4, 20, 0)} {
		part := s.load(from)
		if len(part) > 29*3+1 {
			t.Errorf("from %s: %d rates are read", from, len(part))
		}
		table := NewTable(part)
		for when := from; when.Before(at(4, 21, 0)); when = when.Add(time.Hour) {
			for _, currency := range []money.Currency{"USD", "JPY", "ISK"} {
				want, _ := whole.At(currency, when)
				if got, err := table.At(currency, when); err != nil || !cmp.Equal(got, want, compare) {
					t.Fatalf("from %s, %s at %s: got %v, %v; want %v", from, currency, when, got, err, want)
				}
			}
		}
	}
}

func TestImport_Daily(t *testing.T) {
	const lead = 5 * time.Second
	s := newShop(t, at(4, 10, 20), func(c *Config) { c.Lead = lead })
	s.take(Report{New: 2}, quote("2026-04-09", "USD", "1.17"), quote("2026-04-10", "USD", "1.18"))
	s.wantAt("USD", at(4, 9, 15), "1.17") // history
	s.wantAt("USD", at(4, 10, 15), "1.18")

	// In time: it waits for its publication, in every region alike.
	s.now = at(4, 13, 14)
	s.take(Report{New: 1}, quote("2026-04-13", "USD", "1.19"))
	s.wantAt("USD", at(4, 13, 15).Add(-time.Second), "1.18")
	s.wantAt("USD", at(4, 13, 15), "1.19")

	// After its publication: from when every pod knows.
	s.now = at(4, 14, 18)
	s.take(Report{New: 1, Unchanged: 1}, quote("2026-04-13", "USD", "1.19"), quote("2026-04-14", "USD", "1.20"))
	s.wantAt("USD", s.now.Add(lead-time.Second), "1.19")
	s.wantAt("USD", s.now.Add(lead), "1.2")

	// Days missed: the last counts, and the others never did.
	s.now = at(4, 17, 18)
	s.take(Report{New: 3, Late: 2}, quote("2026-04-17", "USD", "1.23"), quote("2026-04-15", "USD", "1.21"), quote("2026-04-16", "USD", "1.22"))
	s.wantAt("USD", at(4, 16, 18), "1.2")
	s.wantAt("USD", s.now.Add(lead-time.Second), "1.2")
	s.wantAt("USD", s.now.Add(lead), "1.23")

	// A day that comes when a later one is in force.
	before := s.load(time.Time{})
	s.now = at(4, 20, 10)
	s.take(Report{New: 2, Late: 2}, quote("2026-04-08", "USD", "1.16"), quote("2026-04-12", "USD", "1.5"))
	if diff := cmp.Diff(before, s.load(time.Time{}), compare); diff != "" {
		t.Errorf("late rates changed what was in force:\n%s", diff)
	}
	entries, err := s.List(t.Context(), ListFilter{Currency: "USD", PageFilter: database.PageFilter[ListPosition]{Limit: 500}})
	if err != nil || len(entries.Items) != 9 {
		t.Errorf("%d entries are kept, %v", len(entries.Items), err)
	}
}

// Whatever comes and when, nothing changes what was in force before.
func TestImport_NeverChangesThePast(t *testing.T) {
	s := newShop(t, at(3, 2, 0), nil)
	days := []string{"2026-02-27", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06", "2026-03-09", "2026-03-10"}
	known := make(map[string]money.Decimal)
	for range 40 {
		before := s.table(time.Time{})
		_, err := before.At("USD", s.now)
		started := err == nil
		s.now = s.now.Add(time.Duration(1+rand.IntN(12)) * time.Hour)
		var quotes []Quotation
		for _, day := range days {
			published, _ := publishedAt(day)
			if rand.IntN(3) > 0 || published.After(s.now) {
				continue
			}
			rate, told := known[day]
			if !told || rand.IntN(4) == 0 {
				rate = dec(fmt.Sprintf("1.%02d", 10+rand.IntN(30)))
			}
			known[day] = rate
			quotes = append(quotes, Quotation{Day: day, Currency: "USD", Rate: rate})
		}
		if len(quotes) == 0 {
			continue
		}
		testkit.Must(s.Import(t.Context(), ecbSays(quotes), "usr_test"))(t)
		after := s.table(time.Time{})
		for when := at(2, 27, 0); started && when.Before(s.now); when = when.Add(time.Hour) {
			want, wantErr := before.At("USD", when)
			if got, err := after.At("USD", when); (err == nil) != (wantErr == nil) || got.Day != want.Day || got.Rate != want.Rate {
				t.Fatalf("at %s: was %v, is %v after importing %v at %s", when, want, got, quotes, s.now)
			}
		}
	}
}

func TestImport_Jumps(t *testing.T) {
	s := newShop(t, at(4, 10, 20), nil)
	s.take(Report{New: 1}, quote("2026-04-09", "TRY", "50"))
	held := HeldRate{quote("2026-04-10", "TRY", "55.01"), dec("50")}
	s.take(Report{New: 1, Held: 1, HeldRates: []HeldRate{held}}, held.Quotation)
	s.wantAt("TRY", at(4, 11, 0), "50")
	s.take(Report{Unchanged: 1}, held.Quotation)

	// What follows is compared with what is in force.
	s.now = at(4, 14, 20)
	second := HeldRate{quote("2026-04-14", "TRY", "60.51"), dec("55")}
	s.take(Report{New: 2, Held: 1, HeldRates: []HeldRate{second}}, quote("2026-04-13", "TRY", "55"), second.Quotation)
	s.wantAt("TRY", s.now, "55")

	// Downwards, and just within.
	s.now = at(4, 15, 20)
	third := HeldRate{quote("2026-04-15", "TRY", "49.49"), dec("55")}
	s.take(Report{New: 1, Held: 1, HeldRates: []HeldRate{third}}, third.Quotation)
	s.now = at(4, 16, 20)
	s.take(Report{New: 1}, quote("2026-04-16", "TRY", "49.5"))
}

// In a currency's history a jump is one, too, unless the currency was not quoted for a month.
func TestImport_HistoryJumps(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	held := HeldRate{quote("2015-01-15", "CHF", "1.028"), dec("1.201")}
	s.take(Report{New: 4, Held: 1, HeldRates: []HeldRate{held}},
		quote("2015-01-14", "CHF", "1.201"), held.Quotation,
		quote("2008-12-09", "ISK", "290"), quote("2018-02-01", "ISK", "124.6"))
	s.wantAt("CHF", time.Date(2015, 1, 16, 0, 0, 0, 0, time.UTC), "1.201")
	s.wantAt("ISK", time.Date(2018, 2, 2, 0, 0, 0, 0, time.UTC), "124.6")

	// Later a currency that resumes is compared, for it is priced with.
	resumed := HeldRate{quote("2026-04-13", "ISK", "143.2"), dec("124.6")}
	s.take(Report{New: 1, Held: 1, HeldRates: []HeldRate{resumed}}, resumed.Quotation)
}

func TestImport_Conflicts(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	s.take(Report{New: 1}, quote("2026-04-10", "USD", "1.17"))
	version := s.version()
	conflict := Conflict{Quotation: quote("2026-04-10", "USD", "1.18"), Stored: dec("1.17")}
	s.take(Report{Conflicts: 1, ConflictingRates: []Conflict{conflict}}, conflict.Quotation)
	if s.version() != version {
		t.Error("a conflict moved the rules' version")
	}
	// A file that contradicts itself: the first counts. The rest of it is imported.
	conflict = Conflict{Quotation: quote("2026-04-13", "USD", "1.20"), Stored: dec("1.19")}
	s.take(Report{New: 1, Conflicts: 1, ConflictingRates: []Conflict{conflict}}, quote("2026-04-13", "USD", "1.19"), conflict.Quotation)
	s.wantAt("USD", s.now, "1.19")
}

func TestImport_Refuses(t *testing.T) {
	s := newShop(t, at(4, 10, 20), nil)
	var invalid *invalid.Error
	if _, err := s.Import(t.Context(), ecbSays([]Quotation{quote("2026-04-10", "USD", "1.1"), quote("2026-04-12", "USD", "1.1")}),
		"usr_test"); !errors.As(err, &invalid) ||
		!strings.Contains(err.Error(), "USD is not valid; day must be a date that has come, not 2026-04-12") {
		t.Errorf("a day to come: got %v", err)
	}
	if _, err := s.Import(t.Context(), ecbSays([]Quotation{quote("2026-04-10", "USD", "1.1")}), " "); !errors.As(err, &invalid) ||
		invalid.Fields[0].Name != "actor" {
		t.Errorf("nobody imports: got %v", err)
	}
	if _, err := s.Import(t.Context(), Manual{{Day: "10.4.2026", Currency: "usd"}, quote("2026-04-10", "EUR", "1")},
		"usr_test"); !errors.As(err, &invalid) || len(invalid.Fields) != 4 {
		t.Errorf("a bad series: got %v", err)
	}
	if _, err := s.Import(t.Context(), Manual{}, "usr_test"); !errors.As(err, &invalid) {
		t.Errorf("an empty series: got %v", err)
	}
	if n := databasetest.One[int64](t, s.DB, `SELECT count(*) FROM fx_rates`); n != 0 {
		t.Errorf("%d rates were stored", n)
	}
	s.take(Report{Ignored: []string{"EUR", "LTL"}}, quote("2014-12-31", "LTL", "3.4528"), quote("2014-12-31", "EUR", "1"))
}

// A series of the shop's own: it begins its own history where the shop had no rate, and changes
// nothing of the past where it had.
func TestImport_Manual(t *testing.T) {
	s := newShop(t, at(4, 10, 20), nil)
	s.take(Report{New: 1}, quote("2026-04-09", "USD", "1.17"))
	s.takeFrom(Manual{quote("2026-04-09", "AED", "4.3"), quote("2026-04-08", "USD", "1.18"), quote("2026-04-09", "USD", "1.19")},
		Report{New: 3, Late: 1})
	s.wantAt("AED", at(4, 9, 15), "4.3")
	s.wantAt("USD", s.now.Add(-time.Hour), "1.17")
	s.wantAt("USD", s.now, "1.19")

	s.now = at(4, 13, 20)
	s.take(Report{New: 1}, quote("2026-04-13", "USD", "1.16"))
	s.wantAt("USD", s.now, "1.19") // the shop's own counts first

	// A typing error is held against the published rate, and a period is not cut short.
	held := HeldRate{quote("2026-04-13", "GBP", "8.7"), dec("0.87")}
	s.take(Report{New: 1}, quote("2026-04-13", "GBP", "0.87"))
	s.takeFrom(Manual{held.Quotation}, Report{New: 1, Held: 1, HeldRates: []HeldRate{held}})
	end := at(5, 1, 0)
	if _, err := s.SetManual(t.Context(), ManualInput{Currency: "KWD", Rate: dec("0.36"), ValidTo: &end, Actor: "usr_test",
		Reason: "test"}); err != nil {
		t.Fatal(err)
	}
	conflict := Conflict{Quotation: quote("2026-04-13", "KWD", "0.35"), Overlaps: true, Until: &end}
	s.takeFrom(Manual{conflict.Quotation}, Report{Conflicts: 1, ConflictingRates: []Conflict{conflict}})
	s.now = at(5, 2, 20)
	s.takeFrom(Manual{quote("2026-04-14", "KWD", "0.35")}, Report{New: 1})
	s.wantAt("KWD", at(4, 14, 15), "0.36")
	s.wantAt("KWD", at(5, 1, 15), "")
	s.wantAt("KWD", s.now, "0.35")
}

func TestImport_Audit(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	version := s.version()
	s.take(Report{New: 2}, quote("2026-04-10", "USD", "1.17"), quote("2026-04-13", "USD", "1.18"))
	want := `rate ecb applied by usr_test: import of 2 rates {} {"held": 0, "late": 0, "rates": 2, "last_day": "2026-04-13", "first_day": "2026-04-10"}`
	if got := s.audited(); got != want {
		t.Errorf("audited as\n%s, want\n%s", got, want)
	}
	if s.version() != version+1 {
		t.Errorf("the rules' version is %d, want %d", s.version(), version+1)
	}
	if !databasetest.One[bool](t, s.DB, `SELECT bool_and(change_id = (SELECT id FROM price_changes)) FROM fx_rates`) {
		t.Error("a rate does not name the change that brought it")
	}
}

// Imports at once: each rate is stored once, and none fails.
func TestImport_Concurrently(t *testing.T) {
	s := newShop(t, at(4, 13, 20), nil)
	quotes := []Quotation{quote("2026-04-10", "USD", "1.17"), quote("2026-04-13", "USD", "1.18"), quote("2026-04-13", "GBP", "0.87")}
	var running sync.WaitGroup
	reports := make([]Report, 8)
	for i := range reports {
		running.Go(func() {
			var err error
			if reports[i], err = s.Import(t.Context(), ecbSays(quotes), "usr_test"); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	stored := 0
	for _, r := range reports {
		stored += r.New
	}
	if stored != 3 || databasetest.One[int64](t, s.DB, `SELECT count(*) FROM fx_rates`) != 3 {
		t.Errorf("%d rates were reported as new, want 3", stored)
	}
}
