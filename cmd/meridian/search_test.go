package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/search/indexer"
	"meridian/internal/testkit/databasetest"
)

func TestSearch_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	t.Setenv("MERIDIAN_DATABASE_URL", "")
	tests := []struct {
		name string
		args []string
		want []string
	}{
		{"no database", []string{"status"}, []string{"--database-url", "--dir"}},
		{"no such region", []string{"compare", "--region", "mars"}, []string{"--region", "mars", "eu-west"}},
		{"no region's name", []string{"reindex", "eu-west"}, []string{"eu-west"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := meridianCommand(t, append([]string{"search"}, test.args...)...)
			if code == 0 {
				t.Error("it succeeds")
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
		})
	}
}

// TestSearch_NobodyFeeds: a shop whose indexes nobody feeds has nothing to show, and nothing to be done.
func TestSearch_NobodyFeeds(t *testing.T) {
	url := databasetest.URL(t)
	code, stdout, stderr := meridianCommand(t, "search", "status", "--database-url", url)
	if code != 0 || strings.Count(stdout, "none") != 4 {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	code, _, stderr = meridianCommand(t, "search", "compare", "--region", "eu-west", "--database-url", url)
	if code != exitFailed || !strings.Contains(stderr, "eu-west: no search index is fed there") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
}

func TestWriteCompared(t *testing.T) {
	job := indexer.Job{Region: "eu-west", Replica: "pod-1", Status: indexer.JobDone, Comparison: indexer.Comparison{
		Compared: 12, Mended: 2, Differences: map[indexer.Difference]int{indexer.Missing: 2},
		Examples: []indexer.Differing{{Product: uuid.MustParse("00000000-0000-4000-8000-0000000000a1"), What: indexer.Missing}},
	}}
	var out bytes.Buffer
	if err := writeCompared(&out, job); err != nil {
		t.Errorf("what was mended is an error: %v", err)
	}
	for _, want := range []string{"12 products compared, 2 differ, 2 mended", "2 missing", "prd_"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q does not say %q", &out, want)
		}
	}
	job.Comparison.Left = 1
	if err := writeCompared(&out, job); err == nil {
		t.Error("what is left is no error")
	}
	job.Status, job.Error = indexer.JobFailed, "the disk is full"
	if err := writeReindexed(&out, job); err == nil || err.Error() != job.Error {
		t.Errorf("a failed job is %v", err)
	}
}
