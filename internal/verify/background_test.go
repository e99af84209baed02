package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
)

// TestRun_Background: a pod's audit finds what the operator's finds, whichever way its
// engine lets it read.
func TestRun_Background(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `UPDATE stock SET on_hand = on_hand + 1 WHERE sku = (SELECT min(sku) FROM stock)`)
	want := s.audit(t, verify.Options{})
	if want.Clean {
		t.Fatal("the audit finds nothing")
	}
	background := verify.Options{Regions: s.regions, Background: true}
	if diff := cmp.Diff(want.Results, s.audit(t, background).Results); diff != "" {
		t.Errorf("in the background (-want +got):\n%s", diff)
	}
	background.Examples = 20
	for _, result := range want.Results {
		if diff := cmp.Diff(result, testkit.Must(verify.RunStale(t.Context(), s.db, background, result.Check))(t)); diff != "" {
			t.Errorf("from a replica (-want +got):\n%s", diff)
		}
	}
}

// TestRun_Parts: an audit in parts finds what is wrong in each of them, and counts each row once.
func TestRun_Parts(t *testing.T) {
	s := newShop(t)
	databasetest.Exec(t, s.db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, description, brand, category_id)
SELECT gen_random_uuid(), p.seller_id, 'part', 'part', 'Part', '', '', p.category_id FROM products p LIMIT 1`)
	databasetest.Exec(t, s.db, `
INSERT INTO skus (sku, product_id)
SELECT 'PART-' || (100000 + n)::text, p.id FROM products p, generate_series(1, $1::int8) AS n WHERE p.seller_key = 'part'`, verify.PartRows)
	for _, region := range []string{"eu-west", "us-east"} { // two rows of a SKU where the region has two warehouses
		databasetest.Exec(t, s.db, `
INSERT INTO stock (region, sku, warehouse)
SELECT w.region, k.sku, w.code FROM skus k, warehouses w WHERE k.sku LIKE 'PART-%' AND w.region::text = $1`, region)
	}
	databasetest.Exec(t, s.db, `
UPDATE stock SET on_hand = on_hand + 1
WHERE sku IN ('PART-100001', $1) OR sku = (SELECT min(sku) FROM stock)`, fmt.Sprintf("PART-%d", 100000+verify.PartRows))
	var want []verify.Result
	for _, result := range s.audit(t, verify.Options{}).Results {
		if strings.HasPrefix(result.Check, "stock_") {
			want = append(want, result)
		}
	}
	var names []string
	for _, result := range want {
		names = append(names, result.Check)
	}
	if len(names) != 4 || want[0].Broken < 5 {
		t.Fatalf("the audit finds %+v", want)
	}
	options := verify.Options{Regions: s.regions, Background: true, Checks: names}
	sorted := cmpopts.SortSlices(func(a, b verify.Example) bool { return a.Region+a.ID < b.Region+b.ID })
	if diff := cmp.Diff(want, s.audit(t, options).Results, sorted); diff != "" {
		t.Errorf("in parts (-want +got):\n%s", diff)
	}
	options.Examples = 20
	for _, result := range want {
		got := testkit.Must(verify.RunStale(t.Context(), s.db, options, result.Check))(t)
		if diff := cmp.Diff(result, got, sorted); diff != "" {
			t.Errorf("from a replica, in parts (-want +got):\n%s", diff)
		}
	}
}
