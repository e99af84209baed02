package search_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/search"
	"meridian/internal/search/plain"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

var names = []string{"us-east", "us-west", "eu-west", "ap-southeast"}

func newSearcher(t *testing.T, db *database.DB) *search.Searcher {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	shelves := testkit.Must(catalog.New(catalog.Config{DB: db, Regions: set}))(t)
	s, err := search.New(search.Config{DB: db, Sources: []search.Source{{Name: "database", Engine: plain.Engine{Catalog: shelves},
		Degraded: search.FromDatabase}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestRules(t *testing.T) {
	s := newSearcher(t, databasetest.New(t))
	rule := search.Rule{
		ID: "christmas", Texts: []string{"xmas"}, Contains: true, Regions: []string{"eu-west"}, Pin: []uuid.UUID{uuid.New()}, Hide: []uuid.UUID{uuid.New()},
		Boost: []search.Boost{{Brand: "Acme", Percent: 150}}, Redirect: "/c/christmas", From: time.Unix(1_700_000_000,
			0).UTC(), Note: "season", UpdatedBy: "usr_euw_x",
	}
	put := testkit.Must(s.PutRule(t.Context(), rule, names))(t)
	if diff := cmp.Diff(rule, put, cmpopts.IgnoreFields(search.Rule{}, "Version", "UpdatedAt")); diff != "" || put.Version != 1 {
		t.Errorf("version %d, %s", put.Version, diff)
	}
	if _, err := s.PutRule(t.Context(), rule, names); !errors.Is(err, search.ErrRuleChanged) {
		t.Errorf("made a second time: %v", err)
	}
	put.Note = "over"
	again, err := s.PutRule(t.Context(), put, names)
	if err != nil || again.Version != 2 {
		t.Fatalf("replaced: %+v, %v", again, err)
	}
	if _, err := s.PutRule(t.Context(), put, names); !errors.Is(err, search.ErrRuleChanged) {
		t.Errorf("replaced what has changed: %v", err)
	}
	if got, err := s.Rule(t.Context(), "christmas"); err != nil || cmp.Diff(again, got) != "" {
		t.Errorf("read %v, %s", err, cmp.Diff(again, got))
	}
	if err := s.DeleteRule(t.Context(), "christmas"); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"delete": s.DeleteRule(t.Context(), "christmas"),
		"get":    func() error { _, err := s.Rule(t.Context(), "christmas"); return err }(),
		"put":    func() error { _, err := s.PutRule(t.Context(), again, names); return err }(),
	} {
		if !errors.Is(err, search.ErrRuleNotFound) {
			t.Errorf("%s of a rule that is gone: %v", name, err)
		}
	}
	if rules, err := s.Rules(t.Context()); err != nil || len(rules) != 0 {
		t.Errorf("left: %v, %v", rules, err)
	}
}

func TestPutRule_Refuses(t *testing.T) {
	s := newSearcher(t, databasetest.New(t))
	one := []uuid.UUID{uuid.New()}
	tests := []struct {
		field string
		rule  search.Rule
	}{
		{"code", search.Rule{ID: "No Spaces", Pin: one}},
		{"code", search.Rule{ID: strings.Repeat("a", 65), Pin: one}},
		{"pin", search.Rule{ID: "a"}},
		{"texts[0]", search.Rule{ID: "a", Texts: []string{"  "}, Pin: one}},
		{"texts[0]", search.Rule{ID: "a", Texts: []string{"🎁"}, Contains: true, Redirect: "/gifts"}},
		{"regions[0]", search.Rule{ID: "a", Regions: []string{"mars"}, Pin: one}},
		{"pin", search.Rule{ID: "a", Pin: make([]uuid.UUID, 21)}},
		{"boost[0].percent", search.Rule{ID: "a", Boost: []search.Boost{{Brand: "A"}}}},
		{"boost[0]", search.Rule{ID: "a", Boost: []search.Boost{{Percent: 50}}}},
		{"redirect", search.Rule{ID: "a", Texts: []string{"x"}, Redirect: "javascript:alert(1)"}},
		{"redirect", search.Rule{ID: "a", Texts: []string{"x"}, Redirect: "//evil.example"}},
		{"redirect", search.Rule{ID: "a", Texts: []string{"x"}, Redirect: "/\\evil.example"}},
		{"redirect", search.Rule{ID: "a", Texts: []string{"x"}, Redirect: "http://plain.example/"}},
		{"texts", search.Rule{ID: "a", Redirect: "/sale"}},
		{"valid_to", search.Rule{ID: "a", Pin: one, From: time.Unix(2, 0), To: time.Unix(1, 0)}},
	}
	for _, test := range tests {
		_, err := s.PutRule(t.Context(), test.rule, names)
		var refused *invalid.Error
		if !errors.As(err, &refused) || refused.Fields[0].Name != test.field {
			t.Errorf("%+v: %v, want a fault of %s", test.rule, err, test.field)
		}
	}
}

func TestPutRule_MakesOneOnce(t *testing.T) {
	s := newSearcher(t, databasetest.New(t))
	var wg sync.WaitGroup
	made := make(chan error, 16)
	for range cap(made) {
		wg.Go(func() {
			_, err := s.PutRule(t.Context(), search.Rule{ID: "one", Pin: []uuid.UUID{uuid.New()}, UpdatedBy: "x"}, names)
			made <- err
		})
	}
	wg.Wait()
	close(made)
	won := 0
	for err := range made {
		if err == nil {
			won++
		} else if !errors.Is(err, search.ErrRuleChanged) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("made %d times", won)
	}
}

func TestTerms(t *testing.T) {
	db := databasetest.New(t, databasetest.Region("eu-west"))
	s := newSearcher(t, db)
	for text, times := range map[string]int{"Red  Mug": 3, "red mug": 2, "zebra": 3, "ada@example.com": 4, "0171 2345678": 4,
		strings.Repeat("long ", 20): 4} {
		for i := range times {
			testkit.Must(s.Search(t.Context(), search.Request{Query: search.Query{Text: text, Limit: 1}, Shopper: fmt.Sprint(i)}))(t)
		}
	}
	for range 9 { // one person's
		testkit.Must(s.Search(t.Context(), search.Request{Query: search.Query{Text: "ada lovelace", Limit: 1}, Shopper: "ada"}))(t)
	}
	s.FlushTerms(t.Context())
	s.FlushTerms(t.Context())
	got := testkit.Must(s.Terms(t.Context(), "eu-west", false, 10))(t)
	want := []search.Term{{Text: "red mug", Searches: 5, Unmet: 5}, {Text: "zebra", Searches: 3, Unmet: 3}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(search.Term{}, "SearchedAt")); diff != "" {
		t.Error(diff)
	}
	if n, err := s.SweepTerms(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("swept %d fresh texts, %v", n, err)
	}
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE search_terms SET searched_at = now() - INTERVAL '31 days' WHERE region = $1 AND term = 'zebra'`, "eu-west")
		return nil
	}))
	if n, err := s.SweepTerms(t.Context(), 10); err != nil || n != 1 {
		t.Errorf("swept %d old texts, %v", n, err)
	}
}

func TestPlain(t *testing.T) {
	db := databasetest.New(t)
	set := testkit.Must(regions.Shipped())(t)
	shelves := testkit.Must(catalog.New(catalog.Config{DB: db, Regions: set}))(t)
	if _, err := shelves.UpsertCategories(t.Context(), []catalog.CategoryInput{{ID: "hg", Name: "Home"},
		{ID: "hg-1", ParentID: "hg", Name: "Kitchen"}, {ID: "el", Name: "Electronics"}}); err != nil {
		t.Fatal(err)
	}
	seller := testkit.Must(shelves.CreateSeller(t.Context(), catalog.SellerInput{Slug: "acme", Name: "Acme"}))(t)
	for i, p := range []struct{ title, brand, category string }{
		{"Kitchen clock", "Acme", "hg"}, {"Mug", "Kitchenware & Co", "el"}, {"Teapot", "Acme", "hg-1"}, {"100% \"real\" mug", "Best",
			"hg-1"}, {"Mütze", "Best", "hg"},
	} {
		testkit.Must(shelves.CreateProduct(t.Context(), catalog.CreateInput{Seller: seller.ID, Product: catalog.ProductInput{
			Title: p.title, Brand: p.brand, CategoryID: p.category, Status: catalog.Active, SKUs: []catalog.SKUInput{{Code: fmt.Sprint("S", i)}},
		}}))(t)
	}
	tests := []struct {
		name string
		q    search.Query
		want []string
	}{
		{"title, then brand, then category", search.Query{Text: "KITCHEN"}, []string{"Kitchen clock", "Mug", "100% \"real\" mug", "Teapot"}},
		{"in a category", search.Query{Text: "kitchen", Filter: search.Filter{Category: "hg"}},
			[]string{"Kitchen clock", "100% \"real\" mug", "Teapot"}},
		{"by brand", search.Query{Text: "kitchen", Filter: search.Filter{Brands: []string{"Acme"}}}, []string{"Kitchen clock", "Teapot"}},
		{"no wildcards", search.Query{Text: "%"}, nil},
		{"umlauts", search.Query{Text: "mü"}, []string{"Mütze"}},
		{"no text", search.Query{}, []string{"100% \"real\" mug", "Kitchen clock", "Mug", "Mütze", "Teapot"}},
		{"a page", search.Query{Offset: 1, Limit: 2}, []string{"Kitchen clock", "Mug"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.q.Limit == 0 {
				test.q.Limit = 10
			}
			got := testkit.Must(plain.Engine{Catalog: shelves}.Search(t.Context(), test.q))(t)
			var titles []string
			for _, hit := range got.Hits {
				titles = append(titles, hit.Document.Title)
			}
			if diff := cmp.Diff(test.want, titles); diff != "" {
				t.Error(diff)
			}
		})
	}
	low := int64(1)
	got, err := plain.Engine{Catalog: shelves}.Search(t.Context(),
		search.Query{Market: "eu", Facets: search.AllFacets, Filter: search.Filter{InStock: true, MinPrice: &low}})
	if err != nil || cmp.Diff([]search.Part{search.PartPrice, search.PartStock, search.PartFacets}, got.Ignored) != "" {
		t.Errorf("ignored %v, %v", got.Ignored, err)
	}
}
