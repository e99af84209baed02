package databasetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// StatementsEnv names the environment variable with the folder that the tests' statements are kept in. Each test
// process appends to a file of its own there, a JSON string a line, each text once.
const StatementsEnv = "MERIDIAN_STATEMENTS_DIR"

// recorder keeps the distinct texts of the statements that pass it and that the shop sends: not those which a test
// writes for itself. It never sees their arguments.
type recorder struct {
	path    string
	ofTests bool // keeps the tests' own, too

	mu      sync.Mutex
	seen    map[string]bool
	pending []string // not written yet
}

func newRecorder(dir string) *recorder {
	name := fmt.Sprintf("%s-%d.jsonl", filepath.Base(os.Args[0]), os.Getpid())
	return &recorder{path: filepath.Join(dir, name), seen: map[string]bool{}}
}

// TraceQueryStart records a single statement.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if r.ofTests || !sentByTest() {
		r.record(data.SQL)
	}
	return ctx
}

// TraceQueryEnd has nothing to record.
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart records the statements of a batch before any is sent: after a failure the rest would never be seen.
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if !r.ofTests && sentByTest() {
		return ctx
	}
	for _, q := range data.Batch.QueuedQueries {
		r.record(q.SQL)
	}
	return ctx
}

// TraceBatchQuery has nothing to record.
func (r *recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd has nothing to record.
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// sentByTest reports whether the statement that is being traced was sent by a test's file: whether one is the first
// to be met on the way up from here, past the driver and package database.
func sentByTest() bool {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		if !isPassage(frame.Function) {
			return strings.HasSuffix(frame.File, "_test.go")
		}
		if !more {
			return false
		}
	}
}

// isPassage tells the functions through which every statement passes.
func isPassage(function string) bool {
	for _, prefix := range []string{
		"meridian/internal/database.", "github.com/", "runtime.",
		"meridian/internal/testkit/databasetest.(*recorder).",
		"meridian/internal/testkit/databasetest.Exec", "meridian/internal/testkit/databasetest.One",
	} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}

func (r *recorder) record(sql string) {
	sql = strings.TrimSpace(sql)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[sql] || !queriesRows(sql) {
		return
	}
	r.seen[sql] = true
	r.pending = append(r.pending, sql)
}

// queriesRows tells statements that read or write rows from those that control a session, a transaction or the
// schema, and from pgx's ping, which is a comment.
func queriesRows(sql string) bool {
	word, _, _ := strings.Cut(strings.TrimLeft(withoutLeadingComments(sql), "( \t\n"), " ")
	word, _, _ = strings.Cut(word, "\n")
	switch strings.ToUpper(strings.TrimSpace(word)) {
	case "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "TABLE":
		return true
	}
	return false
}

func withoutLeadingComments(sql string) string {
	for strings.HasPrefix(sql, "--") {
		_, sql, _ = strings.Cut(sql, "\n")
		sql = strings.TrimSpace(sql)
	}
	return sql
}

// flush appends what was recorded since the last flush to the process's file.
func (r *recorder) flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o755); err != nil {
		return fmt.Errorf("make the statements' folder: %w", err)
	}
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the statements' file: %w", err)
	}
	defer f.Close()
	lines := json.NewEncoder(f)
	lines.SetEscapeHTML(false)
	for _, sql := range r.pending {
		if err := lines.Encode(sql); err != nil {
			return fmt.Errorf("write the statements: %w", err)
		}
	}
	r.pending = nil
	return nil
}
