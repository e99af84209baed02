package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
	"meridian/internal/testkit/apitest"
	"meridian/internal/testkit/databasetest"
)

// market is a server whose catalogue has two sellers, with the tokens acme and other.
type market struct {
	http.Handler
	server  *Server
	catalog *catalog.Catalog
}

// priceLeadOfTests is how long before it is in force a price is known to all pods; tests of it wait so long.
const priceLeadOfTests = 2 * time.Second

func newMarket(t *testing.T, set ...func(*Deps, *Config)) market {
	t.Helper()
	return newMarketOn(t, databasetest.New(t), set...)
}

func newMarketOn(t *testing.T, db *database.DB, set ...func(*Deps, *Config)) market {
	t.Helper()
	var shelves *catalog.Catalog
	sellers := make(map[string]uuid.UUID)
	s := newTestServer(t, append(set, withCarts(t, db), func(d *Deps, _ *Config) {
		var err error
		if shelves, err = catalog.New(catalog.Config{DB: db, Regions: d.Regions, PriceLead: priceLeadOfTests}); err != nil {
			t.Fatal(err)
		}
		d.Catalog = shelves
		d.Finance = finance.New(finance.Config{DB: db, Prices: testPrices(t, pricing.Config{DB: db, Lead: priceLeadOfTests})})
		for _, slug := range []string{"acme", "other"} {
			seller := testkit.Must(shelves.CreateSeller(t.Context(), catalog.SellerInput{Slug: slug, Name: slug}))(t)
			sellers[slug] = seller.ID
		}
		verify := d.VerifyToken
		d.VerifyToken = func(ctx context.Context, token string) (Principal, error) {
			id, ok := sellers[token]
			if !ok {
				return verify(ctx, token)
			}
			p, err := verify(ctx, "seller")
			p.Seller = id
			return p, err
		}
	})...)
	m := market{validated(t, s.Handler()), s, shelves}
	w := m.as("admin", "PUT", "/v1/admin/categories", `{"categories":[{"code":"hg","name":"Home"},{"code":"hg-1","parent":"hg","name":"Kitchen"}]}`)
	if w.Code != http.StatusOK {
		t.Fatalf("categories: %d %s", w.Code, w.Body)
	}
	return m
}

func (m market) as(token, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	return ask(m, method, target, body, append(headers, "Authorization", "Bearer "+token)...)
}

const mugBody = `{"key":"m1","title":"Mug","category":"hg-1","status":"active","attributes":{"material":"china"},
"images":[{"url":"/mug.jpg"}],"skus":[{"sku":"MUG","options":{"colour":"red"},"prices":{"GBP":295}}]}`

func (m market) create(t *testing.T, body string) (product sellerProductResponse, etag string) {
	t.Helper()
	w := m.as("acme", "POST", "/v1/seller/products", body, "Idempotency-Key", uuid.NewString())
	if w.Code != http.StatusCreated {
		t.Fatalf("created: %d %s", w.Code, w.Body)
	}
	decodeAnswer(t, w, &product)
	return product, w.Header().Get("ETag")
}

func decodeAnswer(t *testing.T, w *httptest.ResponseRecorder, into any) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
}

func TestSellerProducts(t *testing.T) {
	m := newMarket(t)
	key := []string{"Idempotency-Key", "once"}
	first := m.as("acme", "POST", "/v1/seller/products", mugBody, key...)
	again := m.as("acme", "POST", "/v1/seller/products", mugBody, key...)
	if first.Code != 201 || again.Code != 201 || again.Header().Get("Idempotency-Replayed") != "true" ||
		first.Body.String() != again.Body.String() {
		t.Fatalf("created: %d %s\nagain: %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	wantProblem(t, m.as("acme", "POST", "/v1/seller/products", strings.Replace(mugBody, "Mug", "Cup", 1), key...), 422,
		"idempotency_key_reused")
	var p sellerProductResponse
	decodeAnswer(t, first, &p)
	path := "/v1/seller/products/" + p.ID
	if first.Header().Get("Location") != path || first.Header().Get("ETag") != `"v1"` {
		t.Errorf("headers %v", first.Header())
	}

	changed := strings.Replace(mugBody, `"title":"Mug"`, `"title":"Cup"`, 1)
	wantProblem(t, m.as("acme", "PUT", path, changed), 428, "precondition_required")
	wantProblem(t, m.as("acme", "PUT", path, changed, "If-Match", `"v7"`), 412, "precondition_failed")
	wantProblem(t, m.as("other", "PUT", path, changed, "If-Match", `"v1"`), 404, "not_found")
	w := m.as("acme", "PUT", path, changed, "If-Match", `"v1"`)
	if w.Code != 200 || w.Header().Get("ETag") != `"v2"` {
		t.Fatalf("changed: %d %s", w.Code, w.Body)
	}
	wantProblem(t, m.as("other", "GET", path, ""), 404, "not_found")
	wantProblem(t, m.as("other", "DELETE", path, "", "If-Match", `"v2"`), 404, "not_found")
	if w := m.as("acme", "DELETE", path, "", "If-Match", `"v2"`); w.Code != 200 {
		t.Errorf("archived: %d %s", w.Code, w.Body)
	}
	wantProblem(t, ask(m, "GET", "/v1/products/"+p.Slug, ""), 404, "not_found")
	var list sellerProductsResponse
	decodeAnswer(t, m.as("acme", "GET", "/v1/seller/products?status=archived", ""), &list)
	if len(list.Products) != 1 || list.Products[0].Title != "Cup" {
		t.Errorf("archived ones: %+v", list)
	}
}

func TestSellerProducts_Refused(t *testing.T) {
	m := newMarket(t)
	m.create(t, mugBody)
	for _, test := range []struct {
		name, token, body string
		status            int
		code              string
	}{
		{"as a shopper", "shopper", mugBody, 403, "forbidden"},
		{"as an admin", "admin", mugBody, 403, "forbidden"},
		{"as a seller of nothing", "seller", mugBody, 403, "forbidden"},
		{"a key twice", "acme", strings.Replace(mugBody, "MUG", "MUG2", 1), 409, "key_taken"},
		{"a taken SKU", "other", mugBody, 409, "sku_taken"},
		{"an unknown category", "other", strings.NewReplacer("MUG", "M3", "hg-1", "hg-9").Replace(mugBody), 400, "bad_request"},
		{"an unknown currency", "other", strings.NewReplacer("MUG", "M3", "GBP", "GBX").Replace(mugBody), 400, "bad_request"},
		{"an unknown member", "other", strings.Replace(mugBody, "key", "kee", 1), 400, "bad_request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := m.as(test.token, "POST", "/v1/seller/products", test.body, "Idempotency-Key", "k")
			wantProblem(t, w, test.status, test.code)
		})
	}
}

func TestPublicCatalogue(t *testing.T) {
	m := newMarket(t)
	p, _ := m.create(t, mugBody)
	testkit.NoError(t, m.catalog.PollOnce(t.Context()))
	trips := func(w *httptest.ResponseRecorder) string { return w.Header().Get("X-Meridian-Round-Trips") }
	first, second := ask(m, "GET", "/v1/products/"+p.ID, ""), ask(m, "GET", "/v1/products/"+p.ID, "")
	if trips(first) != "1" || trips(second) != "0" || first.Body.String() != second.Body.String() {
		t.Errorf("%s and %s round trips for\n%s\n%s", trips(first), trips(second), first.Body, second.Body)
	}
	etag := first.Header().Get("ETag")
	if h := first.Header(); etag == "" || h.Get("Age") == "" || !strings.HasPrefix(h.Get("Cache-Control"), "public, max-age=") {
		t.Errorf("headers %v", h)
	}
	if w := ask(m, "GET", "/v1/products/"+p.Slug, "", "If-None-Match", etag); w.Code != 304 {
		t.Errorf("unchanged: %d", w.Code)
	}
	wantProblem(t, ask(m, "GET", "/v1/products/none", ""), 404, "not_found")
	for _, path := range []string{"/v1/categories", "/v1/categories/hg", "/v1/products?category=hg"} {
		w := ask(m, "GET", path, "")
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		if again := ask(m, "GET", path, "", "If-None-Match", w.Header().Get("ETag")); again.Code != 304 {
			t.Errorf("%s unchanged: %d", path, again.Code)
		}
	}
	wantProblem(t, ask(m, "GET", "/v1/categories/none", ""), 404, "not_found")
	var kitchen placedCategoryResponse
	decodeAnswer(t, ask(m, "GET", "/v1/categories/hg-1", ""), &kitchen)
	if len(kitchen.Ancestors) != 1 || kitchen.Ancestors[0].ID != "hg" {
		t.Errorf("kitchen %+v", kitchen)
	}
}

func TestListProducts_Pages(t *testing.T) {
	m := newMarket(t)
	for i := range 5 {
		m.create(t, strings.NewReplacer("m1", fmt.Sprint("m", i), "MUG", fmt.Sprint("MUG", i)).Replace(mugBody))
	}
	seen := make(map[string]bool)
	pages := 0
	for target := "/v1/products?category=hg&limit=2"; target != ""; pages++ {
		w := ask(m, "GET", target, "")
		if w.Code != 200 || w.Header().Get("X-Meridian-Round-Trips") != "1" {
			t.Fatalf("%d in %s round trips: %s", w.Code, w.Header().Get("X-Meridian-Round-Trips"), w.Body)
		}
		var page productsResponse
		decodeAnswer(t, w, &page)
		for _, p := range page.Products {
			seen[p.ID] = true
		}
		target = ""
		if page.NextCursor != "" {
			target = "/v1/products?category=hg&limit=2&cursor=" + page.NextCursor
			wantProblem(t, ask(m, "GET", "/v1/products?category=hg-1&cursor="+page.NextCursor, ""), 400, "bad_cursor")
		}
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("%d products on %d pages, want 5 on 3", len(seen), pages)
	}
}

func TestImports(t *testing.T) {
	m := newMarket(t)
	file := `{"key":"a","title":"A","category":"hg","skus":[{"sku":"A","prices":{"GBP":1}}]}` + "\nbad\nworse\n"
	send := func(token, policy, media, text string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/seller/imports?policy="+policy, strings.NewReader(text))
		r.Header.Set("Content-Type", media)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		m.ServeHTTP(w, r)
		return w
	}
	var nothing, report importReportResponse
	decodeAnswer(t, send("acme", "all_or_nothing", "application/x-ndjson", file), &nothing)
	if nothing.Status != "failed" || nothing.LinesBad != 2 || nothing.ProductsWritten != 0 {
		t.Errorf("all or nothing: %+v", nothing)
	}
	w := send("acme", "keep_good", "application/x-ndjson", file)
	decodeAnswer(t, w, &report)
	if report.Status != "done" || report.LinesBad != 2 || report.ProductsWritten != 1 || len(report.Errors) != 2 ||
		report.Errors[0].Line != 2 {
		t.Errorf("keep good: %+v", report)
	}
	path := w.Header().Get("Location")
	var found importResponse
	decodeAnswer(t, m.as("acme", "GET", path, ""), &found)
	if found != report.importResponse && found.FinishedAt == nil {
		t.Errorf("found %+v, want %+v", found, report.importResponse)
	}
	var page importErrorsResponse
	decodeAnswer(t, m.as("acme", "GET", path+"/errors?limit=1", ""), &page)
	if len(page.Errors) != 1 || page.NextCursor == "" {
		t.Fatalf("a page of errors: %+v", page)
	}
	decodeAnswer(t, m.as("acme", "GET", path+"/errors?limit=1&cursor="+page.NextCursor, ""), &page)
	if len(page.Errors) != 1 || page.Errors[0].Line != 3 {
		t.Errorf("the next page: %+v", page)
	}
	var list importsResponse
	decodeAnswer(t, m.as("acme", "GET", "/v1/seller/imports?limit=1", ""), &list)
	if len(list.Imports) != 1 || list.NextCursor == "" {
		t.Errorf("imports: %+v", list)
	}
	wantProblem(t, m.as("other", "GET", path, ""), 404, "not_found")

	csv := send("acme", "keep_good", "text/csv; charset=utf-8", "key,title,category,sku,price_minor:GBP\nb,B,hg,B,250\n")
	decodeAnswer(t, csv, &report)
	if report.ProductsWritten != 1 {
		t.Errorf("CSV: %s", csv.Body)
	}
	wantProblem(t, send("acme", "keep_good", "text/csv", "sku\n"), 400, "bad_request")
	wantProblem(t, send("acme", "", "text/csv", "sku\n"), 400, "bad_request")
	wantProblem(t, send("acme", "keep_good", "application/json", "{}"), 415, "unsupported_media_type")
	wantProblem(t, send("shopper", "keep_good", "text/csv", "sku\n"), 403, "forbidden")
	wantProblem(t, send("acme", "all_or_nothing", "application/x-ndjson", strings.Repeat("x\n", catalog.MaxAllOrNothingLines+1)), 422,
		"import_too_long")
}

func TestImports_TooLarge(t *testing.T) {
	m := newMarket(t, func(_ *Deps, c *Config) { c.ImportLimit = 10 })
	r := httptest.NewRequest("POST", "/v1/seller/imports?policy=keep_good", strings.NewReader("key,title,category,sku"))
	r.Header.Set("Content-Type", "text/csv")
	r.Header.Set("Authorization", "Bearer acme")
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	wantProblem(t, w, 413, "body_too_large")
}

func TestCreateSeller(t *testing.T) {
	m := newMarket(t)
	if w := m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"third","name":"Third"}`); w.Code != 201 {
		t.Errorf("created: %d %s", w.Code, w.Body)
	}
	wantProblem(t, m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"third","name":"Third"}`), 409, "slug_taken")
	key := []string{"Idempotency-Key", "once"}
	first := m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"fifth","name":"Fifth"}`, key...)
	again := m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"fifth","name":"Fifth"}`, key...)
	if first.Code != 201 || again.Code != 201 || again.Header().Get("Idempotency-Replayed") != "true" ||
		first.Body.String() != again.Body.String() {
		t.Errorf("created: %d %s\nagain: %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	wantProblem(t, m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"sixth","name":"Sixth"}`, key...), 422, "idempotency_key_reused")
	wantProblem(t, m.as("admin", "POST", "/v1/admin/sellers", `{"slug":"T","name":""}`), 400, "bad_request")
	wantProblem(t, m.as("acme", "POST", "/v1/admin/sellers", `{"slug":"fourth","name":"Fourth"}`), 403, "forbidden")
	wantProblem(t, m.as("acme", "PUT", "/v1/admin/categories", `{"categories":[]}`), 403, "forbidden")
	wantProblem(t, m.as("admin", "PUT", "/v1/admin/categories", `{"categories":[{"code":"x","parent":"y","name":"X"}]}`), 400, "bad_request")
}

// Whatever is sent to the catalogue, by its sellers too, nothing breaks and nobody learns of another's drafts.
func TestCatalogue_HostileInput(t *testing.T) {
	m := newMarket(t)
	draft, _ := m.create(t, strings.NewReplacer(`"active"`, `"draft"`, "Mug", "Secret mug").Replace(mugBody))
	all := contract(t)
	var own []apitest.Operation
	for _, operation := range all.Operations {
		if slices.Contains([]string{"catalogue", "sellers"}, operation.Tags[0]) {
			own = append(own, operation)
		}
	}
	c := *all
	c.Operations = own
	caller := func(token string, secrets ...string) apitest.Caller {
		return apitest.Caller{Name: token, Header: http.Header{"Authorization": {"Bearer " + token}}, Secrets: secrets}
	}
	apitest.Driver{
		Contract: &c,
		Handler:  m.server.Handler(),
		Callers:  []apitest.Caller{caller("other", "Secret mug"), caller("acme"), caller("admin", "Secret mug")},
		Values:   map[string][]string{"product_id": {draft.ID, draft.Slug}, "category": {"hg"}, "policy": {"keep_good"}},
	}.Run(t)
}
