package report

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// sale is an order as the report sees it.
type sale struct {
	region, market string
	currency       money.Currency
	reporting      money.Currency // empty for an order without a rate
	rate           string
	lines          []saleLine
	shipping       int64
	paid           time.Time // zero for one that never was
	refunds        []saleRefund
}

type saleLine struct{ quantity, total, tax, discount, bookedTotal, bookedTax int64 }

type saleRefund struct {
	minor  int64
	at     time.Time
	status string
}

// charge is what the order costs, in its currency.
func (s sale) charge() int64 {
	sum := s.shipping
	for _, l := range s.lines {
		sum += l.total
	}
	return sum
}

// insert writes the rows that the shop leaves behind of such an order.
func (s sale) insert(t testing.TB, db *database.DB) {
	t.Helper()
	id, placed := uuid.New(), time.Date(1999, 12, 31, 0, 0, 0, 0, time.UTC)
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`
INSERT INTO orders (region, id, cart_region, cart_id, status, transition_id, stock_regions, currency, country, market, subtotal_minor, shipping_minor,
  tax_minor, total_minor, prices_include_tax, email, ship_to, placed_at, expires_at)
VALUES ($1, $2, $1, $2, 'pending_payment', $2, ARRAY[$1]::crdb_internal_region[], $3, 'IE', $4, $5, $6, 0, $5, true, 'x', '{}', $7, $7)`,
			s.region, id, s.currency, s.market, s.charge(), s.shipping, placed)
		for i, l := range s.lines {
			b.Queue(`
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp, tax_minor, total_minor,
  discount_minor, reporting_currency, reporting_rate, reporting_total_minor, reporting_tax_minor)
VALUES ($1, $2, $3, 'A', $2, 'A', $4, 0, 0, 0, $5, $6, $7, $8, $9, $10, $11)`,
				s.region, id, int64(i+1), l.quantity, l.tax, l.total, l.discount, s.reporting, s.rate, l.bookedTotal, l.bookedTax)
		}
		b.Queue(`
INSERT INTO payments (region, id, order_id, provider, currency, status, amount_minor, captured_minor, transition_id, next_check_at)
VALUES ($1, $2, $2, 'sandbox', $3, 'captured', $4, $4, $2, now())`, s.region, id, s.currency, s.charge())
		history := func(version int, status string, at time.Time) {
			b.Queue(`
INSERT INTO order_history (region, order_id, version, status, actor, at)
VALUES ($1, $2, $3, $4, 'system', $5)`, s.region, id, version, status, at)
		}
		history(1, "pending_payment", placed)
		second := "cancelled"
		if !s.paid.IsZero() {
			second = "paid"
		}
		history(2, second, s.paid)
		for i, r := range s.refunds {
			if second == "paid" { // a refund in part leaves the order as it is, one version on
				history(3+i, "paid", r.at)
			}
			b.Queue(`
INSERT INTO refunds (region, id, order_id, payment_id, amount_minor, currency, reason, actor, status, updated_at)
VALUES ($1, $2, $3, $3, $4, $5, 'x', 'system', $6, $7)`, s.region, uuid.New(), id, r.minor, s.currency, r.status, r.at)
		}
		return nil
	}))
}

// day is midnight UTC of a day such as 2026-04-13.
func day(text string) time.Time {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return at
}

// revenue is a report's rows, without the header.
func revenue(t testing.TB, db *database.DB, r Range) [][]string {
	t.Helper()
	awaitReplicas(t, db)
	var out bytes.Buffer
	testkit.NoError(t, Write(t.Context(), db, &out, r))
	rows := testkit.Must(csv.NewReader(&out).ReadAll())(t)
	if diff := gocmp.Diff(columns, rows[0]); diff != "" {
		t.Fatalf("header (-want +got):\n%s", diff)
	}
	return rows[1:]
}

// awaitReplicas waits until the nearest replicas have what was written.
func awaitReplicas(t testing.TB, db *database.DB) {
	t.Helper()
	if db.Engine() != database.CockroachDB {
		return
	}
	written := databasetest.One[int64](t, db, `SELECT count(*) FROM refunds`) + databasetest.One[int64](t, db,
		`SELECT count(*) FROM order_history`)
	stale := db.Engine().FollowerRead()
	testkit.Eventually(t, "the replicas to catch up", func() bool {
		return written == databasetest.One[int64](t, db, `SELECT count(*) FROM refunds`+stale)+
			databasetest.One[int64](t, db, `SELECT count(*) FROM order_history`+stale)
	})
}

func TestWrite(t *testing.T) {
	db := databasetest.New(t)
	at := func(text string) time.Time { return testkit.Must(time.Parse(time.RFC3339, text))(t) }
	for _, s := range []sale{
		{
			// 0.00625 EUR a yen: 1000 and 333 are 6.25 and 2.08; shipping of 500 is 3.125, so 3.12
			region: "ap-southeast", market: "jp", currency: "JPY", reporting: "EUR", rate: "0.00625", shipping: 500,
			lines: []saleLine{
				{quantity: 2, total: 1000, tax: 91, discount: 100, bookedTotal: 625, bookedTax: 57},
				{quantity: 1, total: 333, tax: 30, bookedTotal: 208, bookedTax: 19},
			},
			paid: at("2026-03-01T23:59:59.999999Z"),
			refunds: []saleRefund{
				{minor: 600, at: at("2026-03-02T00:00:00Z"), status: "succeeded"}, // 3.75
				{minor: 433, at: at("2026-03-02T09:00:00Z"), status: "succeeded"}, // 1033 are 6.45625, so 6.46: 2.71 more
				{minor: 1, at: at("2026-03-02T10:00:00Z"), status: "failed"},
				{minor: 2, at: at("2026-03-02T11:00:00Z"), status: "replaced"},
				{minor: 3, at: at("2026-03-02T12:00:00Z"), status: "pending"},
				{minor: 800, at: at("2026-03-03T00:00:00Z"), status: "succeeded"}, // all: 11.45 in the end
			},
		},
		{
			// the same day and market, in another region: one row
			region: "eu-west", market: "jp", currency: "JPY", reporting: "EUR", rate: "0.00625",
			lines: []saleLine{{quantity: 1, total: 100, tax: 9, bookedTotal: 62, bookedTax: 6}}, paid: at("2026-03-01T00:00:00Z"),
		},
		{
			// booked in another currency: a row of its own
			region: "eu-west", market: "jp", currency: "JPY", reporting: "USD", rate: "0.00625",
			lines: []saleLine{{quantity: 1, total: 1000, bookedTotal: 625}}, paid: at("2026-03-01T01:00:00Z"),
		},
		{
			// the same rate between other currencies: 8 KWD of shipping are 0.05 EUR
			region: "eu-west", market: "jp", currency: "KWD", reporting: "EUR", rate: "0.00625", shipping: 8000,
			lines: []saleLine{{quantity: 1, total: 16000, bookedTotal: 10}}, paid: at("2026-03-01T01:00:00Z"),
		},
		{
			// paid as the second day begins; 100 yen are 0.62, and both parts went back at once: 30 would be 0.19, 70 0.44
			region: "eu-west", market: "us", currency: "JPY", reporting: "EUR", rate: "0.00625",
			lines: []saleLine{{quantity: 1, total: 100, bookedTotal: 62}}, paid: at("2026-03-02T00:00:00Z"),
			refunds: []saleRefund{
				{minor: 30, at: at("2026-03-02T01:00:00Z"), status: "succeeded"},
				{minor: 70, at: at("2026-03-02T01:00:00Z"), status: "succeeded"},
			},
		},
		{
			// three lines of half a cent are booked as nothing: no more goes back, though two of them would be a cent
			region: "eu-west", market: "us", currency: "JPY", reporting: "EUR", rate: "0.005",
			lines: []saleLine{{quantity: 1, total: 1}, {quantity: 1, total: 1}, {quantity: 1, total: 1}}, paid: at("2026-03-03T00:00:00Z"),
			refunds: []saleRefund{{minor: 2, at: at("2026-03-03T01:00:00Z"), status: "succeeded"}},
		},
		{
			// no rate was known
			region: "eu-west", market: "jp", currency: "JPY", lines: []saleLine{{quantity: 5, total: 1000}},
			paid: at("2026-03-01T01:00:00Z"), refunds: []saleRefund{{minor: 10, at: at("2026-03-01T02:00:00Z"), status: "succeeded"}},
		},
		{
			// older than markets
			region: "us-east", currency: "USD", reporting: "EUR", rate: "0.9", shipping: 100,
			lines: []saleLine{{quantity: 1, total: 1000, bookedTotal: 900}}, paid: at("2026-03-01T01:00:00Z"),
		},
		{
			// its money came too late and went back: no revenue
			region: "us-east", market: "us", currency: "USD", reporting: "EUR", rate: "0.9",
			lines:   []saleLine{{quantity: 1, total: 1000, bookedTotal: 900}},
			refunds: []saleRefund{{minor: 1000, at: at("2026-03-02T01:00:00Z"), status: "succeeded"}},
		},
		{
			// before the range
			region: "us-east", market: "us", currency: "USD", reporting: "EUR", rate: "0.9",
			lines: []saleLine{{quantity: 1, total: 1000, bookedTotal: 900}}, paid: at("2026-02-28T23:59:59.999999Z"),
		},
	} {
		s.insert(t, db)
	}
	want := [][]string{
		wantRow{
			day: "2026-03-01", currency: "USD", orders: 1, units: 1, gross: 1000, shipping: 100, net: 1100,
			reporting: "EUR", bookedGross: 900, bookedShipping: 90, bookedNet: 990,
		}.record(),
		wantRow{
			day: "2026-03-01", market: "jp", currency: "JPY", orders: 1, units: 5, gross: 1000, refunds: 10, net: 990,
			unbooked: 1,
		}.record(),
		wantRow{
			day: "2026-03-01", market: "jp", currency: "JPY", orders: 2, units: 4, gross: 1433, shipping: 500, tax: 130, discount: 100, net: 1933,
			reporting: "EUR", bookedGross: 895, bookedShipping: 312, bookedTax: 82, bookedDiscount: 62, bookedNet: 1207,
		}.record(),
		wantRow{
			day: "2026-03-01", market: "jp", currency: "JPY", orders: 1, units: 1, gross: 1000, net: 1000,
			reporting: "USD", bookedGross: 625, bookedNet: 625,
		}.record(),
		wantRow{
			day: "2026-03-01", market: "jp", currency: "KWD", orders: 1, units: 1, gross: 16000, shipping: 8000, net: 24000,
			reporting: "EUR", bookedGross: 10, bookedShipping: 5, bookedNet: 15,
		}.record(),
		wantRow{
			day: "2026-03-02", market: "jp", currency: "JPY", refunds: 1033, net: -1033,
			reporting: "EUR", bookedRefunds: 646, bookedNet: -646,
		}.record(),
		wantRow{
			day: "2026-03-02", market: "us", currency: "JPY", orders: 1, units: 1, gross: 100, refunds: 100,
			reporting: "EUR", bookedGross: 62, bookedRefunds: 62,
		}.record(),
		wantRow{
			day: "2026-03-03", market: "jp", currency: "JPY", refunds: 800, net: -800,
			reporting: "EUR", bookedRefunds: 499, bookedNet: -499,
		}.record(),
		wantRow{
			day: "2026-03-03", market: "us", currency: "JPY", orders: 1, units: 3, gross: 3, refunds: 2, net: 1,
			reporting: "EUR",
		}.record(),
	}
	all := Range{From: day("2026-03-01"), To: day("2026-03-03")}
	if diff := gocmp.Diff(want, revenue(t, db, all)); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	for _, test := range []struct {
		name     string
		r        Range
		from, to int // of want
	}{
		{"the first day", Range{From: day("2026-03-01"), To: day("2026-03-01")}, 0, 5},
		{"a day", Range{From: day("2026-03-02"), To: day("2026-03-02")}, 5, 7},
		{"a market", Range{From: day("2026-03-01"), To: day("2026-03-01"), Market: "jp"}, 1, 5},
		{"a currency", Range{From: all.From, To: all.To, Currency: "USD"}, 0, 1},
		{"a market and a currency", Range{From: all.From, To: all.To, Market: "jp", Currency: "USD"}, 0, 0},
		{"nothing happened", Range{From: day("2026-03-04"), To: day("2026-03-05")}, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := gocmp.Diff(want[test.from:test.to], revenue(t, db, test.r), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	t.Run("from a replica", func(t *testing.T) {
		var out bytes.Buffer
		p := printer{csv: csv.NewWriter(&out)}
		testkit.NoError(t, errors.Join(eachStale(t.Context(), db, all, p.add), p.end()))
		if diff := gocmp.Diff(want, testkit.Must(csv.NewReader(&out).ReadAll())(t)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestWrite_Refuses(t *testing.T) {
	db := databasetest.New(t)
	a := day("2026-01-01")
	for _, test := range []struct {
		name, field string
		r           Range
	}{
		{"backwards", "to", Range{From: a, To: a.AddDate(0, 0, -1)}},
		{"401 days", "to", Range{From: a, To: a.AddDate(0, 0, MaxDays)}},
		{"noon", "from", Range{From: a.Add(12 * time.Hour), To: a.AddDate(0, 0, 2)}},
		{"until noon", "to", Range{From: a, To: a.Add(12 * time.Hour)}},
		{"no such currency", "currency", Range{From: a, To: a, Currency: "EURO"}},
		{"no such market", "market", Range{From: a, To: a, Market: "atlantis"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out bytes.Buffer
			err := Write(t.Context(), db, &out, test.r)
			var refused *invalid.Error
			if !errors.As(err, &refused) || refused.Fields[0].Name != test.field {
				t.Errorf("%v, want a fault of %s", err, test.field)
			}
			if out.Len() > 0 {
				t.Errorf("it wrote %q", out.String())
			}
		})
	}
	if rows := revenue(t, db, Range{From: a, To: a.AddDate(0, 0, MaxDays-1), Currency: "EUR"}); len(rows) > 0 {
		t.Errorf("a shop without orders has %v", rows)
	}
}

func TestWrite_ToSomebodyWhoLeft(t *testing.T) {
	db := databasetest.New(t)
	gone := errors.New("gone")
	if err := Write(t.Context(), db, writerFunc(func([]byte) (int, error) { return 0, gone }),
		Range{From: day("2026-01-01"), To: day("2026-01-01")}); !errors.Is(err, gone) {
		t.Errorf("it fails with %v, want %v", err, gone)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func TestParseRange(t *testing.T) {
	r, err := ParseRange("2026-01-31", "2026-02-28", " eu ", "EUR")
	if want := (Range{From: day("2026-01-31"), To: day("2026-02-28"), Market: "eu", Currency: "EUR"}); err != nil || r != want {
		t.Errorf("%+v, %v, want %+v", r, err, want)
	}
	for _, test := range []struct {
		name                       string
		from, to, market, currency string
		want                       []string // the fields
	}{
		{"empty", "", "", "", "", []string{"from", "to"}},
		{"no such day", "2026-02-30", "2026-13-01", "", "", []string{"from", "to"}},
		{"a time", "2026-01-01T00:00:00Z", "2026-01-02", "", "", []string{"from"}},
		{"all at once", "x", "2026-01-02", "a\nb", "eur", []string{"from", "market", "currency"}},
		{"too long", "2025-01-01", "2026-02-05", "", "", []string{"to"}},
		{"too long, and another fault", "2025-01-01", "2026-02-05", "", "€", []string{"to", "currency"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ParseRange(test.from, test.to, test.market, test.currency)
			var refused *invalid.Error
			var got []string
			if errors.As(err, &refused) {
				for _, f := range refused.Fields {
					got = append(got, f.Name)
				}
			}
			if diff := gocmp.Diff(test.want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	if _, err := ParseRange("2025-01-01", "2026-02-04", "", ""); err != nil {
		t.Errorf("400 days: %v", err)
	}
}

// draw makes orders that are paid, and refunded in parts, in the days from first on.
func draw(rt *rapid.T, first time.Time, days int) []sale {
	moment := func(label string) time.Time {
		return first.Add(time.Duration(rapid.Int64Range(0, int64(days)*24*3600*1000-1).Draw(rt, label)) * time.Millisecond)
	}
	var all []sale
	for range rapid.IntRange(1, 12).Draw(rt, "orders") {
		s := sale{
			region:   rapid.SampledFrom([]string{"us-east", "us-west", "eu-west", "ap-southeast"}).Draw(rt, "region"),
			market:   rapid.SampledFrom([]string{"", "eu", "jp"}).Draw(rt, "market"),
			currency: rapid.SampledFrom([]money.Currency{"EUR", "JPY", "KWD"}).Draw(rt, "currency"),
			shipping: rapid.Int64Range(0, 1500).Draw(rt, "shipping"),
		}
		if rapid.IntRange(0, 4).Draw(rt, "has a rate") > 0 {
			s.reporting = rapid.SampledFrom([]money.Currency{"EUR", "JPY"}).Draw(rt, "reporting")
			s.rate = money.NewDecimal(rapid.Int64Range(1, 9_999_999).Draw(rt, "rate"), rapid.IntRange(2, 7).Draw(rt, "decimals")).String()
		}
		for range rapid.IntRange(1, 4).Draw(rt, "lines") {
			l := saleLine{
				quantity: rapid.Int64Range(1, 9).Draw(rt, "quantity"), total: rapid.Int64Range(0, 20_000).Draw(rt, "total"),
				discount: rapid.Int64Range(0, 500).Draw(rt, "discount"),
			}
			l.tax = rapid.Int64Range(0, l.total).Draw(rt, "tax")
			l.bookedTotal, l.bookedTax = s.at(l.total), s.at(l.tax)
			s.lines = append(s.lines, l)
		}
		if rapid.IntRange(0, 5).Draw(rt, "paid") > 0 {
			s.paid = moment("paid at")
		}
		left := s.charge()
		for range rapid.IntRange(0, 4).Draw(rt, "refunds") {
			r := saleRefund{minor: left, at: moment("refunded at"), status: "succeeded"}
			if rapid.Bool().Draw(rt, "in part") {
				r.minor = rapid.Int64Range(0, left).Draw(rt, "refund")
			}
			if rapid.IntRange(0, 5).Draw(rt, "failed") == 0 {
				r.status = rapid.SampledFrom([]string{"failed", "replaced", "pending"}).Draw(rt, "status")
			}
			if r.minor == 0 {
				continue
			}
			if r.status == "succeeded" {
				left -= r.minor
			}
			s.refunds = append(s.refunds, r)
		}
		all = append(all, s)
	}
	return all
}

// at is an amount at the booked rate, rounded half to even, worked out in fractions.
func (s sale) at(minor int64) int64 {
	if s.reporting == "" {
		return 0
	}
	exact, _ := new(big.Rat).SetString(s.rate)
	exact.Mul(exact, big.NewRat(minor, 1))
	exact.Mul(exact, new(big.Rat).SetFrac(pow10(s.reporting.Exponent()), pow10(s.currency.Exponent())))
	double := new(big.Int).Add(new(big.Int).Lsh(exact.Num(), 1), exact.Denom())
	rounded := new(big.Int).Div(double, new(big.Int).Lsh(exact.Denom(), 1)) // half up
	if exact.Denom().Cmp(big.NewInt(2)) == 0 && rounded.Bit(0) == 1 {
		rounded.Sub(rounded, big.NewInt(1))
	}
	return rounded.Int64()
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

// wantRow is a row of the report.
type wantRow struct {
	day, market         string
	currency, reporting money.Currency

	orders, units, gross, shipping, tax, discount, refunds, net                                int64
	bookedGross, bookedShipping, bookedTax, bookedDiscount, bookedRefunds, bookedNet, unbooked int64
}

// record returns the row as the report writes it.
func (r wantRow) record() []string {
	record := []string{r.day, r.market, string(r.currency)}
	for _, n := range []int64{r.orders, r.units, r.gross, r.shipping, r.tax, r.discount, r.refunds, r.net} {
		record = append(record, strconv.FormatInt(n, 10))
	}
	record = append(record, string(r.reporting))
	for _, n := range []int64{r.bookedGross, r.bookedShipping, r.bookedTax, r.bookedDiscount, r.bookedRefunds, r.bookedNet} {
		text := ""
		if r.reporting != "" {
			text = strconv.FormatInt(n, 10)
		}
		record = append(record, text)
	}
	return append(record, strconv.FormatInt(r.unbooked, 10))
}

// numbers holds a row's numbers by the constants below. Those of the reporting currency are 0 where they are empty.
type numbers [14]int64

const (
	numOrders = iota
	numUnits
	numGross
	numShipping
	numTax
	numDiscount
	numRefunds
	numBookedGross
	numBookedShipping
	numBookedTax
	numBookedDiscount
	numBookedRefunds
	numBookedNet
	numUnbooked
)

// numberColumns are the report's columns in the order of the constants.
var numberColumns = []string{
	"orders", "units", "gross_minor", "shipping_minor", "tax_minor", "discount_minor", "refunds_minor",
	"reporting_gross_minor", "reporting_shipping_minor", "reporting_tax_minor", "reporting_discount_minor", "reporting_refunds_minor",
	"reporting_net_minor", "unbooked_orders",
}

// expected adds the orders up one by one.
func expected(all []sale) map[key]numbers {
	rows := make(map[key]numbers)
	add := func(s sale, at time.Time, n numbers) {
		k := key{day: at.UTC().Truncate(24 * time.Hour), market: s.market, currency: s.currency, reporting: s.reporting}
		sum := rows[k]
		for i := range n {
			sum[i] += n[i]
		}
		rows[k] = sum
	}
	for _, s := range all {
		if s.paid.IsZero() {
			continue
		}
		n := numbers{numOrders: 1, numShipping: s.shipping, numBookedShipping: s.at(s.shipping)}
		var discount int64
		for _, l := range s.lines {
			n[numUnits] += l.quantity
			n[numGross] += l.total
			n[numTax] += l.tax
			n[numBookedGross] += l.bookedTotal
			n[numBookedTax] += l.bookedTax
			discount += l.discount
		}
		n[numDiscount], n[numBookedDiscount] = discount, s.at(discount)
		charge := n[numBookedGross] + n[numBookedShipping]
		if s.reporting == "" {
			n[numUnbooked] = 1
		}
		add(s, s.paid, n)
		succeeded := slices.DeleteFunc(slices.Clone(s.refunds), func(r saleRefund) bool { return r.status != "succeeded" })
		slices.SortStableFunc(succeeded, func(a, b saleRefund) int { return a.at.Compare(b.at) })
		var given, worth int64
		for _, r := range succeeded {
			given += r.minor
			now := min(s.at(given), charge)
			if given == s.charge() {
				now = charge
			}
			add(s, r.at, numbers{numRefunds: r.minor, numBookedRefunds: now - worth})
			worth = now
		}
	}
	for k, n := range rows {
		n[numBookedNet] = n[numBookedGross] + n[numBookedShipping] - n[numBookedRefunds]
		rows[k] = n
	}
	return rows
}

// read returns the rows of a report as expected has them, and their order. It checks net_minor on the way.
func read(t testing.TB, records [][]string) (rows map[key]numbers, order []key) {
	t.Helper()
	rows = make(map[key]numbers)
	for _, record := range records {
		k := key{day: day(record[0]), market: record[1], currency: money.Currency(record[2]),
			reporting: money.Currency(record[slices.Index(columns, "reporting_currency")])}
		var n numbers
		for i, name := range numberColumns {
			text := record[slices.Index(columns, name)]
			if k.reporting == "" && strings.HasPrefix(name, "reporting_") {
				if text != "" {
					t.Errorf("%v: an order without a rate has %s %s", record, name, text)
				}
				continue
			}
			n[i] = testkit.Must(strconv.ParseInt(text, 10, 64))(t)
		}
		if net := testkit.Must(strconv.ParseInt(record[slices.Index(columns, "net_minor")], 10,
			64))(t); net != n[numGross]+n[numShipping]-n[numRefunds] {
			t.Errorf("%v: net_minor does not follow", record)
		}
		if _, twice := rows[k]; twice {
			t.Errorf("%+v has two rows", k)
		}
		rows[k], order = n, append(order, k)
	}
	return rows, order
}

// TestWrite_AddsUp: the report is what its orders add up to, however they are spread over
// regions, days and refunds.
func TestWrite_AddsUp(t *testing.T) {
	db := databasetest.New(t)
	const days = 6
	first := day("2000-01-01")
	rapid.Check(t, func(rt *rapid.T) {
		first = first.AddDate(0, 0, days) // days of its own
		all := draw(rt, first, days)
		for _, s := range all {
			s.insert(t, db)
		}
		whole := revenue(t, db, Range{From: first, To: first.AddDate(0, 0, days-1)})
		got, order := read(t, whole)
		if diff := gocmp.Diff(expected(all), got, gocmp.AllowUnexported(key{})); diff != "" {
			rt.Fatalf("rows (-want +got):\n%s", diff)
		}
		if !slices.IsSortedFunc(order, func(a, b key) int { return cmp.Or(a.day.Compare(b.day), strings.Compare(a.market, b.market)) }) {
			rt.Fatalf("not by day and market: %v", order)
		}
		var daily [][]string
		for i := range days {
			on := first.AddDate(0, 0, i)
			daily = append(daily, revenue(t, db, Range{From: on, To: on})...)
		}
		if diff := gocmp.Diff(whole, daily, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("the days do not add up to the range (-range +days):\n%s", diff)
		}
		wantWhatIsLeft(rt, all, got)
	})
}

// wantWhatIsLeft compares the report with the orders, per currency: what is left is what came in
// without what went back, and of orders that were given back whole nothing is left at all.
func wantWhatIsLeft(rt *rapid.T, all []sale, rows map[key]numbers) {
	left, reported := make(map[money.Currency]int64), make(map[money.Currency]int64)
	worth, reportedWorth := make(map[key]int64), make(map[key]int64)
	for _, s := range all {
		if s.paid.IsZero() {
			continue
		}
		given := int64(0)
		for _, r := range s.refunds {
			if r.status == "succeeded" {
				given += r.minor
			}
		}
		left[s.currency] += s.charge() - given
		k := key{currency: s.currency, reporting: s.reporting}
		if given != s.charge() {
			worth[k] -= min(s.at(given), s.booked())
			worth[k] += s.booked()
		}
	}
	for k, n := range rows {
		reported[k.currency] += n[numGross] + n[numShipping] - n[numRefunds]
		reportedWorth[key{currency: k.currency, reporting: k.reporting}] += n[numBookedNet]
	}
	if diff := gocmp.Diff(left, reported); diff != "" {
		rt.Fatalf("what is left (-orders +report):\n%s", diff)
	}
	for k := range reportedWorth { // none in worth is zero: all its orders were given back whole
		if worth[k] != reportedWorth[k] {
			rt.Fatalf("%s of orders in %s: %d is left of the orders, the report says %d", k.reporting, k.currency, worth[k], reportedWorth[k])
		}
	}
}

// booked is the order's charge in the reporting currency.
func (s sale) booked() int64 {
	sum := s.at(s.shipping)
	for _, l := range s.lines {
		sum += l.bookedTotal
	}
	return sum
}
