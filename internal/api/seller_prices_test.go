package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/testkit/databasetest"
)

const pricedMug = `{"key":"m1","title":"Mug","category":"hg-1","status":"active","skus":[
{"sku":"MUG","prices":{"EUR":1000,"GBP":900}}]}`

// put replaces the mug with other prices.
func (m market) put(t *testing.T, path, etag, prices string) sellerProductResponse {
	t.Helper()
	body := strings.Replace(pricedMug, `{"EUR":1000,"GBP":900}`, prices, 1)
	return wantJSON[sellerProductResponse](t, m.as("acme", "PUT", path, body, "If-Match", etag), http.StatusOK)
}

// TestReplaceProduct_ScheduledPrices: the answer holds the price in force and the one that is to come, with its instant.
func TestReplaceProduct_ScheduledPrices(t *testing.T) {
	m := newMarket(t)
	p, etag := m.create(t, pricedMug)
	if len(p.ScheduledPrices) != 0 {
		t.Errorf("a first price is scheduled: %+v", p.ScheduledPrices)
	}
	path := "/v1/seller/products/" + p.ID
	begun := time.Now()
	changed := m.put(t, path, etag, `{"EUR":1100,"GBP":900,"USD":1200}`)
	if diff := cmp.Diff(map[string]int64{"EUR": 1000, "GBP": 900, "USD": 1200}, changed.SKUs[0].Prices); diff != "" {
		t.Errorf("in force (-want +got):\n%s", diff)
	}
	want := []scheduledPriceResponse{{SKU: "MUG", Currency: "EUR", AmountMinor: 1100}}
	if diff := cmp.Diff(want, changed.ScheduledPrices, cmpopts.IgnoreFields(scheduledPriceResponse{}, "ValidFrom")); diff != "" {
		t.Fatalf("scheduled (-want +got):\n%s", diff)
	}
	if from := changed.ScheduledPrices[0].ValidFrom; !from.After(begun) || from.After(time.Now().Add(time.Minute)) {
		t.Errorf("it begins at %s, asked at %s", from, begun)
	}
	if len(changed.PendingPrices) != 0 {
		t.Errorf("pending: %+v", changed.PendingPrices)
	}
	read := wantJSON[sellerProductResponse](t, m.as("acme", "GET", path, ""), http.StatusOK)
	if diff := cmp.Diff(string(marshal(changed)), string(marshal(read))); diff != "" {
		t.Errorf("read again (-answered +read):\n%s", diff)
	}
	time.Sleep(time.Until(changed.ScheduledPrices[0].ValidFrom))
	later := m.as("acme", "GET", path, "", "If-None-Match", `"v2"`) // the version of the edit, which is the last
	read = wantJSON[sellerProductResponse](t, later, http.StatusOK)
	if read.SKUs[0].Prices["EUR"] != 1100 || len(read.ScheduledPrices) != 0 {
		t.Errorf("after its instant: %+v", read)
	}
}

// TestReplaceProduct_PriceLeftOut: what an edit does not name is refused by name, and nothing changes.
func TestReplaceProduct_PriceLeftOut(t *testing.T) {
	m := newMarket(t)
	p, etag := m.create(t, pricedMug)
	path := "/v1/seller/products/" + p.ID
	for _, prices := range []string{`{"EUR":1050}`, `{"EUR":1050,"USD":1}`} {
		body := strings.Replace(pricedMug, `{"EUR":1000,"GBP":900}`, prices, 1)
		problem := wantProblem(t, m.as("acme", "PUT", path, body, "If-Match", etag), 400, "bad_request")
		if len(problem.Errors) != 1 || problem.Errors[0].Field != "skus[0].prices.GBP" {
			t.Errorf("%s: %+v", prices, problem.Errors)
		}
	}
	read := wantJSON[sellerProductResponse](t, m.as("acme", "GET", path, ""), http.StatusOK)
	if diff := cmp.Diff(string(marshal(p)), string(marshal(read))); diff != "" {
		t.Errorf("it changed (-before +after):\n%s", diff)
	}
}

// TestReplaceProduct_Jump: a large step waits for finance while the rest of the edit counts; asked for again it waits once.
func TestReplaceProduct_Jump(t *testing.T) {
	db := databasetest.New(t)
	m := newMarketOn(t, db)
	p, etag := m.create(t, pricedMug)
	path := "/v1/seller/products/" + p.ID
	changed := m.put(t, path, etag, `{"EUR":1201,"GBP":990}`)
	if len(changed.PendingPrices) != 1 || changed.PendingPrices[0].Currency != "EUR" || changed.PendingPrices[0].AmountMinor != 1201 {
		t.Fatalf("pending: %+v", changed.PendingPrices)
	}
	if len(changed.ScheduledPrices) != 1 || changed.ScheduledPrices[0].Currency != "GBP" {
		t.Errorf("scheduled: %+v", changed.ScheduledPrices)
	}
	id := changed.PendingPrices[0].ChangeID
	again := m.put(t, path, `"v2"`, `{"EUR":1201,"GBP":990}`)
	if len(again.PendingPrices) != 1 || again.PendingPrices[0].ChangeID != id {
		t.Errorf("asked for again: %+v, want %s", again.PendingPrices, id)
	}
	if n := databasetest.One[int64](t, db, `SELECT count(*) FROM price_changes`); n != 1 {
		t.Errorf("%d changes wait", n)
	}
	change := wantJSON[priceChangeResponse](t, m.as("admin", "GET", "/v1/finance/changes/"+id, ""), http.StatusOK)
	if change.Status != "pending" || change.Subject != "catalogue-EUR" || !strings.Contains(change.Reason, p.ID) {
		t.Errorf("the change: %+v", change)
	}
	wantJSON[priceChangeResponse](t, m.as("admin", "POST", "/v1/finance/changes/"+id+":approve", "{}"), http.StatusOK)
	read := wantJSON[sellerProductResponse](t, m.as("acme", "GET", path, ""), http.StatusOK)
	approved := func(p scheduledPriceResponse) bool { return p.Currency == "EUR" && p.AmountMinor == 1201 }
	if !slices.ContainsFunc(read.ScheduledPrices, approved) {
		t.Errorf("approved: %+v", read)
	}
}

// TestReplaceProduct_JumpOvertaken: a price that its seller has changed since is not approved over it.
func TestReplaceProduct_JumpOvertaken(t *testing.T) {
	m := newMarket(t)
	p, etag := m.create(t, pricedMug)
	path := "/v1/seller/products/" + p.ID
	jump := m.put(t, path, etag, `{"EUR":5000,"GBP":900}`)
	m.put(t, path, `"v2"`, `{"EUR":1010,"GBP":900}`)
	id := jump.PendingPrices[0].ChangeID
	wantProblem(t, m.as("admin", "POST", "/v1/finance/changes/"+id+":approve", "{}"), 409, "change_overtaken")
}

// TestImportProducts_Jump: a file's large steps wait like an edit's.
func TestImportProducts_Jump(t *testing.T) {
	db := databasetest.New(t)
	m := newMarketOn(t, db)
	m.create(t, pricedMug)
	file := `{"key":"m1","title":"Mug","category":"hg-1","skus":[{"sku":"MUG","prices":{"EUR":2000,"GBP":910}}]}` + "\n" +
		`{"key":"m2","title":"Cup","category":"hg-1","skus":[{"sku":"CUP","prices":{"EUR":2000}}]}` + "\n"
	for _, policy := range []string{"keep_good", "all_or_nothing"} {
		file += "\n" // another file
		r := httptest.NewRequest("POST", "/v1/seller/imports?policy="+policy, strings.NewReader(file))
		r.Header.Set("Content-Type", "application/x-ndjson")
		r.Header.Set("Authorization", "Bearer acme")
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		if report := wantJSON[importReportResponse](t, w, http.StatusOK); report.PricesPending != 1 || report.LinesBad != 0 {
			t.Errorf("%s: %+v", policy, report)
		}
	}
	if n := databasetest.One[int64](t, db, `SELECT count(*) FROM price_change_lines WHERE sku = 'MUG' AND amount_minor = 2000`); n != 1 {
		t.Errorf("%d lines wait", n)
	}
	if n := databasetest.One[int64](t, db,
		`SELECT max(amount_minor) FROM price_entries WHERE sku = 'MUG' AND list = 'catalogue-GBP'`); n != 910 {
		t.Errorf("the small step is at %d", n)
	}
	if n := databasetest.One[int64](t, db,
		`SELECT max(amount_minor) FROM price_entries WHERE sku = 'MUG' AND list = 'catalogue-EUR'`); n != 1000 {
		t.Errorf("the large step is at %d", n)
	}
}
