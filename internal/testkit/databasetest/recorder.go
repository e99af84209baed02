package databasetest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

// StatementsEnv names the environment variable with the folder that the tests' statements are kept in. Each test
// process appends to a file of its own in the folder of its package there ("internal/cart"): a Sent as JSON on each
// line, each statement once.
const StatementsEnv = "MERIDIAN_STATEMENTS_DIR"

// Sent is a statement that a package of the shop sent during a test.
type Sent struct {
	SQL     string `json:"sql"`
	Package string `json:"package"` // relative to the module: "internal/cart"
}

// module is the prefix of the shop's packages.
const module = "meridian/"

// recorder keeps the distinct statements that the shop sends through it, without their arguments. Statements that a
// test or the test kit writes are left out.
type recorder struct {
	path    string
	ofTests bool // keeps the tests' own, too

	mu      sync.Mutex
	seen    map[string]bool
	pending []Sent // not written yet
}

func newRecorder(dir string) *recorder {
	tested := "unknown"
	if build, ok := debug.ReadBuildInfo(); ok {
		tested = strings.TrimSuffix(strings.TrimPrefix(build.Path, module), ".test")
	}
	return &recorder{path: filepath.Join(dir, tested, fmt.Sprintf("%d.jsonl", os.Getpid())), seen: map[string]bool{}}
}

// TraceQueryStart records a single statement.
func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if sender := sender(); r.ofTests || sender != "" {
		r.record(data.SQL, sender)
	}
	return ctx
}

// TraceQueryEnd has nothing to record.
func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart records the statements of a batch before any is sent: after a failure the rest would never be seen.
func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if sender := sender(); r.ofTests || sender != "" {
		for _, q := range data.Batch.QueuedQueries {
			r.record(q.SQL, sender)
		}
	}
	return ctx
}

// TraceBatchQuery has nothing to record.
func (r *recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd has nothing to record.
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// sender returns the package that sends the statement that is being traced: the first to be met on the way up from
// here, past the driver and package database. It returns "" for a test and for the test kit.
func sender() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	for {
		frame, more := frames.Next()
		switch {
		case isPassage(frame.Function):
		case strings.HasSuffix(frame.File, "_test.go"), strings.HasPrefix(frame.Function, module+"internal/testkit/"):
			return ""
		default:
			return packageOf(frame.Function)
		}
		if !more {
			return "unknown"
		}
	}
}

// isPassage reports whether every statement passes through the function.
func isPassage(function string) bool {
	for _, prefix := range []string{"internal/database.", "internal/testkit/databasetest.(*recorder).",
		"internal/testkit/databasetest.sender"} {
		if strings.HasPrefix(function, module+prefix) {
			return true
		}
	}
	return strings.HasPrefix(function, "github.com/") || strings.HasPrefix(function, "runtime.")
}

// packageOf returns the package of a function, relative to the module.
func packageOf(function string) string {
	folder, name := filepath.Split(function)
	name, _, _ = strings.Cut(name, ".")
	return strings.TrimPrefix(folder+name, module)
}

func (r *recorder) record(sql, sender string) {
	sql = strings.TrimSpace(sql)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[sql] || !queriesRows(sql) {
		return
	}
	r.seen[sql] = true
	r.pending = append(r.pending, Sent{SQL: sql, Package: sender})
}

// queriesRows reports whether a statement reads or writes rows. The others control a session, a transaction or the
// schema, or are pgx's ping, which is a comment.
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
	for _, sent := range r.pending {
		if err := lines.Encode(sent); err != nil {
			return fmt.Errorf("write the statements: %w", err)
		}
	}
	r.pending = nil
	return nil
}
