package local

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/database/embedded"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// A shop on a database of its own: filled at the first start, the same at the second, its
// orders kept.
func TestUp(t *testing.T) {
	testkit.Must(embedded.ObtainPostgres(t.Context(), nil))(t)
	dir := t.TempDir()
	var order purchase
	t.Run("the first start fills it", func(t *testing.T) {
		shop := openShop(t, func(c *Config) { c.Dir, c.DatabaseURL, c.Empty = dir, "", false })
		if got := databasetest.One[int64](t, shop.primary().DB, `SELECT count(*) FROM skus`); got < 4000 {
			t.Errorf("%d SKUs, want the gift shop's 3,451 and the food", got)
		}
		<-shop.Ready()
		if !shop.AwaitSearch(t.Context()) {
			t.Error("the search indexes are not filled")
		}
		for _, region := range shop.config.Regions.Names() {
			if state, err := shop.searchIndex(region).State(t.Context()); err != nil || state.Documents < 4000 {
				t.Errorf("the index of %s has %d documents, %v", region, state.Documents, err)
			}
		}
		var listing struct {
			Products []struct {
				Title string `json:"title"`
			} `json:"products"`
		}
		if status, code, err := call(t.Context(), http.MethodGet, shop.EdgeURL()+"/v1/products?limit=5", "", nil, &listing); err != nil ||
			status != http.StatusOK || len(listing.Products) != 5 {
			t.Errorf("listing through the edge: %d %s, %v, %d products", status, code, err, len(listing.Products))
		}
		var err error
		order, err = shop.buy(t.Context(), buyer{region: "eu-west", country: "GB", card: "card_success", lines: []line{{"85123A", 2}}})
		if err != nil || order.status != http.StatusCreated {
			t.Fatalf("checkout: %d %s, %v", order.status, order.code, err)
		}
		if states := shop.settle(t); states["paid"] != 1 {
			t.Errorf("orders = %v, want one paid", states)
		}
		shop.audit(t)
		databasetest.Exec(t, shop.primary().DB, `UPDATE products SET slug = 'edited', title = 'Edited', updated_at = now()
  WHERE id = (SELECT product_id FROM skus WHERE sku = '85123A')`)
		databasetest.Exec(t, shop.primary().DB, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id)
SELECT gen_random_uuid(), id, 'no-stock-yet', 'no-stock-yet', 'New', 'hg' FROM sellers WHERE slug = 'gift-shop'`)
		databasetest.Exec(t, shop.primary().DB, `INSERT INTO skus (sku, product_id) SELECT 'NEW-1', id FROM products
  WHERE seller_key = 'no-stock-yet'`)
	})
	t.Run("the second keeps it", func(t *testing.T) {
		shop := openShop(t, func(c *Config) { c.Dir, c.DatabaseURL, c.Empty = dir, "", false })
		order.base = shop.RegionURL("us-west")
		if status, err := order.orderStatus(t.Context()); err != nil || status != "paid" {
			t.Errorf("the order of the first start is %q, %v, want paid", status, err)
		}
		rows := databasetest.One[int64](t, shop.primary().DB, `SELECT count(*) FROM stock`)
		if got := databasetest.One[int64](t, shop.primary().DB, `SELECT count(*) FROM stock_movements WHERE kind = 'receive'`); got != rows {
			t.Errorf("%d receipts of %d rows: stock was received again", got, rows)
		}
		shop.audit(t)
	})
}

func TestStart_PortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	set, err := regions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	port := taken.Addr().(*net.TCPAddr).Port
	_, err = Start(context.Background(), Config{Regions: set, Dir: t.TempDir(), DatabaseURL: databasetest.Empty(t), EdgePort: port})
	if err == nil || !strings.Contains(err.Error(), "are taken") || !strings.Contains(err.Error(), "--port") {
		t.Errorf("Start = %v, want that the port is taken and what to do", err)
	}
}

func TestStart_DamagedSecrets(t *testing.T) {
	dir := t.TempDir()
	testkit.Must(loadSecrets(dir))(t)
	first, err := loadSecrets(dir)
	if err != nil || len(first.Deployment) != 32 {
		t.Fatalf("the secrets are not kept: %v", err)
	}
	writeFile(t, filepath.Join(dir, "secrets.json"), "{")
	if _, err := loadSecrets(dir); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("loadSecrets = %v, want that they are damaged", err)
	}
	for _, step := range []error{os.Remove(filepath.Join(dir, "secrets.json")), os.Mkdir(filepath.Join(dir, postgresDir), 0o700)} {
		if step != nil {
			t.Fatal(step)
		}
	}
	if _, err := loadSecrets(dir); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("loadSecrets = %v of a shop whose secrets are lost, want that they be restored", err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	testkit.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
