package searchtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/search"
)

// generatedTests test properties of a generated catalogue whose documents all have the same words, so that every order
// is known.
var generatedTests = []test[stock]{
	{"any filter, order and facets answer as a walk over the documents does", testAnyQuery},
	{"any filter holds for what a text finds, and for its facets", testAnyFilteredText},
	{"all pages together are all hits once", testAnyPages},
}

// The values of generated documents. None differ only in case.
var (
	someBrands     = []string{"", "Fenwick", "Heron & Co.", `O'Neill "Best"`, `back\slash\'`, "Lumière", "伊万里", "AND", "x = 1 OR x"}
	someCategories = [][]string{nil, {"home"}, {"home", "kitchen"}, {"home", "kitchen", "mugs"}, {"home", "kitchen", "pans"},
		{"home", "garden"}, {"toys"}, {"toys", "games"}, {"toys", "games", "cards"}}
	someAttributes = map[string][]string{
		"color": {"red", "blue", "dark blue", "émeraude", `x' OR 1=1`}, "size": {"s", "m", "l", "0,3 l", "a=b"}, "made of": {"oak", "steel",
			`\`}, "größe": {"10", "20"},
	}
	somePrices  = []int64{0, 99, 499, 500, 999, 1000, 2499, 2500, 2501, 9999, 10000, 49999, 250000, 999999}
	someRatings = []int64{0, 0, 1000, 2500, 3999, 4000, 4500, 5000}
)

// generate returns random documents; the same ones every time.
func generate(n int) []search.Document {
	chance := rand.New(rand.NewPCG(5, 2026))
	documents := make([]search.Document, 0, n)
	for i := range n {
		documents = append(documents, generateOne(chance, i+1))
	}
	return documents
}

func generateOne(chance *rand.Rand, n int) search.Document {
	d := item{slug: fmt.Sprintf("marble-%d", n), title: "Marble", rating: one(chance, someRatings), popularity: chance.Int64N(20),
		day: chance.IntN(30)}.document(n)
	d.Brand, d.CategoryIDs = one(chance, someBrands), one(chance, someCategories)
	d.CategoryNames = make([]string, len(d.CategoryIDs))
	for i := range d.CategoryNames {
		d.CategoryNames[i] = "Toys"
	}
	d.Stock = one(chance, []search.Stock{search.StockOut, search.StockLow, search.StockIn})
	for _, m := range markets {
		price(&d, m.code, one(chance, somePrices))
	}
	for _, name := range slices.Sorted(maps.Keys(someAttributes)) {
		for _, value := range someAttributes[name] {
			if chance.IntN(4) == 0 {
				if d.Attributes == nil {
					d.Attributes = make(map[string][]string)
				}
				d.Attributes[name] = append(d.Attributes[name], value)
			}
		}
	}
	return d
}

func one[T any](chance *rand.Rand, of []T) T { return of[chance.IntN(len(of))] }

// anyFilter draws a filter, most of whose parts are not set.
func anyFilter(t *rapid.T, documents []search.Document) search.Filter {
	var f search.Filter
	if seldom(t, "category") {
		f.Category = rapid.SampledFrom([]string{"home", "kitchen", "mugs", "toys", "games", "no such"}).Draw(t, "category")
	}
	if seldom(t, "brands") {
		f.Brands = rapid.SliceOfNDistinct(rapid.SampledFrom(append(someBrands[1:], "nobody")), 1, 3, rapid.ID).Draw(t, "brands")
	}
	if seldom(t, "min price") {
		f.MinPrice = new(rapid.SampledFrom(somePrices).Draw(t, "min price"))
	}
	if seldom(t, "max price") {
		f.MaxPrice = new(rapid.SampledFrom(somePrices).Draw(t, "max price"))
	}
	if seldom(t, "rating") {
		f.MinRating = rapid.SampledFrom([]int64{1000, 3999, 4000, 4500}).Draw(t, "rating")
	}
	f.InStock = seldom(t, "in stock")
	for _, name := range slices.Sorted(maps.Keys(someAttributes)) {
		if seldom(t, name) {
			if f.Attributes == nil {
				f.Attributes = make(map[string][]string)
			}
			f.Attributes[name] = rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{"nothing"}, someAttributes[name]...)), 1, 3,
				rapid.ID).Draw(t, name)
		}
	}
	if seldom(t, "ids") {
		f.IDs = anyIDs(t, documents, "ids")
	}
	if seldom(t, "exclude") {
		f.Exclude = anyIDs(t, documents, "exclude")
	}
	return f
}

func seldom(t *rapid.T, what string) bool {
	return rapid.IntRange(0, 4).Draw(t, "filtered by "+what) == 4
}

func anyIDs(t *rapid.T, documents []search.Document, what string) []uuid.UUID {
	from := rapid.IntRange(0, len(documents)-1).Draw(t, what+" from")
	return ids(documents[from:min(from+rapid.IntRange(1, search.MaxExcluded).Draw(t, what), len(documents))]...)
}

func anyQuery(t *rapid.T, documents []search.Document) search.Query {
	return search.Query{
		Market: rapid.SampledFrom([]string{"eu", "us", "jp"}).Draw(t, "market"),
		Filter: anyFilter(t, documents),
		Facets: rapid.SliceOfNDistinct(rapid.SampledFrom(search.AllFacets), 0, len(search.AllFacets), rapid.ID).Draw(t, "facets"),
		Sort:   rapid.SampledFrom(search.Sorts).Draw(t, "sort"),
		Offset: rapid.IntRange(0, 30).Draw(t, "offset"),
		Limit:  rapid.IntRange(0, search.MaxLimit).Draw(t, "limit"),
	}
}

func testAnyQuery(t *testing.T, s stock) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuery(t, s.documents)
		result := ask(t, s, q)
		want := inOrder(matching(s.documents, q.Market, q.Filter), q.Market, q.Sort)
		if result.Total != len(want) || result.More {
			t.Fatalf("Search(%+v): a total of %d (more: %t), want %d", q, result.Total, result.More, len(want))
		}
		page := want[min(q.Offset, len(want)):min(q.Offset+q.Limit, len(want))]
		if got := slugs(result); !slices.Equal(got, slugsOf(page)) {
			t.Fatalf("Search(%+v) finds\n%v, want\n%v", q, got, slugsOf(page))
		}
		wantFacets(t, s.documents, q, result)
	})
}

func testAnyFilteredText(t *testing.T, s stock) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuery(t, s.documents)
		q.Text, q.Language, q.Sort = rapid.SampledFrom([]string{"marble", "marbel", `"marble"`}).Draw(t, "text"), "en", search.SortNewest
		result := ask(t, s, q)
		if want := len(matching(s.documents, q.Market, q.Filter)); result.Total != want {
			t.Fatalf("Search(%+v): a total of %d, want %d", q, result.Total, want)
		}
		wantFacets(t, s.documents, q, result)
	})
}

func testAnyPages(t *testing.T, s stock) {
	rapid.Check(t, func(t *rapid.T) {
		q := anyQuery(t, s.documents)
		q.Facets, q.Offset, q.Limit = nil, 0, rapid.IntRange(25, search.MaxLimit).Draw(t, "limit")
		q.Text = rapid.SampledFrom([]string{"", "marble"}).Draw(t, "text")
		got := pages(t, s, q, nil)
		slices.SortFunc(got, compareIDs)
		if want := ids(matching(s.documents, q.Market, q.Filter)...); !slices.Equal(got, want) {
			t.Fatalf("the pages of %+v have %d hits, want each of %d once", q, len(got), len(want))
		}
	})
}
