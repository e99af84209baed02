package chaos

import (
	"crypto/rand"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

const insertMark = `INSERT INTO marks (id) VALUES ($1)`

// A batch is cut at each step, on either side: before the server has all of it, it did not happen; before the client
// hears of it, it may have.
func TestProxy_Cut(t *testing.T) {
	url := databasetest.Empty(t)
	direct := databasetest.Open(t, url, "eu-west")
	databasetest.Exec(t, direct, `CREATE TABLE marks (id text PRIMARY KEY)`)
	p := newProxyTo(t, url)
	cutOff := through(url, p) + "&application_name=cut%20off"
	conn := connect(t, cutOff)
	defer func() { conn.Close(t.Context()) }()
	tests := []struct {
		name     string
		cut      Cut
		happened bool
	}{
		// Two statements and the end of the batch are three steps to the server; two completions and a readiness back.
		{"first statement", Cut{Side: BeforeServer, Step: 1}, false},
		{"second statement", Cut{Side: BeforeServer, Step: 2}, false},
		{"end of the batch", Cut{Side: BeforeServer, Step: 3}, false},
		{"first completion", Cut{Side: BeforeClient, Step: 1}, true},
		{"second completion", Cut{Side: BeforeClient, Step: 2}, true},
		{"readiness", Cut{Side: BeforeClient, Step: 3}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p.Disarm()
			if conn.IsClosed() {
				conn = connect(t, cutOff)
			}
			p.Arm(test.cut)
			batch := new(pgx.Batch)
			for _, part := range []string{" a", " b"} {
				batch.Queue(insertMark, test.name+part)
			}
			if err := conn.SendBatch(t.Context(), batch).Close(); err == nil {
				t.Error("the batch went through")
			}
			if !p.Disarm() {
				t.Error("nothing was cut")
			}
			want := int64(0)
			if test.happened {
				want = 2
			}
			awaitOthers(t, direct)
			got := databasetest.One[int64](t, direct, `SELECT count(*) FROM marks WHERE id LIKE $1::text || '%'`, test.name)
			if got != want {
				t.Errorf("%d rows were written, want %d", got, want)
			}
		})
	}
	if p.Cuts() != len(tests) {
		t.Errorf("%d cuts, want %d", p.Cuts(), len(tests))
	}
}

// connect opens a connection that has the batch's statement prepared already.
func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn := testkit.Must(pgx.Connect(t.Context(), url))(t)
	testkit.Must(conn.Exec(t.Context(), insertMark, "prepared "+rand.Text()))(t)
	return conn
}

// awaitOthers waits until the server has noticed that the connections by way of the proxy have ended, and finished what
// they had sent.
func awaitOthers(t *testing.T, db *database.DB) {
	t.Helper()
	databasetest.OnlyPostgreSQL(t, "pg_stat_activity tells when connections have ended")
	testkit.Eventually(t, "the connections to end", func() bool {
		return databasetest.One[int64](t, db, `
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'cut off'`) == 0
	})
}

// A client that stays down is refused until the proxy is disarmed.
func TestProxy_StayDown(t *testing.T) {
	url := databasetest.Empty(t)
	p := newProxyTo(t, url)
	conn := testkit.Must(pgx.Connect(t.Context(), through(url, p)))(t)
	p.Arm(Cut{Side: BeforeServer, Step: 1, StayDown: true})
	if _, err := conn.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("the statement went through")
	}
	if again, err := pgx.Connect(t.Context(), through(url, p)); err == nil {
		t.Error("a proxy that stays down lets a client in")
		again.Close(t.Context())
	}
	p.Disarm()
	again, err := pgx.Connect(t.Context(), through(url, p))
	if err != nil {
		t.Fatalf("a proxy that is disarmed lets nobody in: %v", err)
	}
	again.Close(t.Context())
}
