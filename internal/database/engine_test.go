package database_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit/databasetest"
)

// servers are what servers say of themselves, and what EngineOf must make of it.
var servers = []struct {
	name, version string
	want          database.Engine // "" for a server that is refused
	errors        []string
}{
	{"PostgreSQL of Debian", "PostgreSQL 15.18 (Debian 15.18-0+deb12u1) on x86_64-pc-linux-gnu, compiled by gcc", database.PostgreSQL, nil},
	{"PostgreSQL before its release", "PostgreSQL 18beta1 on aarch64-apple-darwin", database.PostgreSQL, nil},
	{"an old PostgreSQL", "PostgreSQL 14.12 on x86_64-pc-linux-gnu", "", []string{"PostgreSQL 14.12", "needs 15.0"}},
	{"a very old PostgreSQL", "PostgreSQL 9.6.24 on x86_64", "", []string{"PostgreSQL 9.6", "needs 15.0"}},
	{"CockroachDB", "CockroachDB CCL v26.3.1 (x86_64-pc-linux-gnu, built 2026/08/03 15:09:12, go1.25)", database.CockroachDB, nil},
	{"the oldest CockroachDB", "CockroachDB CCL v23.1.0 (x86_64-pc-linux-gnu)", database.CockroachDB, nil},
	{"CockroachDB before its release", "CockroachDB CCL v23.1.0-rc.2 (x86_64-pc-linux-gnu)", database.CockroachDB, nil},
	{"an open-source build", "CockroachDB OSS v21.1.21 (x86_64-pc-linux-gnu)", "", []string{"CockroachDB 21.1", "needs 23.1"}},
	{"one release too old", "CockroachDB CCL v22.2.19 (x86_64-pc-linux-gnu)", "", []string{"CockroachDB 22.2", "needs 23.1"}},
	{"another server", "8.0.36 MySQL Community Server", "", []string{"MySQL", "PostgreSQL 15.0", "CockroachDB 23.1"}},
	{"a fork", "EnterpriseThing 99.1", "", []string{"EnterpriseThing", "PostgreSQL 15.0"}},
	{"nothing", "", "", []string{"PostgreSQL 15.0"}},
}

func TestEngineOf(t *testing.T) {
	for _, test := range servers {
		t.Run(test.name, func(t *testing.T) {
			got, err := database.EngineOf(test.version)
			wantRefusal(t, err, test.errors)
			if got != test.want {
				t.Errorf("it is %q, want %q", got, test.want)
			}
		})
	}
}

// TestOpen_OldServer: a pool is not to be had on a server where, unnoticed, less is promised.
func TestOpen_OldServer(t *testing.T) {
	for _, test := range servers {
		t.Run(test.name, func(t *testing.T) {
			db, err := database.Open(t.Context(), database.Config{URL: databasetest.FakeServer(t, test.version), Region: "eu-west"})
			wantRefusal(t, err, test.errors)
			if err != nil {
				return
			}
			defer db.Close()
			said, err := database.One(t.Context(), db, pgx.RowTo[string], database.VersionQuery)
			if db.Engine() != test.want || said != test.version || err != nil {
				t.Errorf("opened %s, which says %q, %v", db.Engine(), said, err)
			}
		})
	}
}

// wantRefusal fails the test unless the error names all parts, or is nil where there are none.
func wantRefusal(t *testing.T, err error, parts []string) {
	t.Helper()
	if (err == nil) != (len(parts) == 0) {
		t.Fatalf("got %v", err)
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %q", err, part)
		}
	}
}
