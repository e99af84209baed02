package pricing

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// stored is a row of price_entries; From and To are 0 for the moment of the last change, and
// else microseconds from it. Open is a row without an end.
type stored struct {
	SKU, List string
	Minor     int64
	From, To  int64
	Open      bool
}

// book is the catalogue of a database.
type book struct {
	db *database.DB
	t  *testing.T
}

func newBook(t *testing.T) book {
	t.Helper()
	b := book{databasetest.New(t), t}
	seedGoods(t, b.db)
	return b
}

// set sets prices and returns the moment of the transaction.
func (k book) set(lead time.Duration, prices ...Price) (at time.Time) {
	k.t.Helper()
	testkit.NoError(k.t, k.db.Write(k.t.Context(), func(b *database.Batch) error {
		QueueSet(b, prices, lead)
		b.Queue(`SELECT now()`).QueryRow(func(row pgx.Row) error { return row.Scan(&at) })
		return nil
	}))
	return at
}

func price(sku string, c money.Currency, minor int64) Price {
	return Price{SKU: sku, Currency: c, AmountMinor: minor}
}

// wantRows compares all entries, as they stand to a moment.
func (k book) wantRows(at time.Time, want ...stored) {
	k.t.Helper()
	got := testkit.Must(database.List(k.t.Context(), k.db, func(row pgx.CollectableRow) (s stored, err error) {
		var first time.Time
		var end *time.Time
		err = row.Scan(&s.SKU, &s.List, &s.Minor, &first, &end)
		s.From, s.Open = first.Sub(at).Microseconds(), end == nil
		if end != nil {
			s.To = end.Sub(at).Microseconds()
		}
		return s, err
	}, `
SELECT sku, list, amount_minor, valid_from, valid_to
FROM price_entries
ORDER BY sku, list, amount_minor`))(k.t)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		k.t.Errorf("entries (-want +got):\n%s", diff)
	}
}

// TestQueueSet: a first price is in force at once whatever the lead, and of prices that come
// twice the last counts.
func TestQueueSet(t *testing.T) {
	k := newBook(t)
	at := k.set(time.Hour)
	k.wantRows(at)
	at = k.set(time.Hour, price("B", "EUR", 5), price("A", "EUR", 1), price("A", "EUR", 2), price("A", "GBP", 0))
	k.wantRows(at,
		stored{"A", "catalogue-EUR", 2, 0, 0, true}, stored{"A", "catalogue-GBP", 0, 0, 0, true}, stored{"B", "catalogue-EUR", 5, 0, 0, true})
}

// TestQueueSet_Change: one price ends where the next begins, after the lead; nothing that was in
// force is overwritten, and a price that is so already is left alone.
func TestQueueSet_Change(t *testing.T) {
	for _, lead := range []time.Duration{0, 5 * time.Second} {
		t.Run(lead.String(), func(t *testing.T) {
			k := newBook(t)
			first := k.set(lead, price("A", "EUR", 100), price("B", "EUR", 500))
			databasetest.Exec(t, k.db, `UPDATE price_entries SET changed_at = '2020-01-01'`)
			at := k.set(lead, price("A", "EUR", 150), price("B", "EUR", 500), price("A", "USD", 120))
			ago, ahead := first.Sub(at).Microseconds(), lead.Microseconds()
			k.wantRows(at,
				stored{"A", "catalogue-EUR", 100, ago, ahead, false}, stored{"A", "catalogue-EUR", 150, ahead, 0, true},
				stored{"A", "catalogue-USD", 120, 0, 0, true}, stored{"B", "catalogue-EUR", 500, ago, 0, true})
			untouched := databasetest.One[string](t, k.db, `SELECT string_agg(sku, ' ') FROM price_entries WHERE changed_at = '2020-01-01'`)
			if untouched != "B" {
				t.Errorf("untouched are the rows of %q, want B: pods look for rows that changed", untouched)
			}
		})
	}
}

// TestQueueSet_Again changes a price before its last change is in force: that one counts until
// the newest is or, where it would begin later, never; two are never in force at once.
func TestQueueSet_Again(t *testing.T) {
	for name, leads := range map[string][3]time.Duration{
		"the same lead": {time.Minute, time.Minute, time.Minute},
		"a shorter one": {0, time.Hour, time.Minute},
		"none any more": {0, time.Hour, 0},
	} {
		t.Run(name, func(t *testing.T) {
			k := newBook(t)
			first := k.set(leads[0], price("A", "EUR", 100))
			second := k.set(leads[1], price("A", "EUR", 200)).Add(leads[1])
			third := k.set(leads[2], price("A", "EUR", 300))
			since := func(at time.Time) int64 { return at.Sub(third).Microseconds() }
			newest := leads[2].Microseconds()
			k.wantRows(third,
				stored{"A", "catalogue-EUR", 100, since(first), min(since(second), newest), false},
				stored{"A", "catalogue-EUR", 200, since(second), max(since(second), newest), false},
				stored{"A", "catalogue-EUR", 300, newest, 0, true})
		})
	}
}

func TestQueueSet_BaseCurrency(t *testing.T) {
	k := newBook(t)
	k.set(0, price("A", "USD", 1), price("A", "EUR", 1), price("A", "CHF", 1), price("B", "USD", 1), price("B", "CHF", 1))
	k.set(0, price("B", "EUR", 1), price("C", "JPY", 1))
	got := databasetest.One[string](t, k.db, `SELECT string_agg(sku || ' ' || base_currency, ', ' ORDER BY sku) FROM skus`)
	if want := "A EUR, B CHF, C JPY, D , E "; got != want {
		t.Errorf("base currencies %s, want %s: the euro, else the first by code, of the first prices", got, want)
	}
}

func TestQueueSet_Refused(t *testing.T) {
	k := newBook(t)
	for constraint, p := range map[string]Price{"price_entries_not_negative": price("A", "EUR", -1),
		"price_entries_sku_fkey": price("NOTHING", "EUR", 1)} {
		err := k.db.Write(t.Context(), func(b *database.Batch) error { QueueSet(b, []Price{price("B", "EUR", 1), p}, 0); return nil })
		if !database.Violates(err, constraint) {
			t.Errorf("%+v: %v, want %s", p, err, constraint)
		}
	}
	k.wantRows(time.Time{})
}
