package searchtest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// filterTests compare filters with a walk over the documents.
var filterTests = []test[stock]{
	{"every value that is there can be filtered by", testEveryValue},
	{"a value that is not there lets nothing through", testUnknownValue},
	{"bounds of prices are prices", testPriceBounds},
	{"rating, stock, products named and left out", testOtherFilters},
	{"filters hold together", testCombined},
	{"filters hold for what a text finds", testFilteredText},
}

func ids(documents ...search.Document) []uuid.UUID {
	var all []uuid.UUID
	for _, d := range documents {
		all = append(all, d.ID)
	}
	return all
}

func diffCards(want, got any) string { return cmp.Diff(want, got, cmpopts.EquateEmpty()) }

// wantFiltered fails unless a filter passes the same documents as the walk, in the order of popularity.
func wantFiltered(t *testing.T, s stock, market string, f search.Filter) {
	t.Helper()
	want := inOrder(matching(s.documents, market, f), market, search.SortRelevance)
	wantSlugs(t, s, search.Query{Market: market, Filter: f}, slugsOf(want)...)
}

func testEveryValue(t *testing.T, s stock) {
	for _, d := range s.documents {
		for _, category := range d.CategoryIDs {
			wantFiltered(t, s, "eu", search.Filter{Category: category})
		}
		if d.Brand != "" {
			wantFiltered(t, s, "eu", search.Filter{Brands: []string{d.Brand}})
			wantFiltered(t, s, "eu", search.Filter{Brands: []string{d.Brand, "Fenwick", "nobody's"}})
		}
		for name, values := range d.Attributes {
			wantFiltered(t, s, "eu", search.Filter{Attributes: map[string][]string{name: values[:1]}})
			wantFiltered(t, s, "eu", search.Filter{Attributes: map[string][]string{name: append([]string{"red"}, values...)}})
		}
	}
}

// hostile are values that look like filter syntax.
var hostile = []string{
	"x' OR 1=1", `x' OR brand = 'Fenwick`, `x\' OR brand = 'Fenwick`, `x" OR brand = "Fenwick`, `\`, `\\`, `'`, `"`, `''`, "*", "Fen*",
	"/Fen.*/", "~Fenwick", "Fenwick*",
	"brand EXISTS", "NOT x", "] OR brand EXISTS OR brand IN [x", "x, Fenwick", "brand:Fenwick", " ", "red OR blue", "\x00", "\n",
	"Fenwick\x00", "%", "_", "🎁", "null", "true", "0", "-1",
}

func testUnknownValue(t *testing.T, s stock) {
	for _, value := range hostile {
		if known := slices.ContainsFunc(s.documents, func(d search.Document) bool { return d.Brand == value }); !known {
			wantFiltered(t, s, "eu", search.Filter{Brands: []string{value}})
		}
		wantFiltered(t, s, "eu", search.Filter{Category: value})
		wantFiltered(t, s, "eu", search.Filter{Attributes: map[string][]string{"color": {value}}})
		wantFiltered(t, s, "eu", search.Filter{Brands: []string{value, "Fenwick"}})
		wantFiltered(t, s, "eu", search.Filter{Attributes: map[string][]string{"x' OR color": {value}}})
	}
	wantFiltered(t, s, "eu", search.Filter{Category: "nothing-yet"})
	wantFiltered(t, s, "eu", search.Filter{IDs: []uuid.UUID{idOf(99_999)}})
	wantFiltered(t, s, "nowhere", search.Filter{MinPrice: new(int64(0))})
}

func testPriceBounds(t *testing.T, s stock) {
	bounds := []*int64{nil, new(int64(-1)), new(int64(0)), new(int64(250)), new(int64(251)), new(int64(1500)), new(int64(5000)),
		new(int64(5001)), new(int64(1) << 50)}
	for _, market := range []string{"eu", "us", "jp"} {
		for _, low := range bounds {
			for _, high := range bounds {
				wantFiltered(t, s, market, search.Filter{MinPrice: low, MaxPrice: high})
			}
		}
	}
}

func testOtherFilters(t *testing.T, s stock) {
	for _, rating := range []int64{1, 1000, 3999, 4000, 4001, 4900, 5000} {
		wantFiltered(t, s, "eu", search.Filter{MinRating: rating})
	}
	wantFiltered(t, s, "eu", search.Filter{InStock: true})
	for _, claims := range [][]string{{"vegan"}, {"gluten_free"}, {"gluten_free", "vegan"}, {"x' OR 1=1"}} {
		wantFiltered(t, s, "eu", search.Filter{Claims: claims})
		wantFiltered(t, s, "eu", search.Filter{Claims: claims, Category: "food"})
	}
	few, half := ids(s.documents[:3]...), ids(s.documents[:len(s.documents)/2]...)
	for _, f := range []search.Filter{{IDs: few}, {Exclude: few}, {IDs: half, Exclude: few}, {IDs: few, Exclude: half},
		{IDs: append(few, idOf(77_777)), Exclude: []uuid.UUID{idOf(77_777)}}} {
		wantFiltered(t, s, "eu", f)
	}
	var many []uuid.UUID
	for n := range search.MaxExcluded {
		many = append(many, idOf(n+5))
	}
	wantFiltered(t, s, "eu", search.Filter{Exclude: many})
	wantFiltered(t, s, "eu", search.Filter{IDs: many})
}

func testCombined(t *testing.T, s stock) {
	for _, f := range []search.Filter{
		{Category: "home", Attributes: map[string][]string{"color": {"red", "青"}}},
		{Category: "home", Attributes: map[string][]string{"color": {"red"}, "finish": {"émaillé"}}},
		{Category: "kitchen", InStock: true, MinPrice: new(int64(1000))},
		{Brands: []string{`x' OR 1=1`, `back\slash\'`, "two\nlines\tand 'tabs'"}, Attributes: map[string][]string{"color": {`\`, "NOT EXISTS"}}},
		{Brands: []string{"Fenwick"}, Category: "teapots", MaxPrice: new(int64(3500)), Attributes: map[string][]string{"color": {"red"}}},
		{MinRating: 4000, InStock: true, MaxPrice: new(int64(2495)), Exclude: ids(s.documents[0])},
		{Attributes: map[string][]string{"note": {"a=b=c"}, "color": {`\`}}},
	} {
		wantFiltered(t, s, "eu", f)
	}
}

func testFilteredText(t *testing.T, s stock) {
	for _, f := range []search.Filter{{}, {Category: "mugs"}, {Brands: []string{`x' OR 1=1`}}, {InStock: true},
		{Attributes: map[string][]string{"color": {"青"}}}, {MinPrice: new(int64(1000)), MaxPrice: new(int64(5000))}} {
		var want []string
		for _, d := range matching(s.documents, "eu", f) {
			if d.Title == "Stoneware beaker" {
				want = append(want, d.Slug)
			}
		}
		wantSet(t, s, search.Query{Text: "stoneware beaker", Language: "en", Market: "eu", Filter: f}, want...)
	}
}
