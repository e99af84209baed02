package database_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func set(b *database.Batch, name string, n int64) *pgx.QueuedQuery {
	return b.Queue(`UPDATE numbers SET n = $2 WHERE name = $1`, name, n)
}

func TestSerializable_EveryConnection(t *testing.T) {
	db := databasetest.New(t, databasetest.MaxConns(5))
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			level, err := database.One(t.Context(), db, pgx.RowTo[string], `SELECT current_setting('transaction_isolation') FROM pg_sleep(0.01)`)
			if err != nil || level != "serializable" {
				t.Errorf("a read is %s, %v", level, err)
			}
			err = db.Write(t.Context(), func(b *database.Batch) error {
				b.Queue(`SHOW transaction_isolation`).QueryRow(func(row pgx.Row) error { return row.Scan(&level) })
				return nil
			})
			if err != nil || level != "serializable" {
				t.Errorf("a batch is %s, %v", level, err)
			}
			err = db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				return tx.QueryRow(ctx, `SHOW transaction_isolation`).Scan(&level)
			})
			if err != nil || level != "serializable" {
				t.Errorf("a transaction is %s, %v", level, err)
			}
		})
	}
	all.Wait()
}

func TestSession(t *testing.T) {
	db := open(t, databasetest.URL(t), func(c *database.Config) { c.ApplicationName = "a name" })
	settings := map[string]string{
		"TimeZone": "UTC", "application_name": "a name", "statement_timeout": "10s", "idle_in_transaction_session_timeout": "10s",
	}
	if db.Engine() == database.CockroachDB { // which tells times in milliseconds
		settings["statement_timeout"], settings["idle_in_transaction_session_timeout"] = "30000", "10000"
	}
	for name, want := range settings {
		got, err := database.One(t.Context(), db, pgx.RowTo[string], `SELECT current_setting($1)`, name)
		if err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestReads(t *testing.T) {
	url, _ := newNumbers(t)
	db := open(t, url)
	ctx := t.Context()
	one, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT n FROM numbers WHERE name = $1`, "a")
	if err != nil || one != 1 {
		t.Errorf("one is %d, %v", one, err)
	}
	if _, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT n FROM numbers WHERE name = 'nobody'`); !errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("one of none: %v", err)
	}
	if _, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT n FROM numbers`); err == nil || errors.Is(err, pgx.ErrNoRows) {
		t.Errorf("one of five: %v", err)
	}
	names, err := database.List(ctx, db, pgx.RowTo[string], `SELECT name FROM numbers ORDER BY name`)
	if diff := cmp.Diff([]string{"a", "b", "c", "d", "e"}, names); err != nil || diff != "" {
		t.Error(err, diff)
	}
	var each []string
	collect := func(name string) error { each = append(each, name); return nil }
	if err := database.Each(ctx, db, pgx.RowTo[string], collect, `SELECT name FROM numbers ORDER BY name`); err != nil ||
		!cmp.Equal(names, each) {
		t.Errorf("each is %v, %v", each, err)
	}
	stop := errors.New("enough")
	if err := database.Each(ctx, db, pgx.RowTo[string], func(string) error { return stop }, `SELECT name FROM numbers`); !errors.Is(err,
		stop) {
		t.Errorf("each that stops: %v", err)
	}
	var a, b int64
	err = db.Read(ctx, func(batch *database.Batch) error {
		batch.Queue(`SELECT n FROM numbers WHERE name = 'a'`).QueryRow(func(row pgx.Row) error { return row.Scan(&a) })
		batch.Queue(`SELECT count(*) FROM numbers`).QueryRow(func(row pgx.Row) error { return row.Scan(&b) })
		return nil
	})
	if err != nil || a != 1 || b != 5 {
		t.Errorf("read %d and %d, %v", a, b, err)
	}
}

func TestWrite_AllOrNothing(t *testing.T) {
	url, conn := newNumbers(t)
	db := open(t, url)
	err := db.Write(t.Context(), func(b *database.Batch) error {
		set(b, "a", 7)
		set(b, "b", -1)
		set(b, "c", 7)
		return nil
	})
	if !database.Violates(err, "numbers_not_negative") {
		t.Errorf("got %v", err)
	}
	wantNumber(t, conn, "a", 1)
	refused := errors.New("no")
	if err := db.Write(t.Context(), func(b *database.Batch) error { set(b, "a", 7); return refused }); !errors.Is(err, refused) {
		t.Errorf("got %v", err)
	}
	wantNumber(t, conn, "a", 1)
	if err := db.Write(t.Context(), func(*database.Batch) error { return nil }); err != nil {
		t.Errorf("nothing to do: %v", err)
	}
	var n int64
	err = db.Write(t.Context(), func(b *database.Batch) error {
		n = 0
		database.Affected(b.Queue(`UPDATE numbers SET n = 5 WHERE name IN ('a', 'b')`), &n)
		database.Affected(set(b, "c", 5), &n)
		return nil
	})
	if err != nil || n != 3 {
		t.Errorf("%d affected, %v", n, err)
	}
}

func TestCountTrips(t *testing.T) {
	url, _ := newNumbers(t)
	db := open(t, url)
	read := `SELECT n FROM numbers WHERE name = 'a'`
	tests := []struct {
		name string
		want int64
		do   func(ctx context.Context) error
	}{
		{"one", 1, func(ctx context.Context) error { _, err := database.One(ctx, db, pgx.RowTo[int64], read); return err }},
		{"list", 1, func(ctx context.Context) error { _, err := database.List(ctx, db, pgx.RowTo[int64], read); return err }},
		{"each", 1, func(ctx context.Context) error {
			return database.Each(ctx, db, pgx.RowTo[int64], func(int64) error { return nil }, read)
		}},
		{"write of five", 1, func(ctx context.Context) error {
			return db.Write(ctx, func(b *database.Batch) error {
				for range 5 {
					set(b, "a", 1)
				}
				return nil
			})
		}},
		{"read of two", 1, func(ctx context.Context) error {
			return db.Read(ctx, func(b *database.Batch) error { b.Queue(read); b.Queue(read); return nil })
		}},
		{"write of nothing", 0, func(ctx context.Context) error {
			return db.Write(ctx, func(*database.Batch) error { return nil })
		}},
		// BEGIN and COMMIT; on CockroachDB, SAVEPOINT and RELEASE too.
		{"transaction of three", onEngine(db, 5, 7), func(ctx context.Context) error {
			return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				for range 3 {
					if _, err := tx.Exec(ctx, read); err != nil {
						return err
					}
				}
				return nil
			})
		}},
		// BEGIN and ROLLBACK; on CockroachDB, SAVEPOINT and ROLLBACK TO SAVEPOINT too.
		{"transaction rolled back", onEngine(db, 2, 4), func(ctx context.Context) error {
			stop := errors.New("stop")
			if err := db.Tx(ctx, func(context.Context, pgx.Tx) error { return stop }); !errors.Is(err, stop) {
				return fmt.Errorf("got %v", err)
			}
			return nil
		}},
		{"a count within a count", 2, func(ctx context.Context) error {
			inner, trips := database.CountTrips(ctx)
			for range 2 {
				if _, err := database.One(inner, db, pgx.RowTo[int64], read); err != nil {
					return err
				}
			}
			if trips.Count() != 2 {
				return fmt.Errorf("the inner count is %d", trips.Count())
			}
			return nil
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 2 { // the first time statements are prepared, too
				ctx, trips := database.CountTrips(t.Context())
				testkit.NoError(t, test.do(ctx))
				if trips.Count() != test.want {
					t.Errorf("%d round trips, want %d", trips.Count(), test.want)
				}
			}
		})
	}
}

// onEngine returns the number that holds on the database's engine.
func onEngine(db *database.DB, postgres, cockroach int64) int64 {
	if db.Engine() == database.CockroachDB {
		return cockroach
	}
	return postgres
}

// TestCountTrips_Statements: besides the round trips, each statement counts, and whether its arguments name another region.
func TestCountTrips_Statements(t *testing.T) {
	db := databasetest.New(t)
	const own, other, several = `SELECT 1::int8 WHERE $1::text <> ''`, "us-east", `SELECT 1::int8 WHERE cardinality($1::text[]) > 0`
	one := func(ctx context.Context, sql string, arg any) error {
		_, err := database.One(ctx, db, pgx.RowTo[int64], sql, arg)
		return err
	}
	elsewhere := other
	tests := []struct {
		name string
		want database.Cost
		do   func(ctx context.Context) error
	}{
		{"its own region", database.Cost{Trips: 1, Statements: 1}, func(ctx context.Context) error { return one(ctx, own, "eu-west") }},
		{"another", database.Cost{Trips: 1, Statements: 1, Away: 1}, func(ctx context.Context) error { return one(ctx, own, other) }},
		{"another, by reference", database.Cost{Trips: 1, Statements: 1, Away: 1}, func(ctx context.Context) error { return one(ctx, own, &elsewhere) }},
		{"nobody's", database.Cost{Trips: 1, Statements: 1}, func(ctx context.Context) error { return one(ctx, own, "eu-north") }},
		{"some of its own", database.Cost{Trips: 1, Statements: 1}, func(ctx context.Context) error {
			return one(ctx, several, []string{"eu-west", "eu-west"})
		}},
		{"one among its own", database.Cost{Trips: 1, Statements: 1, Away: 1}, func(ctx context.Context) error {
			return one(ctx, several, []string{"eu-west", other})
		}},
		{"a batch", database.Cost{Trips: 1, Statements: 4, Away: 2}, func(ctx context.Context) error {
			return db.Write(ctx, func(b *database.Batch) error {
				b.Queue(`SELECT 1`)
				for _, region := range []string{"eu-west", other, "us-west"} {
					b.Queue(own, region)
				}
				return nil
			})
		}},
		{"a transaction", database.Cost{Trips: onEngine(db, 3, 5), Statements: 1, Away: 1}, func(ctx context.Context) error {
			return db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
				_, err := tx.Exec(ctx, own, other)
				return err
			})
		}},
		{"nothing", database.Cost{}, func(ctx context.Context) error {
			return db.Write(ctx, func(*database.Batch) error { return nil })
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, trips := database.CountTrips(t.Context())
			testkit.NoError(t, test.do(ctx))
			if got := trips.Cost(); got != test.want {
				t.Errorf("costs %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestViolates(t *testing.T) {
	url, _ := newNumbers(t)
	db := open(t, url)
	tests := []struct{ sql, want string }{
		{`INSERT INTO numbers (name, n) VALUES ('a', 1)`, "numbers_pkey"},
		{`INSERT INTO numbers (name, n) VALUES ('z', -1)`, "numbers_not_negative"},
		{`INSERT INTO numbers (name, n, parent) VALUES ('z', 1, 'nobody')`, "numbers_parent_fkey"},
		{`INSERT INTO numbers (name) VALUES ('z')`, ""}, // not null has no name
		{`SELECT 1 / 0`, ""},
	}
	for _, test := range tests {
		err := db.Write(t.Context(), func(b *database.Batch) error { b.Queue(test.sql); return nil })
		if err == nil {
			t.Fatalf("%s is allowed", test.sql)
		}
		for _, name := range []string{"numbers_pkey", "numbers_not_negative", "numbers_parent_fkey"} {
			wrapped := fmt.Errorf("do it: %w", err)
			if got := database.Violates(wrapped, name); got != (name == test.want) {
				t.Errorf("%s violates %s: %t", test.sql, name, got)
			}
		}
		if database.Unavailable(err) {
			t.Errorf("%s: %v is taken for a database that is not available", test.sql, err)
		}
	}
	if database.Violates(nil, "numbers_pkey") || database.Violates(nil, "") || database.Violates(errors.New("x"), "") {
		t.Error("what is no violation is one")
	}
}

func TestUnavailable(t *testing.T) {
	code := func(c string) error { return fmt.Errorf("do it: %w", &pgconn.PgError{Code: c}) }
	tests := []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("x"), false},
		{context.Canceled, false},
		{pgx.ErrNoRows, false},
		{code("23505"), false},
		{code("42601"), false},
		{code("57014"), true},
		{code("57P01"), true},
		{code("57P03"), true},
		{code("53300"), true},
		{code("25P03"), true},
		{code("08006"), true},
		{fmt.Errorf("x: %w", database.ErrOutcomeUnknown), true},
		{fmt.Errorf("x: %w", &database.RetriesExhaustedError{Attempts: 3, Err: code("40001")}), true},
	}
	for _, test := range tests {
		if got := database.Unavailable(test.err); got != test.want {
			t.Errorf("Unavailable(%v) = %t", test.err, got)
		}
	}
}

func TestStatementTimeout(t *testing.T) {
	db := open(t, databasetest.URL(t), func(c *database.Config) { c.StatementTimeout = 20 * time.Millisecond })
	_, err := database.One(t.Context(), db, pgx.RowTo[string], `SELECT pg_sleep(60)::text`)
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "57014" || !database.Unavailable(err) {
		t.Errorf("got %v", err)
	}
}

// TestGroupTimeout: groups get as long as commits take on the engine, unless the configuration says otherwise.
func TestGroupTimeout(t *testing.T) {
	url := databasetest.URL(t)
	db := open(t, url)
	if got, want := db.GroupTimeout(), time.Duration(onEngine(db, 4, 10))*time.Second; got != want {
		t.Errorf("by default %s, want %s", got, want)
	}
	if got := open(t, url, func(c *database.Config) { c.GroupTimeout = time.Minute }).GroupTimeout(); got != time.Minute {
		t.Errorf("%s though a minute is configured", got)
	}
	cockroach := testkit.Must(database.Open(t.Context(), database.Config{URL: databasetest.FakeServer(t, "CockroachDB CCL v26.3.1 (x86_64)")}))(t)
	defer cockroach.Close()
	if got := cockroach.GroupTimeout(); got != 10*time.Second {
		t.Errorf("%s on CockroachDB, want 10s", got)
	}
}

// TestCancelled: a context that ends is the caller's own doing, and costs no connection.
func TestCancelled(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "pg_stat_activity tells when a statement runs")
	url, conn := newNumbers(t)
	db := open(t, url, func(c *database.Config) { c.MaxConns = 1 })
	pid, err := database.One(t.Context(), db, pgx.RowTo[int64], `SELECT pg_backend_pid()::int8`)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var canceller sync.WaitGroup
	canceller.Go(func() {
		waitFor(t, conn, `SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(61)%' AND wait_event = 'PgSleep'`)
		cancel()
	})
	_, err = database.One(ctx, db, pgx.RowTo[string], `SELECT pg_sleep(61)::text`)
	canceller.Wait()
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != "57014" {
		t.Errorf("got %v", err)
	}
	again, err := database.One(t.Context(), db, pgx.RowTo[int64], `SELECT pg_backend_pid()::int8`)
	if err != nil || again != pid {
		t.Errorf("connection %d after %d, %v", again, pid, err)
	}
}

// waitFor asks until the answer is true.
func waitFor(t testing.TB, conn *pgx.Conn, query string, args ...any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for done := false; !done; {
		if err := conn.QueryRow(ctx, query, args...).Scan(&done); err != nil {
			t.Errorf("wait for %s: %v", query, err)
			return
		}
	}
}

func TestConfig_Validate(t *testing.T) {
	good := "postgres://shop@db.example/shop"
	tests := []struct {
		name   string
		config database.Config
		want   []string
	}{
		{"only a URL", database.Config{URL: good}, nil},
		{"the other scheme", database.Config{URL: "postgresql://db/shop"}, nil},
		{"nothing", database.Config{}, []string{"database URL"}},
		{"another scheme", database.Config{URL: "mysql://db/shop"}, []string{"database URL"}},
		{"not a URL", database.Config{URL: "postgres://%zz"}, []string{"database URL"}},
		{"all at once", database.Config{URL: "x", MaxConns: -1, StatementTimeout: -1, MaxAttempts: -1},
			[]string{"database URL", "connections", "timeouts", "attempts"}},
		{"idle timeout", database.Config{URL: good, IdleInTransactionTimeout: -1}, []string{"timeouts"}},
		{"group timeout", database.Config{URL: good, GroupTimeout: -1}, []string{"timeouts"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.config.Validate()
			if (err == nil) != (len(test.want) == 0) {
				t.Fatalf("got %v", err)
			}
			for _, part := range test.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q is not in %v", part, err)
				}
			}
		})
	}
	if _, err := database.Open(t.Context(), database.Config{URL: "x"}); err == nil {
		t.Error("opened with a bad configuration")
	}
}

func TestRedactedURL(t *testing.T) {
	for _, url := range []string{
		"postgres://shop:s3cret@db.example:5432/shop",
		"postgres://db.example/shop?password=s3cret&user=shop",
		"postgres://db.example/shop?sslpassword=s3cret&sslkey=k",
		"postgres://shop:s3cret@%zz/shop",
	} {
		got := database.Config{URL: url}.RedactedURL()
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s tells the password", got)
		}
	}
	if got := (database.Config{URL: "postgres://shop:x@db.example:5432/shop?sslmode=verify-full"}).RedactedURL(); !strings.Contains(got,
		"db.example:5432/shop") || !strings.Contains(got, "sslmode=verify-full") {
		t.Errorf("%s hides too much", got)
	}
}

// TestOpen_Secret: no error about a server that cannot be reached tells the password.
func TestOpen_Secret(t *testing.T) {
	for _, url := range []string{
		"postgres://shop:s3cret@127.0.0.1:1/shop", "postgres://127.0.0.1:1/shop?password=s3cret",
		"postgres://shop:s3cret@127.0.0.1:1/shop?sslmode=nonsense", "postgres://127.0.0.1:1/shop?password=s3cret&pool_max_conns=x",
	} {
		_, err := database.Open(t.Context(), database.Config{URL: url})
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v", err)
		}
	}
}

func TestEngine(t *testing.T) {
	if got := database.PostgreSQL.FollowerRead(); got != "" {
		t.Errorf("PostgreSQL has follower reads: %q", got)
	}
	if got := database.CockroachDB.FollowerRead(); got != " AS OF SYSTEM TIME follower_read_timestamp()" {
		t.Errorf("CockroachDB: %q", got)
	}
	if db := databasetest.New(t); db.Engine() != database.PostgreSQL && db.Engine() != database.CockroachDB {
		t.Errorf("engine %q", db.Engine())
	}
}

// TestSpans looks for every argument in everything that is traced.
func TestSpans(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	url, _ := newNumbers(t)
	db := open(t, url, func(c *database.Config) { c.TracerProvider = provider })
	const secret = "ann.secret@example.com"
	ctx, request := provider.Tracer("test").Start(t.Context(), "a request")
	defer request.End()
	testkit.Must(database.List(ctx, db, pgx.RowTo[string], `SELECT name FROM numbers WHERE name = $1`, secret))(t)
	insert := func(n int64) error {
		return db.Write(ctx, func(b *database.Batch) error {
			b.Queue(`INSERT INTO numbers (name, n) VALUES ($1, $2)`, secret, n)
			b.Queue(`SELECT n FROM numbers WHERE name = $1`, secret)
			return nil
		})
	}
	testkit.NoError(t, insert(1))
	if err := insert(2); !database.Violates(err, "numbers_pkey") { // the server's error tells the key
		t.Fatal(err)
	}
	err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE numbers SET n = -4711 WHERE name = $1`, secret)
		return err
	})
	if !database.Violates(err, "numbers_not_negative") {
		t.Fatal(err)
	}
	var told bytes.Buffer
	statements := 0
	for _, span := range recorder.Ended() {
		fmt.Fprintln(&told, span.Name(), span.Status().Description, span.Attributes())
		for _, event := range span.Events() {
			fmt.Fprintln(&told, event.Name, event.Attributes)
		}
		if strings.Contains(fmt.Sprint(span.Attributes()), "INSERT INTO numbers") {
			statements++
		}
	}
	if strings.Contains(told.String(), secret) {
		t.Errorf("the spans tell an argument:\n%s", told.String())
	}
	if statements == 0 {
		t.Errorf("the spans do not tell the statement:\n%s", told.String())
	}
}

// TestTx_NoSecondConnection: what would wait for itself in a full pool is refused.
func TestTx_NoSecondConnection(t *testing.T) {
	url, conn := newNumbers(t)
	db := open(t, url, func(c *database.Config) { c.MaxConns = 1 })
	calls := map[string]func(ctx context.Context) error{
		"one": func(ctx context.Context) error {
			_, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT 1::int8`)
			return err
		},
		"each": func(ctx context.Context) error {
			return database.Each(ctx, db, pgx.RowTo[int64], func(int64) error { return nil }, `SELECT 1::int8`)
		},
		"write": func(ctx context.Context) error {
			return db.Write(ctx, func(b *database.Batch) error { set(b, "a", 9); return nil })
		},
		"tx":        func(ctx context.Context) error { return db.Tx(ctx, func(context.Context, pgx.Tx) error { return nil }) },
		"reachable": db.Reachable,
	}
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		var inner error
		err := db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
			inner = call(ctx)
			return nil
		})
		if inner == nil || err != nil || ctx.Err() != nil {
			t.Errorf("%s within Tx: %v; Tx: %v", name, inner, err)
		}
		cancel()
	}
	wantNumber(t, conn, "a", 1)
}

// TestWriteSkew races the classic: two may be off duty, not all.
func TestWriteSkew(t *testing.T) {
	url, conn := newNumbers(t)
	db, other := open(t, url), open(t, url)
	attempts := 0
	err := db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
		attempts++
		var sum int64
		if err := tx.QueryRow(ctx, `SELECT sum(n)::int8 FROM numbers WHERE name IN ('a', 'b')`).Scan(&sum); err != nil {
			return err
		}
		if attempts == 1 { // meanwhile the other one goes
			err := other.Write(t.Context(), func(b *database.Batch) error {
				b.Queue(`UPDATE numbers SET n = 0 WHERE name = 'b' AND (SELECT sum(n) FROM numbers WHERE name IN ('a', 'b')) > 1`)
				return nil
			})
			if err != nil {
				return err
			}
		}
		if sum < 2 {
			return nil
		}
		_, err := tx.Exec(ctx, `UPDATE numbers SET n = 0 WHERE name = 'a'`)
		return err
	})
	if err != nil || attempts != 2 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 1)
	wantNumber(t, conn, "b", 0)
}

// TestWriteSkew_Batch does the same with batches, whose conflict is found when they commit.
func TestWriteSkew_Batch(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "an advisory lock holds a batch up")
	url, conn := newNumbers(t)
	db, other := open(t, url), open(t, url)
	gate := direct(t, url)
	exec(t, gate, `SELECT pg_advisory_lock(1)`)
	attempts := 0
	result := make(chan error, 1)
	go func() {
		result <- db.Write(t.Context(), func(b *database.Batch) error {
			attempts++
			b.Queue(`UPDATE numbers SET n = 0 WHERE name = 'a' AND (SELECT sum(n) FROM numbers WHERE name IN ('a', 'b')) > 1`)
			if attempts == 1 {
				b.Queue(`SELECT pg_advisory_xact_lock(1)`)
			}
			return nil
		})
	}()
	waitFor(t, conn, `SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	testkit.NoError(t, other.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE numbers SET n = 0 WHERE name = 'b' AND (SELECT sum(n) FROM numbers WHERE name IN ('a', 'b')) > 1`)
		return nil
	}))
	exec(t, gate, `SELECT pg_advisory_unlock(1)`)
	if err := <-result; err != nil || attempts != 2 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 1)
	wantNumber(t, conn, "b", 0)
}

// TestDeadlock lets two transactions wait for each other.
func TestDeadlock(t *testing.T) {
	url, conn := newNumbers(t)
	db := open(t, url)
	var ready sync.WaitGroup
	ready.Add(2)
	var attempts atomic.Int64
	both := func(first, second string) error {
		mine := 0
		return db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
			attempts.Add(1)
			mine++
			for i, name := range []string{first, second} {
				if _, err := tx.Exec(ctx, `UPDATE numbers SET n = n + 1 WHERE name = $1`, name); err != nil {
					return fmt.Errorf("raise %s: %w", name, err)
				}
				if i == 0 && mine == 1 {
					ready.Done()
					ready.Wait()
				}
			}
			return nil
		})
	}
	var all sync.WaitGroup
	for _, names := range [][2]string{{"a", "b"}, {"b", "a"}} {
		all.Go(func() {
			if err := both(names[0], names[1]); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	wantNumber(t, conn, "a", 3)
	wantNumber(t, conn, "b", 3)
	if attempts.Load() < 3 {
		t.Errorf("%d attempts: there was no deadlock", attempts.Load())
	}
}

// conflict returns a statement that always fails as one that lost to another transaction.
func conflict(db *database.DB) string {
	if db.Engine() == database.CockroachDB {
		return `SELECT crdb_internal.force_error('40001', 'lost')`
	}
	return `DO $$ BEGIN RAISE EXCEPTION 'lost' USING ERRCODE = '40001'; END $$`
}

func TestRetry_Bounded(t *testing.T) {
	db := open(t, databasetest.URL(t), func(c *database.Config) { c.MaxAttempts = 3 })
	attempts := 0
	err := db.Write(t.Context(), func(b *database.Batch) error { attempts++; b.Queue(conflict(db)); return nil })
	var exhausted *database.RetriesExhaustedError
	var pgErr *pgconn.PgError
	if !errors.As(err, &exhausted) || exhausted.Attempts != 3 || attempts != 3 || !errors.As(err, &pgErr) || pgErr.Code != "40001" {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	attempts = 0
	ctx, trips := database.CountTrips(t.Context())
	err = db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		attempts++
		_, err := tx.Exec(ctx, conflict(db))
		return fmt.Errorf("do it: %w", err)
	})
	if !errors.As(err, &exhausted) || attempts != 3 || trips.Count() != onEngine(db, 9, 15) {
		t.Errorf("%d attempts in %d round trips, %v", attempts, trips.Count(), err)
	}
}

func TestRetry_ContextEnds(t *testing.T) {
	db := open(t, databasetest.URL(t))
	ctx, cancel := context.WithCancel(t.Context())
	attempts := 0
	err := db.Write(ctx, func(b *database.Batch) error {
		if attempts++; attempts == 3 {
			cancel()
		}
		b.Queue(conflict(db))
		return nil
	})
	if !errors.Is(err, context.Canceled) || attempts != 3 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

func TestRetry_OtherErrors(t *testing.T) {
	db := open(t, databasetest.URL(t))
	attempts := 0
	own := errors.New("a rule of the domain")
	for _, want := range []error{own, pgx.ErrNoRows, context.Canceled} {
		attempts = 0
		err := db.Tx(t.Context(), func(context.Context, pgx.Tx) error { attempts++; return want })
		if !errors.Is(err, want) || attempts != 1 {
			t.Errorf("%d attempts, %v", attempts, err)
		}
	}
}

// A pool whose connections are all in use is reachable as long as the server answers them.
func TestReachable_BusyPool(t *testing.T) {
	db := databasetest.New(t, databasetest.MaxConns(1))
	err := db.Tx(t.Context(), func(_ context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), `SELECT 1`); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		return db.Reachable(ctx)
	})
	if err != nil {
		t.Errorf("Reachable = %v while the only connection is in use", err)
	}
}
