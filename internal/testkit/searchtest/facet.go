package searchtest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// facetTests test the bounds of facets; generated catalogues test that they count correctly.
var facetTests = []test[search.Store]{
	{"at most so many values of a facet are answered, the most frequent ones", testFacetValues},
	{"at most so many attributes are answered, those most documents have", testFacetAttributes},
	{"long values are counted and filtered by", testLongValues},
}

// wantFacets compares the facets of a query without text with a walk over the documents.
func wantFacets(t testkit.TB, documents []search.Document, q search.Query, result search.Result) {
	t.Helper()
	if diff := cmp.Diff(count(documents, q), result.Facets, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("facets of %+v (-want +got):\n%s", q, diff)
	}
}

// testFacetValues has 70 brands, categories and colours: the first on one document, the last on 70, and two with each
// count, so that equal counts are ordered by value.
func testFacetValues(t *testing.T, store search.Store) {
	var documents []search.Document
	for value := range 70 {
		for range value/2 + 1 {
			d := item{title: "Marble", brand: fmt.Sprintf("brand %02d", value), attributes: fmt.Sprintf("color=c%02d", value),
				eu: 100}.document(len(documents) + 1)
			d.CategoryIDs, d.CategoryNames = []string{fmt.Sprintf("category-%02d", value)}, []string{"Toys"}
			documents = append(documents, d)
		}
	}
	s := filled(t, store, documents)
	for _, limit := range []int{0, 5} {
		q := search.Query{Market: "eu", Facets: search.AllFacets, Limit: limit}
		result := ask(t, s, q)
		if len(result.Facets.Brands) != search.MaxFacetValues {
			t.Errorf("%d brands, want %d", len(result.Facets.Brands), search.MaxFacetValues)
		}
		wantFacets(t, documents, q, result)
	}
}

// testFacetAttributes has 30 attributes: the last on 30 documents, the first on one.
func testFacetAttributes(t *testing.T, store search.Store) {
	var documents []search.Document
	for n := range 30 {
		d := item{title: "Marble"}.document(n + 1)
		d.Attributes = make(map[string][]string)
		for attribute := 29 - n; attribute < 30; attribute++ {
			d.Attributes[fmt.Sprintf("attribute %02d", attribute)] = []string{"yes"}
		}
		documents = append(documents, d)
	}
	result := ask(t, filled(t, store, documents), search.Query{Facets: []search.FacetKind{search.FacetAttributes}})
	want := make(map[string][]search.Count)
	for attribute := 30 - search.MaxFacetAttributes; attribute < 30; attribute++ {
		want[fmt.Sprintf("attribute %02d", attribute)] = []search.Count{{Value: "yes", Count: attribute + 1}}
	}
	if diff := cmp.Diff(want, result.Facets.Attributes); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
}

// testLongValues has values of the greatest length that differ only in their last letter.
func testLongValues(t *testing.T, store search.Store) {
	const name = "engraving"
	text := func(last string) string {
		const filler = "für immer "
		value := ""
		for len(name)+len(value)+len(filler)+2 <= search.MaxAttributeBytes {
			value += filler
		}
		return value + last
	}
	var documents []search.Document
	for _, last := range []string{"a", "b", "b"} {
		d := item{title: "Marble"}.document(len(documents) + 1)
		d.Attributes = map[string][]string{name: {text(last)}}
		documents = append(documents, d)
	}
	s := filled(t, store, documents)
	for _, last := range []string{"a", "b"} {
		q := search.Query{Filter: search.Filter{Attributes: map[string][]string{name: {text(last)}}},
			Facets: []search.FacetKind{search.FacetAttributes}, Limit: 10}
		result := ask(t, s, q)
		if want := ids(matching(documents, "", q.Filter)...); !slices.Equal(idsOf(result), want) {
			t.Errorf("%v are found by a long value, want %v", idsOf(result), want)
		}
		wantFacets(t, documents, q, result)
	}
}
