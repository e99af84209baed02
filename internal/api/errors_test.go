package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/testkit"
	"meridian/regions"
)

func TestProblemOf(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"problem", fmt.Errorf("reading: %w", BadRequest("no")), 400, "bad_request"},
		{"malformed id", fmt.Errorf("reading: %w", regions.ErrBadID), 400, "bad_id"},
		{"bad token", fmt.Errorf("verifying: %w", ErrInvalidToken), 401, "invalid_token"},
		{"no connection", &pgconn.ConnectError{Config: &pgconn.Config{}}, 503, "unavailable"},
		{"too many connections", &pgconn.PgError{Code: "53300"}, 503, "unavailable"},
		{"database stopping", &pgconn.PgError{Code: "57P01"}, 503, "unavailable"},
		{"connection broken", &pgconn.PgError{Code: "08006"}, 503, "unavailable"},
		{"retries exhausted", &database.RetriesExhaustedError{Attempts: 3, Err: errors.New("40001")}, 503, "unavailable"},
		{"outcome unknown", fmt.Errorf("%w: gone", database.ErrOutcomeUnknown), 503, "outcome_unknown"},
		{"key used again", idempotency.ErrReused, 422, "idempotency_key_reused"},
		{"deadline", fmt.Errorf("asking: %w", context.DeadlineExceeded), 503, "timed_out"},
		{"constraint nobody mapped", &pgconn.PgError{Code: "23505"}, 500, "internal"},
		{"anything", errors.New("password=hunter2"), 500, "internal"},
		{"code nobody knows", &Problem{Code: "nobody_knows"}, 500, "internal"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newTestServer(t)
			h := around(t, s, func(http.ResponseWriter, *http.Request) error { return test.err })
			w := ask(h, "GET", "/", "")
			wantProblem(t, w, test.status, test.code)
			if (test.status == 503) != (w.Header().Get("Retry-After") != "") {
				t.Errorf("Retry-After %q", w.Header().Get("Retry-After"))
			}
			if (test.status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
				t.Errorf("WWW-Authenticate %q", w.Header().Get("WWW-Authenticate"))
			}
			if strings.Contains(w.Body.String(), "hunter2") {
				t.Errorf("the cause is told: %s", w.Body)
			}
		})
	}
}

func TestProblem_Body(t *testing.T) {
	s := newTestServer(t)
	h := around(t, s, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("ETag", `"v1"`)
		w.Header().Set("Cache-Control", "public")
		return &Problem{
			Code: "forbidden", Detail: "No.", RetryAfter: 1500 * time.Millisecond,
			Errors: []FieldError{{Field: "a", Message: "must be b"}},
			Extra:  map[string]any{"left": 3, "code": "forged"},
			Err:    errors.New("cause"),
		}
	})
	w := ask(h, "GET", "/", "", "X-Request-Id", "me-1")
	want := `{"code":"forbidden","detail":"No.","errors":[{"field":"a","message":"must be b"}],"left":3,` +
		`"request_id":"me-1","status":403,"title":"Not allowed","type":"/docs#problem-forbidden"}`
	if w.Body.String() != want {
		t.Errorf("got  %s\nwant %s", w.Body, want)
	}
	if h := w.Header(); h.Get("ETag") != "" || h.Get("Cache-Control") != "no-store" || h.Get("Retry-After") != "2" {
		t.Errorf("headers %v", h)
	}
}

func TestFail_ClientGone(t *testing.T) {
	var log bytes.Buffer
	s := newTestServer(t, func(d *Deps, _ *Config) { d.Log = logged(t, &log) })
	ctx, cancel := context.WithCancel(context.Background())
	h := around(t, s, func(_ http.ResponseWriter, r *http.Request) error {
		cancel()
		return fmt.Errorf("asking the database: %w", r.Context().Err())
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, "GET", "/", nil))
	if w.Code != statusClientGone || w.Body.Len() != 0 {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), `"status":499`) || strings.Contains(log.String(), "ERROR") {
		t.Errorf("logged %s", &log)
	}
}

func TestFail_AnswerBegun(t *testing.T) {
	s := newTestServer(t)
	h := around(t, s, func(w http.ResponseWriter, _ *http.Request) error {
		if err := writeJSON(w, http.StatusOK, "half"); err != nil {
			return err
		}
		return errors.New("too late")
	})
	defer func() {
		if cause := recover(); cause != http.ErrAbortHandler {
			t.Errorf("the connection was not cut: %v", cause)
		}
	}()
	ask(h, "GET", "/", "")
}

func TestProblemTypes(t *testing.T) {
	code := regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	seen := make(map[string]bool)
	for _, row := range problemTypes {
		if seen[row.code] && row.err == nil && row.match == nil {
			t.Errorf("%s is listed twice without an error", row.code)
		}
		seen[row.code] = true
		if !code.MatchString(row.code) || row.title == "" || row.status < 400 || row.status > 599 {
			t.Errorf("bad row %+v", row)
		}
		first, _ := problemTypeOf(row.code)
		if first.status != row.status || first.title != row.title {
			t.Errorf("%s has two meanings", row.code)
		}
	}
}

// TestProblemCodes holds each code that the package's source names to the table.
func TestProblemCodes(t *testing.T) {
	for name, file := range parseSources(t, ".") {
		ast.Inspect(file, func(n ast.Node) bool {
			pair, ok := n.(*ast.KeyValueExpr)
			if !ok {
				return true
			}
			key, isName := pair.Key.(*ast.Ident)
			literal, isText := pair.Value.(*ast.BasicLit)
			if !isName || key.Name != "Code" || !isText || literal.Kind != token.STRING {
				return true
			}
			code := testkit.Must(strconv.Unquote(literal.Value))(t)
			if _, ok := problemTypeOf(code); !ok {
				t.Errorf("%s names the code %q, which is not in the table", name, code)
			}
			return true
		})
	}
}

// answeredElsewhere are exported errors of domains that never reach a client as they are, with the reason.
var answeredElsewhere = map[string]string{
	"account.ErrWrongSecret":    "a mistake of who runs the pod, which does not serve then",
	"fx.NoRateError":            "becomes pricing.NoPriceError",
	"idempotency.ErrUnknown":    "domains ask for a key only after the database said that it is taken",
	"money.ErrCurrencyMismatch": "a mistake of the program, answered as internal",
	"order.AmountMismatchError": "a webhook's: it stays in the inbox until a person has looked",
	"order.ErrOthersPayment":    "a webhook's: it is dismissed",
	"payment.ErrUnavailable":    "the order exists by then and waits: a worker asks again",
	"payment.ErrUnknownPayment": "a webhook's or a worker's: it is tried again",
	"payment.ErrConflict":       "the provider's answer to a mistake of the program; a worker reports it",
	"payment.ErrRefundTooLarge": "becomes a failed refund",
	"payment.RejectedError":     "becomes a failed payment or refund",
	"pricing.ErrNotDerived":     "an auditor's, who works a derivation out again: no request does",
	"pricing.ErrQuoteExpired":   "becomes order.QuoteRefusedError",
	"search.ErrNotBegun":        "a store's, to whoever builds an index",
	"search.RejectedError":      "an engine's, to its feed, which sets the document aside",
}

// TestDomainErrors holds the table to the domains: every exported error of a domain that this package imports is a
// row of it.
func TestDomainErrors(t *testing.T) {
	table := testkit.Must(os.ReadFile("errors.go"))(t)
	for _, domain := range importedDomains(t) {
		for _, name := range exportedErrors(t, filepath.Join("..", domain)) {
			full := filepath.Base(domain) + "." + name
			if _, ok := answeredElsewhere[full]; !ok && !regexp.MustCompile(regexp.QuoteMeta(full)+`\b`).Match(table) {
				t.Errorf("%s has no row in problemTypes", full)
			}
		}
	}
}

// importedDomains are the packages under internal that this one imports, without those that are no domain.
func importedDomains(t *testing.T) []string {
	t.Helper()
	domains := make(map[string]bool)
	for _, file := range parseSources(t, ".") {
		for _, spec := range file.Imports {
			path, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), "meridian/internal/")
			if ok && path != "database" && path != "telemetry" {
				domains[path] = true
			}
		}
	}
	var names []string
	for name := range domains {
		names = append(names, name)
	}
	return names
}

// exportedErrors are the names of a package's exported error values and types, by our naming: ErrX, XError.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	var names []string
	for _, file := range parseSources(t, dir) {
		for _, declaration := range file.Decls {
			general, ok := declaration.(*ast.GenDecl)
			if !ok {
				continue
			}
			for _, spec := range general.Specs {
				switch spec := spec.(type) {
				case *ast.ValueSpec:
					for _, name := range spec.Names {
						if general.Tok == token.VAR && strings.HasPrefix(name.Name, "Err") {
							names = append(names, name.Name)
						}
					}
				case *ast.TypeSpec:
					if spec.Name.IsExported() && strings.HasSuffix(spec.Name.Name, "Error") {
						names = append(names, spec.Name.Name)
					}
				}
			}
		}
	}
	return names
}

func parseSources(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names := testkit.Must(fs.Glob(os.DirFS(dir), "*.go"))(t)
	files := make(map[string]*ast.File)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file := testkit.Must(parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, parser.SkipObjectResolution))(t)
		files[name] = file
	}
	return files
}
