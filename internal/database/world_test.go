package database_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// open connects to a database with a configuration of the test's own.
func open(t testing.TB, url string, change ...func(*database.Config)) *database.DB {
	t.Helper()
	config := database.Config{URL: url, Region: "eu-west", Tracer: databasetest.Tracer()}
	for _, f := range change {
		f(&config)
	}
	db := testkit.Must(database.Open(t.Context(), config))(t)
	t.Cleanup(db.Close)
	return db
}

// direct is a connection besides the pools, for what happens behind their backs.
func direct(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn := testkit.Must(pgx.Connect(t.Context(), url))(t)
	t.Cleanup(func() { conn.Close(context.Background()) })
	return conn
}

func exec(t testing.TB, conn *pgx.Conn, sql string, args ...any) {
	t.Helper()
	testkit.Must(conn.Exec(context.Background(), sql, args...))(t)
}

// newNumbers makes a database with a table of numbers: a to e are 1, and none may be below zero.
func newNumbers(t testing.TB) (url string, conn *pgx.Conn) {
	t.Helper()
	url = databasetest.Empty(t)
	conn = direct(t, url)
	exec(t, conn, `
CREATE TABLE numbers (
  name text NOT NULL,
  n int8 NOT NULL,
  parent text,
  CONSTRAINT numbers_pkey PRIMARY KEY (name),
  CONSTRAINT numbers_parent_fkey FOREIGN KEY (parent) REFERENCES numbers (name),
  CONSTRAINT numbers_not_negative CHECK (n >= 0)
)`)
	exec(t, conn, `INSERT INTO numbers (name, n) SELECT c, 1 FROM unnest(ARRAY['a', 'b', 'c', 'd', 'e']) AS c`)
	return url, conn
}

func number(t testing.TB, conn *pgx.Conn, name string) int64 {
	t.Helper()
	var n int64
	testkit.NoError(t, conn.QueryRow(context.Background(), `SELECT n FROM numbers WHERE name = $1`, name).Scan(&n))
	return n
}

func wantNumber(t testing.TB, conn *pgx.Conn, name string, want int64) {
	t.Helper()
	if n := number(t, conn, name); n != want {
		t.Errorf("%s is %d, want %d", name, n, want)
	}
}

// proxy is a network between a pool and its server that can fail.
type proxy struct {
	listener net.Listener
	server   string

	mu sync.Mutex
	// cut is asked about each message of a client, and before each answer of the server. If it
	// says so the connection ends there, and the message is not passed on.
	cut func(fromClient bool, message []byte) bool
}

// newProxy stands before the server of a connection string, and returns the one that leads
// through it.
func newProxy(t testing.TB, connection string) (*proxy, string) {
	t.Helper()
	u := testkit.Must(url.Parse(connection))(t)
	p := &proxy{server: u.Host}
	p.listener = testkit.Listen(t)
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		p.listener.Close()
		connections.Wait()
	})
	u.Host = p.listener.Addr().String()
	return p, u.String()
}

func (p *proxy) set(cut func(fromClient bool, message []byte) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = cut
}

func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	both.Go(func() { p.pass(server, client, true) })
	both.Go(func() { p.pass(client, server, false) })
	both.Wait()
}

// pass copies one direction until it ends or is cut, and then ends both.
func (p *proxy) pass(to, from net.Conn, fromClient bool) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			p.mu.Lock()
			cut := p.cut != nil && p.cut(fromClient, buffer[:n])
			p.mu.Unlock()
			if cut {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			if err != io.EOF {
				return
			}
			return
		}
	}
}

// deadline bounds what must not hang; no test waits for it to pass.
const deadline = testkit.Patience
