package eval

import (
	"bytes"
	"encoding/json"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	labreport "meridian/internal/lab/report"
	"meridian/internal/search"
	"meridian/internal/search/bleve"
	"meridian/internal/testkit"
)

// corpusOf is documents by name and title.
func corpusOf(t *testing.T, titles map[string]string) *Corpus {
	t.Helper()
	corpus := NewCorpus()
	for _, name := range slices.Sorted(maps.Keys(titles)) {
		testkit.NoError(t, corpus.Add(name, search.Document{Title: titles[name]}))
	}
	return corpus
}

func openBleve(t *testing.T) *bleve.Store {
	t.Helper()
	store := testkit.Must(bleve.Open(bleve.Config{Dir: filepath.Join(t.TempDir(), "bleve")}))(t)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func evaluate(t *testing.T, c Config) Report {
	t.Helper()
	c.Store, c.Dir = openBleve(t), t.TempDir()
	report := testkit.Must(Run(t.Context(), c))(t)
	return report
}

// Whoever finds the one red bag first has all there is to have, and a query that nothing answers has no result.
func TestRun(t *testing.T) {
	set := testkit.Must(parseSet(
		strings.NewReader("q1\tscarlet lunchbag\nq2\tteapot\ten\ttail\nq3\tqqqqqqqq\ten\ttail\n"),
		strings.NewReader("q1 0 bag 3\nq2 0 pot 2\nq2 0 gone 1\n")))(t)
	report := evaluate(t, Config{
		Corpus: corpusOf(t, map[string]string{"bag": "Scarlet Lunchbag", "other": "Green Umbrella", "pot": "Teapot with Roses",
			"mug": "Mug with Roses"}),
		Set: set, Typos: 1, Seed: 7,
	})
	if report.Documents != 4 || report.Queries != 3 || report.UnknownDocuments != 1 || report.Engine != "bleve" {
		t.Errorf("report: %+v", report)
	}
	if len(report.Rows) != 6 {
		t.Fatalf("%d rows, want three systems with and without errors", len(report.Rows))
	}
	for i, row := range report.Rows {
		if want := i % 2; row.Typos != want || row.Queries != 3 {
			t.Errorf("row %d: %+v", i, row)
		}
		if (row.Loss != nil) != (row.Typos == 1) || (row.Gain == nil) != (row.System == "plain") && row.Typos == 0 {
			t.Errorf("row %d: gain %v, loss %v", i, row.Gain, row.Loss)
		}
		// q1 is answered as well as can be, q2 but for the document that is not there (3 of 3 + 1/log2(3)).
		if row.Typos == 0 && (row.MRR != 1 || row.Zero != 1.0/3 || row.NDCG < 0.9 || row.NDCG >= 1) {
			t.Errorf("row %d: %+v", i, row)
		}
	}
	if len(report.Kinds) != 1 || report.Kinds[0].Kind != "tail" || report.Kinds[0].Queries != 2 || len(report.Kinds[0].NDCG) != 3 {
		t.Errorf("kinds: %+v", report.Kinds)
	}
	wantWritten(t, report)
}

func wantWritten(t *testing.T, report Report) {
	t.Helper()
	var text, object, queries bytes.Buffer
	if err := Write(&text, report); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"4 documents, 3 queries", "1 judged documents are not among", "plain titles", "33.3%",
		"nDCG@10 by kind", "tail"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, &text)
		}
	}
	if err := labreport.WriteJSON(&object, report); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Rows []map[string]any `json:"rows"`
	}
	testkit.NoError(t, json.Unmarshal(object.Bytes(), &read))
	const keys = "gain judged_at_10 loosened_rate loss mrr ndcg_at_10 queries recall_at_10 system typos zero_result_rate"
	if got := strings.Join(slices.Sorted(maps.Keys(read.Rows[5])), " "); got != keys {
		t.Errorf("a row has %s, want %s", got, keys)
	}
	testkit.NoError(t, WriteQueries(&queries, report))
	lines := strings.Split(strings.TrimSpace(queries.String()), "\n")
	if len(lines) != 1+6*3 || !strings.HasPrefix(lines[1], "plain\t0\tq1\tscarlet lunchbag\t\t1\t1\t1\t1.0000\t1.0000\t1.0000\tScarlet Lunchbag") {
		t.Errorf("%d lines, the first\n%s", len(lines), lines[1])
	}
}

// The same seed draws the same queries, and each whatever others are there.
func TestRun_Sample(t *testing.T) {
	var set Set
	set.Judgements = Judgements{}
	for _, letter := range "abcdefghij" {
		set.Queries = append(set.Queries, Query{ID: string(letter), Text: "word" + string(letter)})
	}
	drawn := func(seed uint64, queries []Query) []Query {
		r := &run{Config: Config{Set: Set{Queries: queries}, Sample: 4, Seed: seed}}
		r.draw()
		return r.asked
	}
	first := drawn(1, set.Queries)
	if len(first) != 4 || !slices.Equal(first, drawn(1, set.Queries)) {
		t.Errorf("drawn: %v", first)
	}
	if slices.Equal(first, drawn(2, set.Queries)) {
		t.Error("another seed draws the same")
	}
	reversed := slices.Clone(set.Queries)
	slices.Reverse(reversed)
	if !slices.Equal(first, drawn(1, reversed)) {
		t.Error("the order of the file decides what is drawn")
	}
}

func TestRun_NothingJudgedIsThere(t *testing.T) {
	_, err := Run(t.Context(), Config{
		Corpus: corpusOf(t, map[string]string{"bag": "Red Bag"}), Store: openBleve(t), Dir: t.TempDir(),
		Set: Set{Queries: []Query{{ID: "q1", Text: "bag"}}, Judgements: Judgements{"q1": {"4711": 1}}},
	})
	if err == nil || !strings.Contains(err.Error(), "--documents") {
		t.Errorf("error %v", err)
	}
}

// Files put together what belongs together: an order of equal scores that followed the file would be a good ranking for
// no reason.
func TestCorpus_OrderSaysNothing(t *testing.T) {
	titles := make(map[string]string)
	for _, letter := range "abcdefghijklmnopqrstuvwxyz" {
		titles[string(letter)] = string(letter)
	}
	var inOrder, inFile string
	for _, d := range corpusOf(t, titles).Documents() {
		inOrder += d.Title
	}
	for _, d := range corpusOf(t, titles).documents {
		inFile += d.Title
	}
	if inOrder == inFile || inFile != "abcdefghijklmnopqrstuvwxyz" {
		t.Errorf("documents are in the order %s", inOrder)
	}
}
