package api

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/search"
	"meridian/internal/search/plain"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// plainSearch is the search of a shop without an engine.
func plainSearch(t testing.TB, db *database.DB, shelves *catalog.Catalog) *search.Searcher {
	t.Helper()
	return searchOf(t, db, search.Source{Name: "database", Engine: plain.Engine{Catalog: shelves}, Degraded: search.FromDatabase})
}

func searchOf(t testing.TB, db *database.DB, sources ...search.Source) *search.Searcher {
	t.Helper()
	s := testkit.Must(search.New(search.Config{DB: db, Sources: sources}))(t)
	return s
}

// anEngine answers what it is told to, and keeps what it was asked.
type anEngine struct {
	asked  search.Query
	answer search.Result
	// answers, if not nil, answers in its place.
	answers func(q search.Query) search.Result
	err     error
}

func (e *anEngine) Search(_ context.Context, q search.Query) (search.Result, error) {
	e.asked = q
	if e.answers != nil {
		return e.answers(q), e.err
	}
	return e.answer, e.err
}

// searched is a market whose own index is an engine of the test's, with the database behind it.
func newSearched(t *testing.T) (market, *anEngine) {
	t.Helper()
	engine := &anEngine{}
	db := databasetest.New(t, databasetest.Region("eu-west"))
	m := newMarketOn(t, db)
	m.server.Search = searchOf(t, db,
		search.Source{Name: "own", Engine: engine},
		search.Source{Name: "database", Engine: plain.Engine{Catalog: m.catalog}, Degraded: search.FromDatabase})
	return m, engine
}

func TestSearch_Faults(t *testing.T) {
	m, _ := newSearched(t)
	for query, field := range map[string]string{
		"colour=red":                     "colour",
		"q=" + strings.Repeat("x", 201):  "q",
		"q=a&q=b":                        "q",
		"category=nope":                  "category",
		"min_price=12.99":                "min_price",
		"min_price=-1":                   "min_price",
		"max_price=99999999999999999999": "max_price",
		"min_price=500&max_price=100":    "max_price",
		"min_rating=6":                   "min_rating",
		"min_rating=NaN":                 "min_rating",
		"in_stock=yes":                   "in_stock",
		"attribute=red":                  "attribute",
		"attribute==red":                 "attribute",
		"sort=cheapest":                  "sort",
		"loosen=everything":              "loosen",
		"facets=brand,size":              "facets",
		"limit=101":                      "limit",
		"prefix=1":                       "prefix",
		"country=Mars":                   "country",
		"currency=XXX":                   "currency",
		manyOf("brand=%d", 21):           "brand",
		manyOf("attribute=a%d=x", 11):    "attribute",
	} {
		p := wantProblem(t, ask(m, "GET", "/v1/search?"+query, ""), 400, "bad_request")
		if len(p.Errors) == 0 || p.Errors[0].Field != field {
			t.Errorf("%.60s: %+v, want a fault of %s", query, p.Errors, field)
		}
	}
	wantProblem(t, ask(m, "GET", "/v1/search?q=%00", ""), 400, "bad_request")
	wantProblem(t, ask(m, "GET", "/v1/search?brand=%ff", ""), 400, "bad_request")
	wantProblem(t, ask(m, "GET", "/v1/search?cursor=nonsense", ""), 400, "bad_cursor")
	wantProblem(t, ask(m, "GET", "/v1/search?market=mars", ""), 400, "market_unknown")
	for query, field := range map[string]string{"": "q", "q=x&limit=11": "limit", "q=x&sort=price": "sort"} {
		p := wantProblem(t, ask(m, "GET", "/v1/suggest?"+query, ""), 400, "bad_request")
		if p.Errors[0].Field != field {
			t.Errorf("suggest %s: %+v, want a fault of %s", query, p.Errors, field)
		}
	}
}

func manyOf(format string, n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return strings.Join(all, "&")
}

func TestSearch_Asks(t *testing.T) {
	m, engine := newSearched(t)
	engine.answer.Total = 1
	values := url.Values{
		"q": {` "red mug" x `}, "category": {"hg"}, "brand": {"A & B", "C",
			"C"}, "min_price": {"100"}, "max_price": {"2000"}, "min_rating": {"3.5"},
		"in_stock": {"true"}, "attribute": {"Colour=red", "colour=a=b",
			"size=L"}, "sort": {"-price"}, "facets": {"brand,price,brand"}, "limit": {"7"}, "market": {"uk"},
	}
	ask(m, "GET", "/v1/search?"+values.Encode(), "", "Accept-Language", "de-DE, en;q=0.5")
	low, high := int64(100), int64(2000)
	want := search.Query{
		Text: `"red mug" x`, Language: "de", OtherLanguages: []string{"en"}, Market: "uk", Sort: search.SortPriceDesc, Limit: 7, Facets: []search.FacetKind{search.FacetBrand,
			search.FacetPrice}, Highlight: true,
		Filter: search.Filter{Category: "hg", Brands: []string{"A & B", "C"}, MinPrice: &low, MaxPrice: &high, MinRating: 3500, InStock: true,
			Attributes: map[string][]string{"colour": {"red", "a=b"}, "size": {"L"}}},
	}
	if diff := cmp.Diff(want, engine.asked); diff != "" {
		t.Error(diff)
	}
}

func TestSearch_Answers(t *testing.T) {
	m, engine := newSearched(t)
	mug, _ := m.create(t, mugBody)
	gone, _ := m.create(t, strings.NewReplacer("m1", "m2", "MUG", "CUP", `"Mug"`, `"Cup"`, `"active"`, `"draft"`).Replace(mugBody))
	engine.answer = search.Result{
		Total: 2,
		Hits: []search.Hit{
			{Document: search.Card{ID: productID(t, gone.ID), Title: "Cup"}},
			{Document: search.Card{ID: productID(t, mug.ID), Title: "Mug", Stock: search.StockLow, RatingMilli: 4500, Ratings: 2},
				Highlights: map[string][]search.Fragment{"title": {{Text: "Mug", Match: true}}}},
		},
		Facets: search.Facets{
			Brands: []search.Count{{Value: "Acme", Count: 2}}, Categories: []search.Count{{Value: "hg-1", Count: 2}, {Value: "gone", Count: 1}},
			Prices: []search.Count{{Value: "uk:0", Count: 1}, {Value: "uk:9",
				Count: 1}}, Attributes: map[string][]search.Count{"colour": {{Value: "red", Count: 1}}},
		},
	}
	got := wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=mug&market=uk&currency=GBP&facets=brand,category,price,attribute&brand=Acme&attribute=colour=red", ""))
	if len(got.Hits) != 1 {
		t.Fatalf("hits %+v: what is off sale must be left out", got.Hits)
	}
	hit := got.Hits[0]
	if hit.ID != mug.ID || hit.Price == nil || hit.Price.AmountMinor != 295 || hit.Stock != search.StockLow || hit.Rating.Average != 4.5 ||
		hit.Rating.Count != 2 || hit.Image != "/mug.jpg" {
		t.Errorf("hit %+v, price %+v", hit, hit.Price)
	}
	end := int64(499)
	want := &facetsResponse{
		Brand: []facetValue{{"Acme", 2, true}}, Category: []facetCategory{{Code: "hg-1", Name: "Kitchen", Level: 2, Count: 2}},
		Price:     []facetPrice{{MinMinor: 0, MaxMinor: &end, Count: 1}, {MinMinor: 250000, Count: 1}},
		Attribute: []facetAttribute{{"colour", []facetValue{{"red", 1, true}}}},
	}
	if diff := cmp.Diff(want, got.Facets); diff != "" {
		t.Error(diff)
	}
	engine.err = search.ErrUnavailable
	got = wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=mu&in_stock=true", ""))
	if got.Degraded != "database" || !slices.Equal(got.Ignored, []search.Part{search.PartStock}) || len(got.Hits) != 1 ||
		got.Hits[0].ID != mug.ID {
		t.Errorf("without the engine: %+v", got)
	}
}

// TestSearch_SaysWhatItDid: what is only partly what was asked for is below a line, and what the filters keep out is told.
func TestSearch_SaysWhatItDid(t *testing.T) {
	m, engine := newSearched(t)
	mug, _ := m.create(t, mugBody)
	hit := search.Hit{Document: search.Card{ID: productID(t, mug.ID), Title: "Mug"}}
	engine.answers = func(q search.Query) search.Result {
		switch {
		case q.Filter.MaxPrice != nil:
			return search.Result{}
		case q.Match == search.MatchAny && len(q.Filter.Exclude) == 0:
			return search.Result{Total: 1, Hits: []search.Hit{hit}}
		case q.Match == search.MatchAny:
			return search.Result{}
		}
		return search.Result{Total: 457}
	}
	got := wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=red+mug&max_price=100&brand=Acme", ""))
	want := []withoutResponse{{Filter: search.PartPrice, Total: 457}, {Filter: search.PartAll, Total: 457}}
	if diff := cmp.Diff(want, got.Without); diff != "" || got.Total != 0 || len(got.Hits) != 0 || got.Loosened != "" {
		t.Errorf("nothing fits: %+v\n%s", got, diff)
	}
	got = wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=red+mug&max_price=100&loosen=filters", ""))
	if got.Loosened != string(search.LoosenedFilters) || got.Total != 457 || got.Without != nil {
		t.Errorf("loosened on request: %+v", got)
	}
	got = wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=red+mug", ""))
	if got.PartialFrom == nil || *got.PartialFrom != 0 || len(got.Hits) != 1 || got.Total != 457 {
		t.Errorf("partial hits: %+v", got)
	}
	got = wantAnswer[searchResponse](t, ask(m, "GET", "/v1/search?q=gluten+free+mug", ""))
	if !slices.Equal(got.Claims, []string{"gluten_free"}) || !slices.Equal(engine.asked.Filter.Claims, got.Claims) || engine.asked.Text != "mug" {
		t.Errorf("claims %v, asked %+v", got.Claims, engine.asked)
	}
}

func TestListProducts_UnknownCategory(t *testing.T) {
	m, _ := newSearched(t)
	m.create(t, mugBody)
	p := wantProblem(t, ask(m, "GET", "/v1/products?category=nope", ""), 400, "bad_request")
	if len(p.Errors) != 1 || p.Errors[0].Field != "category" {
		t.Errorf("%+v, want a fault of category", p.Errors)
	}
	wantAnswer[productsResponse](t, ask(m, "GET", "/v1/products?category=hg", ""))
}

func productID(t *testing.T, public string) uuid.UUID {
	t.Helper()
	id := testkit.Must(regions.ParseGlobalID(regions.ProductPrefix, public))(t)
	return id
}

func TestSearch_Pages(t *testing.T) {
	m, engine := newSearched(t)
	engine.err = search.ErrUnavailable
	for i := range 7 {
		m.create(t, strings.NewReplacer("m1", fmt.Sprint("m", i), "MUG", fmt.Sprint("MUG", i)).Replace(mugBody))
	}
	var ids []string
	for target := "/v1/search?q=mug&limit=3"; target != ""; {
		page := wantAnswer[searchResponse](t, ask(m, "GET", target, ""))
		for _, hit := range page.Hits {
			ids = append(ids, hit.ID)
		}
		target = ""
		if page.NextCursor != "" {
			target = "/v1/search?q=mug&limit=3&cursor=" + page.NextCursor
			wantProblem(t, ask(m, "GET", "/v1/search?q=mugs&limit=3&cursor="+page.NextCursor, ""), 400, "bad_cursor")
		}
	}
	slices.Sort(ids)
	if len(slices.Compact(ids)) != 7 {
		t.Errorf("%d products on all pages", len(ids))
	}
}

func TestSearchRules(t *testing.T) {
	m, _ := newSearched(t)
	mug, _ := m.create(t, strings.Replace(mugBody, `"title":"Mug"`, `"title":"Mug","brand":"Acme"`, 1))
	const path = "/v1/operator/search/rules/mugs"
	body := `{"texts":["mug"],"pin":["` + mug.ID + `"],"boost":[{"brand":"Acme","percent":150}],"valid_to":"2030-01-01T00:00:00Z"}`
	made := m.as("admin", "PUT", path, body)
	if made.Code != 200 || made.Header().Get("ETag") != `"v1"` {
		t.Fatalf("made: %d %s", made.Code, made.Body)
	}
	wantProblem(t, m.as("admin", "PUT", path, body), 412, "precondition_failed")
	if w := m.as("admin", "PUT", path, body, "If-Match", `"v1"`); w.Code != 200 || w.Header().Get("ETag") != `"v2"` {
		t.Errorf("replaced: %d %s", w.Code, w.Body)
	}
	got := wantAnswer[searchRuleResponse](t, m.as("admin", "GET", path, ""))
	if !slices.Equal(got.Pin, []string{mug.ID}) || got.Boost[0].Percent != 150 || got.Version != 2 || got.To.Year() != 2030 {
		t.Errorf("read %+v", got)
	}
	const stranger = "prd_aaaaaaaaaaaaaaaaaaaaaaaaaa"
	for body, field := range map[string]string{`{"pin":["x"]}`: "pin[0]", `{"pin":["` + mug.ID + `","` + stranger + `"]}`: "pin[1]",
		`{"hide":["` + stranger + `"]}`: "hide[0]", `{"boost":[{"product_ids":["` + stranger + `"],"percent":50}]}`: "boost[0].product_ids[0]",
		`{"boost":[{"brand":"Nobody","percent":50}]}`: "boost[0].brand", `{"boost":[{"category":"zz-9","percent":50}]}`: "boost[0].category", `{}`: "pin", `{"texts":["a"],"redirect":"//x"}`: "redirect",
		`{"pin":["` + mug.ID + `"],"regions":["x"]}`: "regions[0]"} {
		p := wantProblem(t, m.as("admin", "PUT", "/v1/operator/search/rules/other", body), 400, "bad_request")
		if p.Errors[0].Field != field {
			t.Errorf("%s: %+v, want a fault of %s", body, p.Errors, field)
		}
	}
	if list := wantAnswer[searchRulesResponse](t, m.as("admin", "GET", "/v1/operator/search/rules", "")); len(list.Rules) != 1 {
		t.Errorf("listed %+v", list)
	}
	if w := m.as("admin", "DELETE", path, ""); w.Code != 204 {
		t.Errorf("deleted: %d %s", w.Code, w.Body)
	}
	wantProblem(t, m.as("admin", "DELETE", path, ""), 404, "not_found")
	terms := wantAnswer[searchTermsResponse](t, m.as("admin", "GET", "/v1/operator/search/terms?unmet=true", ""))
	if terms.Region != "eu-west" {
		t.Errorf("terms %+v", terms)
	}
}
