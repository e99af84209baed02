package database_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/testkit/databasetest"
)

// claimEvents is a claim like those of the workers.
func claimEvents(ctx context.Context, db *database.DB, of database.Reach) ([]string, error) {
	return database.Claim(ctx, db, of, database.Claims{
		Table: "outbox", Key: []string{"id"}, Where: "delivered_at IS NULL", Due: "next_attempt_at", Wait: "3600", Returning: "t.key",
	}, pgx.RowTo[string], 10)
}

func TestClaim(t *testing.T) {
	url := databasetest.URL(t)
	db, elsewhere := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	databasetest.Exec(t, db, `
INSERT INTO outbox (region, topic, key, payload, next_attempt_at)
VALUES ('eu-west', 't', 'due', '{}', now()), ('eu-west', 't', 'left', '{}', now() - INTERVAL '2 minutes'),
  ('eu-west', 't', 'later', '{}', now() + INTERVAL '1 minute'), ('us-west', 't', 'of another', '{}', now() - INTERVAL '2 minutes')`)
	for _, test := range []struct {
		name string
		db   *database.DB
		of   database.Reach
		want string
	}{
		{"a region nobody left", elsewhere, database.LeftBy("ap-southeast"), ""},
		{"nothing of its own", elsewhere, elsewhere.Own(), ""},
		{"what another left", elsewhere, database.LeftBy("eu-west"), "left"},
		{"its own", db, db.Own(), "due"},
		{"once", db, db.Own(), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := claimEvents(t.Context(), test.db, test.of); err != nil || strings.Join(got, " ") != test.want {
				t.Errorf("claimed %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// TestClaim_TakeOver: one region at a time takes over what another left, whatever table it is in, and only as long as it
// does. A look that finds nothing goes nowhere.
func TestClaim_TakeOver(t *testing.T) {
	url := databasetest.URL(t)
	home := databasetest.Open(t, url, "eu-west")
	first, second := databasetest.Open(t, url, "us-east"), databasetest.Open(t, url, "us-west")
	take := func(db *database.DB, want string) {
		t.Helper()
		if got, err := claimEvents(t.Context(), db, database.LeftBy("eu-west")); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s took over %q, %v; want %q", db.Region(), got, err, want)
		}
	}
	leave := func(key string) {
		t.Helper()
		databasetest.Exec(t, home, `
INSERT INTO outbox (region, topic, key, payload, next_attempt_at)
VALUES ('eu-west', 't', $1, '{}', now() - INTERVAL '2 minutes')`, key)
	}
	databasetest.WantCost(t, "a look that finds nothing", database.Cost{Trips: 1, Statements: 1, Away: onEngine(home, 1, 0)},
		func(ctx context.Context) {
			if got, err := claimEvents(ctx, first, database.LeftBy("eu-west")); err != nil || got != nil {
				t.Errorf("took over %q, %v", got, err)
			}
		})
	if n := databasetest.One[int64](t, home, `SELECT count(*) FROM take_overs`); n != 0 {
		t.Errorf("%d leases for nothing", n)
	}
	leave("a")
	databasetest.WantCost(t, "a take-over", database.Cost{Trips: 2, Statements: 3, Away: onEngine(home, 3, 2)}, func(ctx context.Context) {
		if got, err := claimEvents(ctx, first, database.LeftBy("eu-west")); err != nil || strings.Join(got, " ") != "a" {
			t.Errorf("took over %q, %v", got, err)
		}
	})
	leave("b")
	take(second, "")
	take(first, "b")
	leave("c")
	if got, err := claimEvents(t.Context(), home, home.Own()); err != nil || strings.Join(got, " ") != "c" {
		t.Errorf("at home %q was claimed, %v", got, err)
	}
	leave("d")
	databasetest.Exec(t, home, `UPDATE take_overs SET held_until = now() - INTERVAL '1 second'`)
	take(second, "d")
	leave("e")
	take(first, "")
	take(second, "e")
}

// TestClaim_TakeOverRace: regions that find the same rows at once do not get them twice, and one of them gets all.
func TestClaim_TakeOverRace(t *testing.T) {
	url := databasetest.URL(t)
	home := databasetest.Open(t, url, "eu-west")
	databasetest.Exec(t, home, `
INSERT INTO outbox (region, topic, key, payload, next_attempt_at)
SELECT 'eu-west', 't', n::text, '{}', now() - INTERVAL '2 minutes' FROM generate_series(1, 40) AS n`)
	var mu sync.Mutex
	took := make(map[string]int)
	seen := make(map[string]bool)
	var racers sync.WaitGroup
	for _, region := range []string{"us-east", "us-west", "ap-southeast", "us-east", "us-west", "ap-southeast"} {
		db := databasetest.Open(t, url, region)
		racers.Go(func() {
			for range 5 {
				got, err := claimEvents(t.Context(), db, database.LeftBy("eu-west"))
				mu.Lock()
				for _, key := range got {
					if seen[key] {
						t.Errorf("%s was claimed twice", key)
					}
					seen[key] = true
				}
				if len(got) > 0 {
					took[region] += len(got)
				}
				mu.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	racers.Wait()
	if len(took) != 1 || len(seen) != 40 {
		t.Errorf("%v took over %d of 40", took, len(seen))
	}
}

// TestClaim_OutOfReach: a claim of another region's rows that hangs at the server is ended,
// there too, and the connection can be used again.
func TestClaim_OutOfReach(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "LOCK TABLE stands for rows that cannot be reached")
	t.Parallel()
	url := databasetest.URL(t)
	db, holder := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	locked, release := make(chan struct{}), make(chan struct{})
	released := make(chan error, 1)
	go func() {
		released <- holder.Tx(context.Background(), func(ctx context.Context, tx pgx.Tx) error {
			_, err := tx.Exec(ctx, `LOCK TABLE outbox`)
			close(locked)
			<-release
			return err
		})
	}()
	<-locked
	if got, err := claimEvents(t.Context(), db, database.LeftBy("us-east")); err == nil {
		t.Errorf("claimed %q of a table that is locked", got)
	}
	close(release)
	if err := <-released; err != nil {
		t.Fatal(err)
	}
	if _, err := claimEvents(t.Context(), db, database.LeftBy("us-east")); err != nil {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{"": "", "plain é 漢": "plain é 漢", "a\x00b": "a\ufffdb", "\xff\xfe": "\ufffd",
		"\\u0000": "\\u0000"} {
		if got := database.Text(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		got := database.Text(text)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Fatalf("%q becomes %q", text, got)
		}
		if utf8.ValidString(text) && !strings.Contains(text, "\x00") && got != text {
			t.Fatalf("%q becomes %q though nothing is wrong with it", text, got)
		}
	})
}
