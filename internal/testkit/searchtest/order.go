package searchtest

import (
	"testing"

	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// orderTests test orders and pages of the handwritten catalogue.
var orderTests = []test[stock]{
	{"every order is total, and what has no value comes last", testOrders},
	{"what a text finds is sorted too", testSortedText},
	{"limit 0 answers totals and facets alone", testLimitZero},
	{"pages beyond the last hit are empty", testBeyond},
}

func testOrders(t *testing.T, s stock) {
	for _, order := range append([]search.Sort{""}, search.Sorts...) {
		for _, market := range []string{"eu", "us", "jp"} {
			for _, f := range []search.Filter{{}, {Category: "home"}, {InStock: true}} {
				want := inOrder(matching(s.documents, market, f), market, order)
				t.Run(string(order)+" "+market, func(t *testing.T) {
					wantSlugs(t, s, search.Query{Market: market, Sort: order, Filter: f}, slugsOf(want)...)
				})
			}
		}
	}
}

func testSortedText(t *testing.T, s stock) {
	bySlug := make(map[string]search.Document)
	for _, d := range s.documents {
		bySlug[d.Slug] = d
	}
	for _, order := range search.Sorts[1:] { // all but relevance
		found := slugs(ask(t, s, search.Query{Text: "stoneware beaker", Language: "en", Market: "us", Sort: order, Limit: 20}))
		if len(found) != 5 {
			t.Errorf("by %s: %v, want five beakers", order, found)
		}
		for i := range max(len(found), 1) - 1 {
			a, b := bySlug[found[i]], bySlug[found[i+1]]
			if bySort(a, b, "us", order) > 0 || order == search.SortPopularity && a.Popularity < b.Popularity {
				t.Errorf("by %s: %v has %s before %s", order, found, a.Slug, b.Slug)
			}
		}
	}
}

func testLimitZero(t *testing.T, s stock) {
	q := search.Query{Market: "eu", Facets: search.AllFacets, Filter: search.Filter{Category: "mugs"}}
	result := ask(t, s, q)
	if want := len(matching(s.documents, "eu", q.Filter)); result.Total != want || len(result.Hits) != 0 {
		t.Errorf("%d hits and a total of %d, want none and %d", len(result.Hits), result.Total, want)
	}
	wantFacets(t, s.documents, q, result)
}

func testBeyond(t *testing.T, s stock) {
	for _, offset := range []int{len(s.documents), len(s.documents) + 1, search.MaxWindow - 10} {
		result := ask(t, s, search.Query{Offset: offset, Limit: 10})
		if len(result.Hits) != 0 {
			t.Errorf("%d hits behind the last", len(result.Hits))
		}
	}
}

// pages returns the ids of all hits, page by page.
func pages(t testkit.TB, engine search.Engine, q search.Query, between func(page int)) []uuid.UUID {
	t.Helper()
	var all []uuid.UUID
	for page := 0; ; page++ {
		result := ask(t, engine, q)
		all = append(all, idsOf(result)...)
		if len(result.Hits) < q.Limit || q.Offset+2*q.Limit > search.MaxWindow {
			return all
		}
		q.Offset += q.Limit
		q.After = result.Next
		if between != nil {
			between(page)
		}
	}
}
