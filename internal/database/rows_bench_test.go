package database_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
)

// benchRow has about as many columns as an order.
type benchRow struct {
	Region, Status, Currency, Country, Market, Email, Group string
	ID, Account, Cart, Transition                           uuid.UUID
	Subtotal, Discount, Shipping, Tax, Total, Version       int64
	PlacedAt, UpdatedAt, ExpiresAt                          time.Time
	Included                                                bool
	ShipTo                                                  json.RawMessage
}

const benchTable = `(
  region text, status text, currency text, country text, market text, email text, "group" text,
  id uuid, account uuid, cart uuid, transition uuid,
  subtotal int8, discount int8, shipping int8, tax int8, total int8, version int8,
  placed_at timestamptz, updated_at timestamptz, expires_at timestamptz, included bool, ship_to jsonb)`

const benchNames = `region, status, currency, country, market, email, "group", id, account, cart, transition, subtotal, discount, shipping, tax, ` +
	`total, version, placed_at, updated_at, expires_at, included, ship_to`

func benchRows(n int) []benchRow {
	rows := make([]benchRow, n)
	for i := range rows {
		now := time.Now().UTC().Truncate(time.Microsecond)
		rows[i] = benchRow{
			Region: "eu-west", Status: "pending_payment", Currency: "EUR", Country: "IE", Market: "ie", Email: "a@example.com",
			ID: uuid.New(), Account: uuid.New(), Cart: uuid.New(), Transition: uuid.New(), Subtotal: int64(i), Total: 1000, Version: 1,
			PlacedAt: now, UpdatedAt: now, ExpiresAt: now, Included: true, ShipTo: json.RawMessage(`{"name": "A", "city": "Dublin"}`),
		}
	}
	return rows
}

// columnsByHand is what database.Columns does, written out, for comparison.
func columnsByHand(rows []benchRow) []any {
	n := len(rows)
	texts := make([][]string, 8)
	ids := make([][]uuid.UUID, 4)
	numbers := make([][]int64, 6)
	times := make([][]time.Time, 3)
	included := make([]bool, n)
	for i := range texts {
		texts[i] = make([]string, n)
	}
	for i := range ids {
		ids[i] = make([]uuid.UUID, n)
	}
	for i := range numbers {
		numbers[i] = make([]int64, n)
	}
	for i := range times {
		times[i] = make([]time.Time, n)
	}
	for i, r := range rows {
		texts[0][i], texts[1][i], texts[2][i], texts[3][i] = r.Region, r.Status, r.Currency, r.Country
		texts[4][i], texts[5][i], texts[6][i], texts[7][i] = r.Market, r.Email, r.Group, string(r.ShipTo)
		ids[0][i], ids[1][i], ids[2][i], ids[3][i] = r.ID, r.Account, r.Cart, r.Transition
		numbers[0][i], numbers[1][i], numbers[2][i] = r.Subtotal, r.Discount, r.Shipping
		numbers[3][i], numbers[4][i], numbers[5][i] = r.Tax, r.Total, r.Version
		times[0][i], times[1][i], times[2][i], included[i] = r.PlacedAt, r.UpdatedAt, r.ExpiresAt, r.Included
	}
	return []any{
		texts[0], texts[1], texts[2], texts[3], texts[4], texts[5], texts[6], ids[0], ids[1], ids[2], ids[3],
		numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], times[0], times[1], times[2], included, texts[7],
	}
}

// BenchmarkRows inserts rows by three ways and reports how much longer the others take than
// QueueInsert, as x_json and x_by_hand:
//
//	json     one JSON text that jsonb_to_recordset takes apart
//	by hand  arrays for unnest like QueueInsert's, filled by code written for the one struct
//
// They take turns, so that what else the machine does meets all of them alike.
func BenchmarkRows(b *testing.B) {
	for _, n := range []int{1, 8, 32} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { benchmarkRows(b, n) })
	}
}

func benchmarkRows(b *testing.B, n int) {
	url, conn := newNumbers(b)
	exec(b, conn, `CREATE UNLOGGED TABLE orders_like `+benchTable)
	db := open(b, url)
	rows := benchRows(n)
	numbered := `INSERT INTO orders_like (` + benchNames + `)
SELECT region, status, currency, country, market, email, "group", id, account, cart, transition, subtotal, discount, shipping, tax, total, version,
  placed_at, updated_at, expires_at, included, ship_to::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::uuid[], $9::uuid[], $10::uuid[], $11::uuid[],
  $12::int8[], $13::int8[], $14::int8[], $15::int8[], $16::int8[], $17::int8[], $18::timestamptz[], $19::timestamptz[], $20::timestamptz[],
  $21::bool[], $22::text[]) AS r (` + benchNames + `)`
	ways := []func(batch *database.Batch){
		func(batch *database.Batch) {
			args := database.Columns(rows)
			batch.QueueArgs(`INSERT INTO orders_like (`+benchNames+`)
SELECT region, status, currency, country, market, email, "group", id, account, cart, transition, subtotal, discount, shipping, tax, total, version,
  placed_at, updated_at, expires_at, included, ship_to::jsonb
FROM unnest(@region::text[], @status::text[], @currency::text[], @country::text[], @market::text[], @email::text[], @group::text[],
  @id::uuid[], @account::uuid[], @cart::uuid[], @transition::uuid[],
  @subtotal::int8[], @discount::int8[], @shipping::int8[], @tax::int8[], @total::int8[], @version::int8[],
  @placed_at::timestamptz[], @updated_at::timestamptz[], @expires_at::timestamptz[], @included::bool[], @ship_to::text[]) AS r (`+benchNames+`)`, args)
		},
		func(batch *database.Batch) {
			text, err := json.Marshal(jsonRows(rows))
			if err != nil {
				b.Fatal(err)
			}
			batch.Queue(`INSERT INTO orders_like (`+benchNames+`)
SELECT `+benchNames+` FROM jsonb_to_recordset($1::text::jsonb) AS r `+benchTable, string(text))
		},
		func(batch *database.Batch) { batch.Queue(numbered, columnsByHand(rows)...) },
	}
	took := make([]time.Duration, len(ways))
	for b.Loop() {
		for i, way := range ways {
			begun := time.Now()
			err := db.Write(b.Context(), func(batch *database.Batch) error {
				way(batch)
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(begun)
		}
	}
	b.ReportMetric(float64(took[1])/float64(took[0]), "x_json")
	b.ReportMetric(float64(took[2])/float64(took[0]), "x_by_hand")
}

// jsonRows returns rows under the names of their columns.
func jsonRows(rows []benchRow) []map[string]any {
	list := make([]map[string]any, len(rows))
	for i, r := range rows {
		list[i] = map[string]any{
			"region": r.Region, "status": r.Status, "currency": r.Currency, "country": r.Country, "market": r.Market, "email": r.Email,
			"group": r.Group, "id": r.ID, "account": r.Account, "cart": r.Cart, "transition": r.Transition,
			"subtotal": r.Subtotal, "discount": r.Discount, "shipping": r.Shipping, "tax": r.Tax, "total": r.Total, "version": r.Version,
			"placed_at": r.PlacedAt, "updated_at": r.UpdatedAt, "expires_at": r.ExpiresAt, "included": r.Included, "ship_to": r.ShipTo,
		}
	}
	return list
}
