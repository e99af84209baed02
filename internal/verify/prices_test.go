package verify_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/verify"
)

// TestRun_Bookings books lines in and from currencies of every kind, at all sorts of rates, as
// prices are booked: the audit, which reckons otherwise, agrees with each, and with none of
// them that is a minor unit off.
func TestRun_Bookings(t *testing.T) {
	s := newShop(t)
	orders := testkit.Must(database.List(t.Context(), s.db, pgx.RowTo[uuid.UUID], `SELECT id FROM orders ORDER BY id`))(t)
	random := rand.New(rand.NewPCG(5, 6))
	currencies := []money.Currency{"EUR", "USD", "JPY", "KWD", "ISK", "TND"}
	rates := []string{"1", "0.5", "0.005", "0.00625", "1.25", "162.5", "0.83333333", "1.26315789", "1234.5678"}
	pick := func() money.Currency { return currencies[random.IntN(len(currencies))] }
	write := func(off int64) {
		t.Helper()
		testkit.NoError(t, s.db.Write(t.Context(), func(b *database.Batch) error {
			for _, id := range orders {
				from, to, rate := pick(), pick(), testkit.Must(money.ParseDecimal(rates[random.IntN(len(rates))]))(t)
				one := money.NewDecimal(1, 0)
				ratio := testkit.Must(money.Conversion(from, one, to, rate, one))(t)
				total, tax := random.Int64N(1e6), random.Int64N(1e3)
				booked, bookedTax := testkit.Must(money.Exact.Convert(ratio, total))(t), testkit.Must(money.Exact.Convert(ratio, tax))(t)
				b.Queue(`UPDATE orders SET currency = $2 WHERE id = $1`, id, from)
				b.Queue(`
UPDATE order_lines SET total_minor = $2, tax_minor = $3, refunded_minor = 0, reporting_currency = $4, reporting_rate = $5,
  reporting_total_minor = $6, reporting_tax_minor = $7
WHERE order_id = $1`, id, total, tax, to, rate, booked+off, bookedTax)
			}
			return nil
		}))
	}
	lines := int64(2 * len(orders))
	for range 5 {
		for off, want := range map[int64]int64{0: 0, 1: lines, -1: lines} {
			write(off)
			report := s.audit(t, verify.Options{Checks: []string{"line_bookings"}})
			if report.Broken != want {
				t.Errorf("%d off: %d of %d lines are broken, want %d: %+v", off, report.Broken, lines, want, report.Results[0].Examples)
			}
		}
	}
}
