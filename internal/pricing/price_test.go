package pricing_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/database/databasetest"
	"meridian/internal/pricing"
)

func TestQueueSet(t *testing.T) {
	db := databasetest.New(t)
	set := func(prices ...pricing.Price) error {
		return db.Write(t.Context(), func(b *database.Batch) error { pricing.QueueSet(b, prices); return nil })
	}
	databasetest.Exec(t, db, `INSERT INTO sellers (id, slug, name) VALUES ('00000000-0000-4000-8000-000000000001', 'acme', 'Acme')`)
	databasetest.Exec(t, db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1)`)
	databasetest.Exec(t, db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id)
VALUES ('00000000-0000-4000-8000-0000000000a1', '00000000-0000-4000-8000-000000000001', 'k', 'mug', 'Mug', 'hg')`)
	databasetest.Exec(t, db, `INSERT INTO skus (sku, product_id) SELECT s, '00000000-0000-4000-8000-0000000000a1' FROM unnest(ARRAY['A', 'B']) AS s`)

	if err := set(); err != nil {
		t.Fatalf("no prices: %v", err)
	}
	if err := set(pricing.Price{SKU: "B", Currency: "EUR", AmountMinor: 5}, pricing.Price{SKU: "A", Currency: "EUR", AmountMinor: 1}, pricing.Price{SKU: "A", Currency: "EUR", AmountMinor: 2}); err != nil {
		t.Fatal(err)
	}
	wantPrices(t, db, []pricing.Price{{SKU: "A", Currency: "EUR", AmountMinor: 2}, {SKU: "B", Currency: "EUR", AmountMinor: 5}})

	databasetest.Exec(t, db, `UPDATE prices SET updated_at = '2020-01-01'`)
	if err := set(pricing.Price{SKU: "A", Currency: "EUR", AmountMinor: 3}, pricing.Price{SKU: "B", Currency: "EUR", AmountMinor: 5}, pricing.Price{SKU: "A", Currency: "GBP"}); err != nil {
		t.Fatal(err)
	}
	wantPrices(t, db, []pricing.Price{{SKU: "A", Currency: "EUR", AmountMinor: 3}, {SKU: "A", Currency: "GBP"}, {SKU: "B", Currency: "EUR", AmountMinor: 5}})
	untouched, err := database.List(t.Context(), db, pgx.RowTo[string], `SELECT sku FROM prices WHERE updated_at = '2020-01-01'`)
	if diff := cmp.Diff([]string{"B"}, untouched); diff != "" || err != nil {
		t.Errorf("rows whose price is the same were written (-want +got), %v:\n%s", err, diff)
	}

	if err := set(pricing.Price{SKU: "A", Currency: "EUR", AmountMinor: -1}); !database.Violates(err, "prices_not_negative") {
		t.Errorf("a negative price: %v", err)
	}
	if err := set(pricing.Price{SKU: "NOTHING", Currency: "EUR", AmountMinor: 1}); !database.Violates(err, "prices_sku_fkey") {
		t.Errorf("an unknown SKU: %v", err)
	}
}

func wantPrices(t *testing.T, db *database.DB, want []pricing.Price) {
	t.Helper()
	got, err := database.List(t.Context(), db, pgx.RowToStructByPos[pricing.Price], `SELECT sku, currency, amount_minor FROM prices ORDER BY sku, currency`)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prices (-want +got):\n%s", diff)
	}
}
