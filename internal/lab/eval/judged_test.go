package eval

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

func TestParseSet(t *testing.T) {
	set := testkit.Must(parseSet(
		strings.NewReader("# ours\nq1\tred bag\n\nq2\tKäse \tde\tfood\r\n"),
		strings.NewReader("q1 0 85123A 3\nq1 Q0 10002  -1\n# none\nq2\t0\tOFF-1\t1\n")))(t)
	want := Set{
		Queries:    []Query{{ID: "q1", Text: "red bag"}, {ID: "q2", Text: "Käse", Language: "de", Kind: "food"}},
		Judgements: Judgements{"q1": {"85123A": 3, "10002": 0}, "q2": {"OFF-1": 1}},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
}

func TestParseSet_Bad(t *testing.T) {
	const goodQueries, goodJudgements = "q1\tred bag\n", "q1 0 d1 1\n"
	for _, test := range []struct{ name, queries, judgements, want string }{
		{"no tab", "# ours\nq1 red bag\n", goodJudgements, "queries: line 2: a query is its id, a tab and its text"},
		{"no text", "q1\t \n", goodJudgements, "queries: line 1: a query is"},
		{"query twice", "q1\ta\nq1\tb\n", goodJudgements, "queries: line 2: query q1 is there twice"},
		{"long text", "q1\t" + strings.Repeat("x", 201) + "\n", goodJudgements,
			"queries: line 1: query q1: its text must be UTF-8 of at most 200 bytes"},
		{"not UTF-8", "q1\ta\xff\n", goodJudgements, "queries: line 1: query q1: its text must be UTF-8"},
		{"no queries", "# none\n", goodJudgements, "queries: there are none"},
		{"fields", goodQueries, "q1 0 d1\n", "judgements: line 1: 3 fields: a judgement is"},
		{"grade", goodQueries, "q1 0 d1 good\n", `judgements: line 1: grade "good": give a whole number`},
		{"high grade", goodQueries, "q1 0 d1 21\n", `judgements: line 1: grade "21"`},
		{"judged twice", goodQueries, "q1 0 d1 1\nq1 0 d1 2\n", "judgements: line 2: document d1 of query q1 is judged twice"},
		{"other ids", goodQueries, "7 0 d1 1\n", "no query has a relevant document"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseSet(strings.NewReader(test.queries), strings.NewReader(test.judgements))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

// file writes a file of a test.
func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	content := []byte(text)
	if strings.HasSuffix(name, ".gz") {
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		testkit.Must(w.Write(content))(t)
		testkit.NoError(t, w.Close())
		content = zipped.Bytes()
	}
	testkit.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

const offers = "offer_id,title,category,split,group_id,group_name\n" +
	"1,apple iphone 8 64gb,Phones,dev,1,Apple iPhone 8\n" +
	"2,iphone 8 64 gb grey,Phones,dev,1,Apple iPhone 8\n" +
	"3,galaxy s9,Phones,test,2,\n" +
	"4,iphone 8 red,Phones,dev,9,Apple iPhone 8\n" +
	"5,fridge,Fridges,dev,3,Best Fridge\n"

func TestReadKnownItems(t *testing.T) {
	set := testkit.Must(ReadKnownItems(file(t, "offers.csv.gz", offers)))(t)
	want := Set{
		Queries:    []Query{{ID: "g1", Text: "Apple iPhone 8"}, {ID: "g2", Text: "Best Fridge"}},
		Judgements: Judgements{"g1": {"1": 1, "2": 1, "4": 1}, "g2": {"5": 1}},
	}
	if diff := cmp.Diff(want, set); diff != "" {
		t.Error(diff)
	}
	if _, err := ReadKnownItems(file(t, "no.csv", "offer_id,title\n1,a\n")); err == nil ||
		!strings.Contains(err.Error(), "it needs the columns") {
		t.Errorf("error %v", err)
	}
}

// What says which offers belong together is in no document.
func TestReadDocuments(t *testing.T) {
	for name, text := range map[string]string{
		"offers.csv":    offers,
		"offers.csv.gz": offers,
		"offers.ndjson": `{"sku":1,"title":"apple iphone 8 64gb","category":"Phones","group_name":"Apple iPhone 8"}` + "\n" +
			`{"id":"2","title":"iphone 8 64 gb grey","attrs":{}}` + "\n" + `{"id":"3","title":"galaxy s9"}` + "\n" + `{"id":"4","title":"iphone 8 red"}` + "\n" + `{"id":"5","title":"fridge"}`,
	} {
		t.Run(name, func(t *testing.T) {
			corpus := testkit.Must(ReadDocuments(file(t, name, text)))(t)
			id, known := corpus.ID("1")
			documents := corpus.Documents()
			at := slices.IndexFunc(documents, func(d search.Document) bool { return d.ID == id })
			if corpus.Len() != 5 || !known || at < 0 {
				t.Fatalf("%d documents, the first known: %v", corpus.Len(), known)
			}
			want := search.Document{ID: id, Title: "apple iphone 8 64gb", CategoryIDs: []string{"Phones"}, CategoryNames: []string{"Phones"}}
			if diff := cmp.Diff(want, documents[at]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReadDocuments_Bad(t *testing.T) {
	for _, test := range []struct{ name, file, text, want string }{
		{"no id", "a.csv", "title\nred bag\n", "line 2: it has no id"},
		{"no title", "a.csv", "id,title\n1,\n", `line 2: document "1": it has no title`},
		{"twice", "a.csv", "id,title\n1,a\n1,b\n", `line 3: document "1" is there twice`},
		{"too few fields", "a.csv", "id,title\n1\n", "record on line 2: wrong number of fields"},
		{"not JSON", "a.ndjson", "{\"id\":\"1\",\"title\":\"a\"}\n[]\n", "line 2: it must be one JSON object"},
		{"no documents", "a.csv", "id,title\n", "has no documents"},
		{"unknown format", "a.txt", "id,title\n", "its name does not tell its format"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadDocuments(file(t, test.file, test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}
