package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/testkit"
)

// evalFiles are a small judged set over documents of its own.
func evalFiles(t *testing.T) (queries, judgements, documents string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"queries.tsv":    "q1\tred teapot\n",
		"judgements.txt": "q1 0 a 3\n",
		"documents.csv":  "id,title,brand\na,Red Teapot,Acme\nb,Green Umbrella,Acme\n",
	} {
		testkit.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return filepath.Join(dir, "queries.tsv"), filepath.Join(dir, "judgements.txt"), filepath.Join(dir, "documents.csv")
}

func TestSearchEval(t *testing.T) {
	queries, judgements, documents := evalFiles(t)
	perQuery := filepath.Join(t.TempDir(), "per-query.tsv")
	code, stdout, stderr := meridianCommand(t, "search", "eval", queries, judgements, "--documents", documents, "--per-query",
		perQuery, "--json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var report struct {
		Documents int
		Rows      []struct {
			System string
			NDCG   float64 `json:"ndcg_at_10"`
		}
	}
	testkit.NoError(t, json.Unmarshal([]byte(stdout), &report))
	if report.Documents != 2 || len(report.Rows) != 3 {
		t.Fatalf("report: %+v", report)
	}
	for _, row := range report.Rows {
		if row.NDCG != 1 {
			t.Errorf("%+v", row)
		}
	}
	if text, err := os.ReadFile(perQuery); err != nil || strings.Count(string(text), "Red Teapot") != 3 {
		t.Errorf("queries:\n%s%v", text, err)
	}
	if code, stdout, _ = meridianCommand(t, "search", "eval", queries, judgements, "--documents", documents); code != 0 ||
		!strings.Contains(stdout, "plain titles") {
		t.Errorf("exit code %d:\n%s", code, stdout)
	}
}

func TestSearchEval_Mistakes(t *testing.T) {
	queries, judgements, documents := evalFiles(t)
	for _, test := range []struct {
		name string
		args []string
		want string // in the error
	}{
		{"one file", []string{queries}, "give one of queries and one of judgements"},
		{"no such file", []string{"none.tsv", judgements}, "none.tsv"},
		{"files and known items", []string{queries, judgements, "--known-item", documents}, "leave the files out"},
		{"no known items", []string{"--known-item", documents}, "group_name"},
		{"files the wrong way round", []string{judgements, queries}, "queries: line 1: a query is its id, a tab and its text"},
		{"errors below 0", []string{"--typos", "-1"}, "--typos"},
		{"a server of no kind", []string{queries, judgements, "--documents", documents, "--meilisearch-url", "ftp://here"}, "--meilisearch-url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := meridianCommand(t, append([]string{"search", "eval"}, test.args...)...)
			if code != exitUsage || !strings.Contains(stderr, test.want) {
				t.Errorf("exit code %d, %q does not say %q", code, stderr, test.want)
			}
		})
	}
	code, _, stderr := meridianCommand(t, "search", "eval", queries, judgements) // of the shipped catalogue
	if code == 0 || !strings.Contains(stderr, "--documents") {
		t.Errorf("exit code %d, %q", code, stderr)
	}
}
