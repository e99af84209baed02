package databasetest_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func count(t *testing.T, db *database.DB, from string) int64 {
	t.Helper()
	n := testkit.Must(database.One(t.Context(), db, pgx.RowTo[int64], "SELECT count(*) FROM "+from))(t)
	return n
}

func addSeller(t *testing.T, db *database.DB) {
	t.Helper()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`INSERT INTO sellers (id, slug, name) VALUES (gen_random_uuid(), 'ann', 'Ann')`)
		return nil
	}))
}

func TestNew(t *testing.T) {
	first, second := databasetest.New(t), databasetest.New(t, databasetest.Region("us-west"))
	addSeller(t, first)
	if n := count(t, first, "sellers"); n != 1 {
		t.Errorf("%d sellers where one was added", n)
	}
	if n := count(t, second, "sellers"); n != 0 {
		t.Errorf("%d sellers in another test's database", n)
	}
	if diff := cmp.Diff([]string{"eu-west", "us-west"}, []string{first.Region(), second.Region()}); diff != "" {
		t.Error(diff)
	}
}

func TestNew_ManyAtOnce(t *testing.T) {
	for range 12 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			db := databasetest.New(t, databasetest.MaxConns(2))
			addSeller(t, db)
			if n := count(t, db, "sellers"); n != 1 {
				t.Errorf("%d sellers where one was added", n)
			}
		})
	}
}

func TestURL_SeveralRegions(t *testing.T) {
	url := databasetest.URL(t)
	west, east := databasetest.Open(t, url, "us-west"), databasetest.Open(t, url, "us-east")
	addSeller(t, west)
	if n := count(t, east, "sellers"); n != 1 {
		t.Errorf("us-east sees %d of the one seller added in us-west", n)
	}
}

func TestURL_DroppedAtEnd(t *testing.T) {
	var url string
	t.Run("a test", func(t *testing.T) { url = databasetest.URL(t) })
	if os.Getenv("COCKROACH_URL") != "" {
		t.Skip("CockroachDB's databases stay for the next test")
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err == nil {
		conn.Close(t.Context())
		t.Error("the test's database is still there")
	}
}

func TestEmpty(t *testing.T) {
	db := databasetest.Open(t, databasetest.Empty(t), "eu-west")
	if n := count(t, db, "information_schema.tables WHERE table_schema = 'public'"); n != 0 {
		t.Errorf("%d tables in an empty database", n)
	}
}

func TestSerializable(t *testing.T) {
	db := databasetest.New(t)
	level := testkit.Must(database.One(t.Context(), db, pgx.RowTo[string], `SELECT current_setting('transaction_isolation')`))(t)
	if level != "serializable" {
		t.Errorf("isolation is %s", level)
	}
}
