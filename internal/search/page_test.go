package search

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

func (s *Searcher) setRules(rules ...Rule) { s.rules.Store(&rules) }

func mugs() []Card {
	return []Card{product(1, "Red mug", "Acme"), product(2, "Blue mug", "Acme"), product(3, "Green mug", "Best"),
		product(4, "Mug tree", "Best"), product(5, "Teapot", "Acme")}
}

func TestSearch_Rules(t *testing.T) {
	id := func(n int) uuid.UUID { return uuid.UUID{15: byte(n)} }
	tests := []struct {
		name  string
		rules []Rule
		text  string
		want  []string
	}{
		{"none", nil, "mug", []string{"Red mug", "Blue mug", "Green mug", "Mug tree"}},
		{"pin first, whatever its text", []Rule{{ID: "a", Texts: []string{"mug"}, Pin: []ID{id(5), id(3)}}}, "mug",
			[]string{"Teapot", "Green mug", "Red mug", "Blue mug", "Mug tree"}},
		{"hide", []Rule{{ID: "a", Texts: []string{"MUG "}, Hide: []ID{id(1)}}}, "mug", []string{"Blue mug", "Green mug", "Mug tree"}},
		{"hidden beats pinned", []Rule{{ID: "a", Pin: []ID{id(1)}}, {ID: "b", Hide: []ID{id(1)}}}, "mug",
			[]string{"Blue mug", "Green mug", "Mug tree"}},
		{"boost a brand", []Rule{{ID: "a", Boost: []Boost{{Brand: "Best", Percent: 200}}}}, "mug",
			[]string{"Green mug", "Mug tree", "Red mug", "Blue mug"}},
		{"bury", []Rule{{ID: "a", Boost: []Boost{{Products: []ID{id(1)}, Percent: 1}}}}, "mug",
			[]string{"Blue mug", "Green mug", "Mug tree", "Red mug"}},
		{"another text", []Rule{{ID: "a", Texts: []string{"mugs"}, Hide: []ID{id(1)}}}, "mug",
			[]string{"Red mug", "Blue mug", "Green mug", "Mug tree"}},
		{"a part of the text", []Rule{{ID: "a", Texts: []string{"mug"}, Contains: true, Hide: []ID{id(1)}}}, "red mug",
			[]string{"Blue mug", "Green mug", "Mug tree"}},
		{"another region", []Rule{{ID: "a", Regions: []string{"us-east"}, Hide: []ID{id(1)}}}, "red", []string{"Red mug"}},
		{"not yet", []Rule{{ID: "a", From: time.Now().Add(time.Hour), Hide: []ID{id(1)}}}, "red", []string{"Red mug"}},
		{"no more", []Rule{{ID: "a", To: time.Now(), Hide: []ID{id(1)}}}, "red", []string{"Red mug"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelves(t, Source{Name: "own", Engine: &shelf{products: mugs()}})
			s.setRules(test.rules...)
			got := testkit.Must(s.Search(t.Context(), Request{Query: Query{Text: test.text, Limit: 10}}))(t)
			if diff := gocmp.Diff(test.want, titles(got.Hits)); diff != "" || got.Total != len(test.want) {
				t.Errorf("total %d, %s", got.Total, diff)
			}
		})
	}
}

func TestSearch_RulesDoNotReorderOtherSorts(t *testing.T) {
	s := newShelves(t, Source{Name: "own", Engine: &shelf{products: mugs()}})
	s.setRules(Rule{ID: "a", Pin: []ID{{15: 5}}, Boost: []Boost{{Brand: "Best", Percent: 200}}, Redirect: "/c/mugs", Texts: []string{"mug"}})
	got := testkit.Must(s.Search(t.Context(), Request{Query: Query{Text: "mug", Limit: 10, Sort: SortNewest}}))(t)
	if diff := gocmp.Diff([]string{"Red mug", "Blue mug", "Green mug", "Mug tree"}, titles(got.Hits)); diff != "" {
		t.Error(diff)
	}
	if got.Redirect != "/c/mugs" || len(got.Rules) != 1 {
		t.Errorf("redirected to %q by %v", got.Redirect, got.Rules)
	}
}

// TestSearch_PagesUnderRules: whatever the rules, all pages together are every hit once, in the order of one large page,
// and the facets are those of a search without pins.
func TestSearch_PagesUnderRules(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		engine := &shelf{}
		for n := range rapid.IntRange(0, 60).Draw(rt, "products") {
			engine.products = append(engine.products, product(n+1, "Mug", rapid.SampledFrom([]string{"A", "B", "C"}).Draw(rt, "brand")))
		}
		ids := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) ID { return ID{15: byte(rapid.IntRange(1, 70).Draw(rt, "id"))} }), 0, 8)
		rule := Rule{ID: "r", Pin: ids.Draw(rt, "pin"), Hide: ids.Draw(rt, "hide")}
		if rapid.Bool().Draw(rt, "boosts") {
			rule.Boost = []Boost{{Brand: "B", Percent: rapid.Int64Range(1, 1000).Draw(rt, "percent")}}
		}
		s := newShelves(t, Source{Name: "own", Engine: engine})
		s.setRules(rule)
		ask := func(offset, limit int) Answer {
			got, err := s.Search(t.Context(), Request{Query: Query{Text: "mug", Offset: offset, Limit: limit, Facets: []FacetKind{FacetBrand}}})
			if err != nil {
				rt.Fatal(err)
			}
			return got
		}
		whole := ask(0, MaxLimit)
		var pages []Hit
		size := rapid.IntRange(1, 7).Draw(rt, "size")
		for offset := 0; offset < whole.Total; offset += size {
			page := ask(offset, size)
			if page.Total != whole.Total || page.Facets.Brands[0] != whole.Facets.Brands[0] {
				rt.Fatalf("page at %d: total %d and %v, the whole %d and %v", offset, page.Total, page.Facets, whole.Total, whole.Facets)
			}
			pages = append(pages, page.Hits...)
		}
		if diff := gocmp.Diff(idsOf(whole.Hits), idsOf(pages)); diff != "" {
			rt.Error(diff)
		}
		seen := idsOf(pages)
		slices.SortFunc(seen, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
		if len(slices.Compact(seen)) != len(pages) || len(pages) != whole.Total {
			rt.Errorf("%d hits, %d different, %d told", len(pages), len(seen), whole.Total)
		}
	})
}

func idsOf(hits []Hit) []ID {
	all := []ID{}
	for _, h := range hits {
		all = append(all, h.Document.ID)
	}
	return all
}

func TestSearch_Loosens(t *testing.T) {
	stocked := mugs()
	stocked[1].Stock = StockOut
	tests := []struct {
		name    string
		query   Query
		filters bool // may be dropped
		want    Loosened
		total   int
		without string
	}{
		{"found", Query{Text: "red mug"}, true, NotLoosened, 1, ""},
		{"too many words", Query{Text: "red velvet teapot"}, true, LoosenedWords, 2, ""},
		{"filters are hard", Query{Text: "red", Filter: Filter{Brands: []string{"Best"}}}, false, NotLoosened, 0, "brand 1"},
		{"on request they are not", Query{Text: "red", Filter: Filter{Brands: []string{"Best"}}}, true, LoosenedFilters, 1, ""},
		{"words within the filters first", Query{Text: "red tree", Filter: Filter{Brands: []string{"Best"}}}, true, LoosenedWords, 1, ""},
		{"words within the filters, and what else there is", Query{Text: "green teapot", Filter: Filter{Brands: []string{"Best"}}}, false,
			LoosenedWords, 1, ""},
		{"what is there without one of several", Query{Text: "teapot", Filter: Filter{Brands: []string{"Acme"}, Category: "hg-1"}}, false,
			NotLoosened, 0, "category 1, all 1"},
		{"what is there without all of them", Query{Text: "teapot", Filter: Filter{Brands: []string{"Best"}, Category: "hg-1"}}, false,
			NotLoosened, 0, "all 1"},
		{"both", Query{Text: "red velvet", Filter: Filter{Brands: []string{"Nobody"}}}, true, LoosenedBoth, 1, ""},
		{"out of stock", Query{Text: "blue", Filter: Filter{InStock: true}}, false, NotLoosened, 0, "in_stock 1"},
		{"another category", Query{Text: "teapot", Filter: Filter{Category: "hg-1"}}, true, LoosenedBoth, 1, ""},
		{"nothing anywhere", Query{Text: "zebra crossing"}, true, NotLoosened, 0, ""},
		{"no text", Query{Filter: Filter{Brands: []string{"Nobody"}}}, true, NotLoosened, 0, "brand 5"},
		{"claims are never dropped", Query{Text: "gluten free mug"}, true, NotLoosened, 0, "claims 4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelves(t, Source{Name: "own", Engine: &shelf{products: stocked}})
			test.query.Limit = 10
			got := testkit.Must(s.Search(t.Context(), Request{Query: test.query, LoosenFilters: test.filters}))(t)
			var without []string
			for _, w := range got.Without {
				without = append(without, fmt.Sprintf("%s %d", w.Part, w.Total))
			}
			if got.Loosened != test.want || got.Total != test.total || strings.Join(without, ", ") != test.without {
				t.Errorf("loosened %q with %d hits, without %q; want %q with %d, without %q", got.Loosened, got.Total, without, test.want,
					test.total, test.without)
			}
			again, err := s.Search(t.Context(), Request{Query: test.query, Loosened: got.Loosened})
			if err != nil || again.Total != got.Total {
				t.Errorf("the next page has another total: %d, %v", again.Total, err)
			}
		})
	}
}

// TestSearch_Fills: a short list is filled up to a page with what has some of the words, which no count counts.
func TestSearch_Fills(t *testing.T) {
	tests := []struct {
		name    string
		query   Query
		want    []string
		partial int
	}{
		{"a short list", Query{Text: "red mug"}, []string{"Red mug", "Blue mug", "Green mug", "Mug tree"}, 3},
		{"up to a page", Query{Text: "red mug", Limit: 2}, []string{"Red mug", "Blue mug"}, 1},
		{"within the filters", Query{Text: "red mug", Filter: Filter{Brands: []string{"Acme"}}}, []string{"Red mug", "Blue mug"}, 1},
		{"not the second page", Query{Text: "red mug", Offset: 1}, nil, 0},
		{"not in another order", Query{Text: "red mug", Sort: SortNewest}, []string{"Red mug"}, 0},
		{"not for one word", Query{Text: "teapot"}, []string{"Teapot"}, 0},
		{"not what was hidden", Query{Text: "red mug", Filter: Filter{Exclude: []ID{{15: 2}}}}, []string{"Red mug", "Green mug", "Mug tree"}, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newShelves(t, Source{Name: "own", Engine: &shelf{products: mugs()}})
			test.query.Limit = cmp.Or(test.query.Limit, 10)
			got := testkit.Must(s.Search(t.Context(), Request{Query: test.query}))(t)
			if diff := gocmp.Diff(test.want, titles(got.Hits)); diff != "" || got.Partial != test.partial || got.Loosened != NotLoosened {
				t.Errorf("%d partial, loosened %q, %s", got.Partial, got.Loosened, diff)
			}
			if full := len(got.Hits) - got.Partial; test.query.Offset == 0 && got.Total != full {
				t.Errorf("a total of %d, want %d", got.Total, full)
			}
		})
	}
}
