package meilisearch

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		testkit.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (run with -update)", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// writtenAt matches the time at which a document was written.
var writtenAt = regexp.MustCompile(`"writtenAt":\d+`)

// bodyOf is the body of a recorded request, indented.
func bodyOf(t *testing.T, request string) []byte {
	t.Helper()
	_, body, _ := strings.Cut(request[strings.Index(request, " ")+1:], " ")
	body = writtenAt.ReplaceAllString(body, `"writtenAt":0`)
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(body), "", "\t"); err != nil {
		t.Fatalf("the body %q: %v", body, err)
	}
	indented.WriteByte('\n')
	return indented.Bytes()
}

var (
	idA = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	idB = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")
)

// smallWords are synonyms and stop words of which the outcome can be read at a glance.
var smallWords = search.Words{
	"en": {Synonyms: [][]string{{"couch", "sofa"}, {"cup of tea", "brew"}}, OneWay: map[string][]string{"fruit": {"apple", "pear"}},
		Stop: []string{"of", "the"}},
	"fr": {Synonyms: [][]string{{"machine à laver", "lave-linge"}}, Stop: []string{"à", "la"}},
}

func TestSearchRequests(t *testing.T) {
	tests := map[string]search.Query{
		"everything":  {Limit: 20},
		"one word":    {Text: "lantern", Language: "en", Limit: 20, Offset: 40},
		"as typed":    {Text: "the garden lant", Prefix: true, Language: "en", Limit: 10, Highlight: true},
		"three words": {Text: "velvet turquoise cushion", Language: "en", Limit: 20},
		"any order":   {Text: `velvet turquoise "cushion cover" gold`, Sort: search.SortNewest, Language: "en", Limit: 20},
		"phrase":      {Text: `garland "scarlet falcon of doom" cheap gold`, Language: "en", Limit: 20},
		"any word": {Text: "cheap velvet t-shirt", Match: search.MatchAny, Language: "en", Limit: 20,
			Facets: []search.FacetKind{search.FacetBrand}, Filter: search.Filter{Brands: []string{"A"}}},
		"code":      {Text: "pen WHT-2210-K", Limit: 1},
		"operators": {Text: `-lantern "-garden  (x)" +y \z 1.5 "open`, Limit: 1},
		"filters": {
			Market: "eu", Sort: search.SortPriceAsc, Limit: 20,
			Filter: search.Filter{
				Category: "it's", Brands: []string{`a\`, "b"}, MinPrice: new(int64(100)), MaxPrice: new(int64(999)), MinRating: 4000, InStock: true,
				Attributes: map[string][]string{"size": {"l"}, "color": {"red", "x' OR 1=1"}}, IDs: []uuid.UUID{idA, idB}, Exclude: []uuid.UUID{idA},
			},
		},
		"facets": {
			Text: "mug", Language: "en", Market: "eu", Facets: search.AllFacets,
			Filter: search.Filter{Category: "kitchen", Brands: []string{"A"}, MinPrice: new(int64(100)),
				Attributes: map[string][]string{"size": {"l"}, "color": {"red"}}},
		},
	}
	for name, q := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			cfg := f.config()
			cfg.Words = smallWords
			s := testkit.Must(Open(t.Context(), cfg))(t)
			if _, err := s.Live().Search(t.Context(), q); err != nil {
				t.Fatalf("Search: %v", err)
			}
			var all bytes.Buffer
			for _, request := range f.made("POST /multi-search ") {
				all.Write(bodyOf(t, request))
			}
			golden(t, "search "+name+".json", all.Bytes())
		})
	}
}

func TestSettingsRequests(t *testing.T) {
	f := newFake(t)
	cfg := f.config()
	cfg.Words = smallWords
	testkit.Must(Open(t.Context(), cfg))(t)
	settings := f.made("PATCH ")
	if len(settings) != 1 {
		t.Fatalf("%d requests with settings, want one", len(settings))
	}
	golden(t, "settings.json", bodyOf(t, settings[0]))
	golden(t, "open.txt", []byte(withoutTasks(f)))
}

// withoutTasks are the requests that were made, one a line, without looks at tasks, those of the learner, and bodies.
func withoutTasks(f *fake) string {
	var lines strings.Builder
	for _, request := range f.made("") {
		if fields := strings.Fields(request); !strings.HasPrefix(fields[1], "/tasks/") && !strings.Contains(request, `writtenAt \u003e `) {
			lines.WriteString(fields[0] + " " + fields[1] + "\n")
		}
	}
	return lines.String()
}

func TestDocumentRequest(t *testing.T) {
	f := newFake(t)
	s := f.open()
	d := document(1)
	d.Brand, d.Codes, d.CategoryIDs, d.CategoryNames = "Lumen & Söhne", []string{"WHT-2210-K", "40 06"}, []string{"home",
		"light"}, []string{"Home", "Light"}
	d.Attributes, d.Title = map[string][]string{"size": {"l", "xl"}, "color": {"a=b"}}, "Lamp IKS-1620 of 1.5 m"
	d.Prices, d.PriceBands, d.Stock, d.RatingMilli, d.Ratings, d.Popularity = map[string]int64{"eu": 100}, []string{"eu:0"}, search.StockLow, 4500, 2, 7
	testkit.NoError(t, s.Live().Apply(t.Context(), search.Changes{Put: []search.Document{d}}))
	sent := f.products()
	if len(sent) != 1 {
		t.Fatalf("%d requests with documents, want one", len(sent))
	}
	golden(t, "documents.json", bodyOf(t, sent[0]))
}

func TestFilterValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.RuneFrom([]rune(`\'" ab=[],ORné☕` + "\n\x00"))
		values := rapid.SliceOfN(rapid.StringOf(letters), 1, 4).Draw(t, "values")
		c, err := parseCondition(oneOf("brand", values))
		if err != nil {
			t.Fatalf("%s: %v", oneOf("brand", values), err)
		}
		if diff := cmp.Diff(condition{field: "brand", operator: "IN", values: values}, c, cmp.AllowUnexported(condition{})); diff != "" {
			t.Fatalf("%s is read as (-want +got):\n%s", oneOf("brand", values), diff)
		}
	})
}

func TestMarketNames(t *testing.T) {
	f := newFake(t)
	s := f.open()
	for _, market := range []string{"eu >= 0 OR title", "eu'", "a.b", "é", strings.Repeat("a", 41)} {
		asked := len(f.made("POST /multi-search"))
		_, err := s.Live().Search(t.Context(), search.Query{Market: market, Sort: search.SortPriceAsc})
		if err == nil || len(f.made("POST /multi-search")) != asked {
			t.Errorf("the market %q reaches the server, with the error %v", market, err)
		}
	}
}
