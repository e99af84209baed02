package databasetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/regions"
)

// defaultRegion names the region of a test's pool unless the test says otherwise.
const defaultRegion = "eu-west"

// cleanupTimeout bounds the dropping of one test's database.
const cleanupTimeout = time.Minute

// Option changes how New opens the test's database.
type Option func(*database.Config)

// Region sets the pool's region. The default is eu-west.
func Region(name string) Option {
	return func(c *database.Config) { c.Region = name }
}

// MaxConns bounds the pool's connections. The default is database.Config's.
func MaxConns(n int32) Option {
	return func(c *database.Config) { c.MaxConns = n }
}

// New returns a pool on a new, migrated, empty database. Both are gone when the test has ended. It ends the test if there
// is no PostgreSQL to be had, with the reason.
func New(t testing.TB, opts ...Option) *database.DB {
	t.Helper()
	return open(t, URL(t), opts...)
}

// Open returns a pool of a region on a database that URL made. It is closed when the test has ended.
func Open(t testing.TB, url, region string) *database.DB {
	t.Helper()
	return open(t, url, Region(region))
}

func open(t testing.TB, url string, opts ...Option) *database.DB {
	t.Helper()
	config := database.Config{
		URL: url, Region: defaultRegion, Regions: testkit.Must(regions.Shipped())(t).Names(), ApplicationName: "meridian-test", Tracer: Tracer(),
		StatementTimeout: testkit.Patience, IdleInTransactionTimeout: testkit.Patience, // a busy machine fails no test
	}
	for _, opt := range opts {
		opt(&config)
	}
	db, err := database.Open(t.Context(), config)
	if err != nil {
		t.Fatalf("open the test's database: %v", err)
	}
	t.Cleanup(db.Close)
	return db
}

// URL returns the connection string of a new, migrated, empty database, dropped when the test has ended, whoever is
// still connected. Tests that open it by themselves pass Tracer on.
func URL(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	t.Cleanup(flushStatements(t))
	if cluster := os.Getenv(cockroachEnv); cluster != "" {
		return takePooled(ctx, t, cluster)
	}
	s := mustServer(t)
	template, err := s.template(ctx)
	if err != nil {
		t.Fatalf("make the test databases' template: %v", err)
	}
	return s.newDatabase(ctx, t, "TEMPLATE "+pgx.Identifier{template}.Sanitize()+" "+cloneStrategy)
}

// Empty returns the connection string of a new database without any table, dropped when the test has ended. It is
// for tests of the migrations.
func Empty(t testing.TB) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if cluster := os.Getenv(cockroachEnv); cluster != "" {
		return newCockroachDatabase(ctx, t, cluster)
	}
	return mustServer(t).newDatabase(ctx, t, "TEMPLATE template0")
}

func mustServer(t testing.TB) *server {
	t.Helper()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("tests need PostgreSQL: %v", err)
	}
	return s
}

// newDatabase creates a database whose name says which process's it is: see orphanDatabase.
func (s *server) newDatabase(ctx context.Context, t testing.TB, clauses string) string {
	t.Helper()
	name := fmt.Sprintf("test_%d_%s", s.owner(), randomName())
	if _, err := s.admin.Exec(ctx, "CREATE DATABASE "+name+" "+clauses); err != nil {
		t.Fatalf("make the test's database: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), cleanupTimeout)
		defer cancel()
		if _, err := s.admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return onDatabase(s.url, name)
}

// onDatabase returns a connection string with another database.
func onDatabase(connection, name string) string {
	u, err := url.Parse(connection)
	if err != nil {
		return connection // connecting with it says what is wrong
	}
	u.Path = "/" + name
	return u.String()
}

func randomName() string { return strings.ToLower(rand.Text()[:10]) }

// Tracer returns the tracer that records the statements of a pool that a test opens by itself (database.Config's
// Tracer). It returns nil unless statements are collected.
func Tracer() pgx.QueryTracer {
	r := sharedRecorder()
	if r == nil {
		return nil
	}
	return r
}

// sharedRecorder returns the process's recorder. It returns nil unless statements are collected.
var sharedRecorder = sync.OnceValue(func() *recorder {
	dir := os.Getenv(StatementsEnv)
	if dir == "" {
		return nil
	}
	return newRecorder(dir)
})

// flushStatements returns a cleanup that writes what was recorded so far.
func flushStatements(t testing.TB) func() {
	return func() {
		r := sharedRecorder()
		if r == nil {
			return
		}
		if err := r.flush(); err != nil {
			t.Errorf("keep the statements: %v", err)
		}
	}
}
