package database_test

import (
	"context"
	"strings"
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

// TestClaim_OutOfReach: a claim of another region's rows that hangs at the server is ended,
// there too, and the connection can be used again.
func TestClaim_OutOfReach(t *testing.T) {
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
