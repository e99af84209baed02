package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
)

func TestForEngine(t *testing.T) {
	tests := []struct{ name, text, postgres, cockroach string }{
		{"nothing", "CREATE TABLE a (b int8)", "CREATE TABLE a (b int8)", "CREATE TABLE a (b int8)"},
		{"at the end", "CREATE TABLE a (b int8) /*crdb LOCALITY GLOBAL */",
			"CREATE TABLE a (b int8)", "CREATE TABLE a (b int8) LOCALITY GLOBAL"},
		{"in the middle", "CREATE INDEX i ON a (b) /*crdb USING HASH */ WHERE c",
			"CREATE INDEX i ON a (b)  WHERE c", "CREATE INDEX i ON a (b) USING HASH  WHERE c"},
		{"over lines", "A /*crdb\nB\nC */", "A", "A B\nC"},
		{"two", "A /*crdb B */, C /*crdb D */", "A , C", "A B , C D"},
		{"of PostgreSQL alone", "/*pg A */", "A", ""},
		{"another comment", "A /* crdb B */", "A /* crdb B */", "A /* crdb B */"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.postgres, forEngine(test.text, database.PostgreSQL)); diff != "" {
				t.Errorf("PostgreSQL: %s", diff)
			}
			if diff := cmp.Diff(test.cockroach, forEngine(test.text, database.CockroachDB)); diff != "" {
				t.Errorf("CockroachDB: %s", diff)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"nothing", "", nil},
		{"comments only", "-- a;\n-- b;\n\n", nil},
		{"one", "A;\n", []string{"A"}},
		{"the last without an end", "A;\nB", []string{"A", "B"}},
		{"over lines", "A\n  B;\n\n\nC;\n", []string{"A\n  B", "C"}},
		{"a comment between", "A;\n-- that is; all\nB;\n", []string{"A", "B"}},
		{"a comment inside", "A (\n  -- why;\n  b\n);\n", []string{"A (\n  b\n)"}},
		{"a semicolon inside a line", "DO $$ BEGIN A; B; END $$;\nC;\n", []string{"DO $$ BEGIN A; B; END $$", "C"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, split(test.text)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
