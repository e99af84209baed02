package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/cart"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/telemetry"
	"meridian/internal/testkit"
	"meridian/internal/testkit/apitest"
	"meridian/internal/testkit/shoptest"
	"meridian/regions"
)

// testSecret signs cursors and guests' tokens in tests.
var testSecret = shoptest.Key

// unlimitedRates is for tests that call more often than one client may.
var unlimitedRates = Limits{Default: Rate{Requests: -1}, SignIn: Rate{Requests: -1}}

// newTestServer returns a server of eu-west in debug mode that set may change first. It has no database: a test that
// reaches a domain sets the domain's field. Its tokens are those of testPrincipals.
func newTestServer(t testing.TB, set ...func(*Deps, *Config)) *Server {
	t.Helper()
	shipped := testkit.Must(regions.Shipped())(t)
	deps := Deps{
		Regions:     shipped,
		Region:      "eu-west",
		Log:         slog.New(slog.DiscardHandler),
		Ping:        func(context.Context) error { return nil },
		VerifyToken: verifyTestToken,
		Carts:       cart.New(cart.Config{}),
		Inventory:   inventory.New(inventory.Config{Regions: shipped}),
		Orders:      order.New(order.Config{Regions: shipped}),
	}
	cfg := Config{Secret: testSecret, Limits: unlimitedRates, DrainDelay: -1, Debug: true}
	for _, f := range set {
		f(&deps, &cfg)
	}
	fillDomains(&deps)
	s := testkit.Must(New(deps, cfg))(t)
	return s
}

// fillDomains gives each domain that a test did not set its zero value: enough for New, and a panic when reached.
func fillDomains(deps *Deps) {
	fields := reflect.ValueOf(deps).Elem()
	for i := range fields.NumField() {
		field := fields.Field(i)
		if field.Kind() == reflect.Pointer && field.IsNil() && field.Type() != reflect.TypeFor[*slog.Logger]() {
			field.Set(reflect.New(field.Type().Elem()))
		}
	}
}

// testPrincipals are who the tokens of tests stand for.
var testPrincipals = map[string]Principal{
	"shopper": {Account: regions.Ref{Region: "eu-west", ID: uuid.MustParse("11111111-1111-4111-8111-111111111111")},
		Roles: []string{roleShopper}},
	"other": {Account: regions.Ref{Region: "us-east", ID: uuid.MustParse("22222222-2222-4222-8222-222222222222")},
		Roles: []string{roleShopper}},
	"seller": {Account: regions.Ref{Region: "eu-west", ID: uuid.MustParse("33333333-3333-4333-8333-333333333333")},
		Roles: []string{roleShopper, roleSeller}},
	"admin": {Account: regions.Ref{Region: "eu-west", ID: uuid.MustParse("44444444-4444-4444-8444-444444444444")},
		Roles: []string{roleAdmin}},
}

func verifyTestToken(_ context.Context, token string) (Principal, error) {
	p, ok := testPrincipals[token]
	if !ok {
		return Principal{}, ErrInvalidToken
	}
	return p, nil
}

// sharedContract is read once for all tests: checking the document takes longer than most of them.
var sharedContract struct {
	once sync.Once
	*apitest.Contract
}

// contract is the OpenAPI document, to hold answers to.
func contract(t testing.TB) *apitest.Contract {
	t.Helper()
	sharedContract.once.Do(func() {
		document := testkit.Must(Document())(t)
		sharedContract.Contract = apitest.Load(t, document)
	})
	if sharedContract.Contract == nil {
		t.Fatal("the document is not valid: the first test that needed it says why")
	}
	return sharedContract.Contract
}

// validated is h, with each of its answers held to the OpenAPI document.
func validated(t testing.TB, h http.Handler) http.Handler {
	t.Helper()
	return contract(t).Validated(t, h)
}

// around is s with one handler instead of its routes, for tests of what stands around handlers.
func around(t testing.TB, s *Server, fn handlerFunc, options ...routeOption) http.Handler {
	t.Helper()
	h := testkit.Must(s.wrap(s.route("/around", fn, options...)))(t)
	return h
}

// ask sends a request through h. Headers are pairs of name and value.
func ask(h http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// answeredProblem is a problem as a client reads it.
type answeredProblem struct {
	Type      string       `json:"type"`
	Title     string       `json:"title"`
	Status    int          `json:"status"`
	Code      string       `json:"code"`
	Detail    string       `json:"detail"`
	RequestID string       `json:"request_id"`
	Errors    []FieldError `json:"errors"`
}

// wantProblem fails the test unless w is a problem with that status and code.
func wantProblem(t testing.TB, w *httptest.ResponseRecorder, status int, code string) answeredProblem {
	t.Helper()
	var p answeredProblem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		t.Fatalf("answered %d and no problem: %v\n%s", w.Code, err, w.Body)
	}
	if w.Code != status || p.Status != status || p.Code != code {
		t.Fatalf("answered %d %q, want %d %q\n%s", w.Code, p.Code, status, code, w.Body)
	}
	if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("Content-Type %q", got)
	}
	if p.RequestID != w.Header().Get("X-Request-Id") || p.RequestID == "" {
		t.Errorf("request id %q in the body, %q in the header", p.RequestID, w.Header().Get("X-Request-Id"))
	}
	return p
}

// wantTrips fails the test unless the answer took n round trips to the database.
func wantTrips(t testing.TB, w *httptest.ResponseRecorder, n int) {
	t.Helper()
	if got := w.Header().Get("X-Meridian-Round-Trips"); got != strconv.Itoa(n) {
		t.Errorf("%s round trips, want %d", got, n)
	}
	for _, name := range []string{"X-Meridian-Statements", "X-Meridian-Statements-Away"} {
		if got, err := strconv.Atoi(w.Header().Get(name)); err != nil || n > 0 && name == "X-Meridian-Statements" && got == 0 {
			t.Errorf("%s is %q after %d round trips", name, w.Header().Get(name), n)
		}
	}
}

// logged is a logger whose output can be read.
func logged(t testing.TB, b io.Writer) *slog.Logger {
	t.Helper()
	log := testkit.Must(telemetry.NewLogger(b, telemetry.LogConfig{Level: "debug"}))(t)
	return log
}

func TestNew_AllFaultsAtOnce(t *testing.T) {
	_, err := New(Deps{}, Config{
		BodyLimit:      -1,
		AllowedOrigins: []string{"shop.example", "https://shop.example/path"},
		Limits:         Limits{SignIn: Rate{Requests: 5}},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{
		"regions are missing", "ping", "access tokens", "secret 0", "body limit", `"shop.example"`,
		`"https://shop.example/path"`, "sign-in rate",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not told in:\n%v", want, err)
		}
	}
}

func TestRoutes(t *testing.T) {
	h := validated(t, newTestServer(t).Handler())
	t.Run("not found", func(t *testing.T) {
		wantProblem(t, ask(h, "GET", "/v1/nothing", ""), http.StatusNotFound, "not_found")
	})
	t.Run("path is not cleaned", func(t *testing.T) {
		wantProblem(t, ask(h, "GET", "/v1//regions", ""), http.StatusNotFound, "not_found")
	})
	t.Run("other method", func(t *testing.T) {
		w := ask(h, "DELETE", "/v1/regions", "")
		wantProblem(t, w, http.StatusMethodNotAllowed, "method_not_allowed")
		if got := w.Header().Get("Allow"); got != "GET, HEAD" {
			t.Errorf("Allow %q", got)
		}
	})
	t.Run("options", func(t *testing.T) {
		w := ask(h, "OPTIONS", "/v1/regions", "")
		if w.Code != http.StatusNoContent || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("answered %d, Allow %q", w.Code, w.Header().Get("Allow"))
		}
	})
	t.Run("colon verbs are told apart", func(t *testing.T) {
		if got := pathPattern("/v1/orders/{id}:cancel"); got != "/v1/orders/{id:[^/:]+}:cancel" {
			t.Errorf("pattern %q", got)
		}
	})
}

func TestHead(t *testing.T) {
	server := httptest.NewServer(newTestServer(t).Handler())
	defer server.Close()
	answer := testkit.Must(http.Head(server.URL + "/v1/regions"))(t)
	defer answer.Body.Close()
	body := testkit.Must(io.ReadAll(answer.Body))(t)
	if answer.StatusCode != http.StatusOK || len(body) != 0 || answer.Header.Get("ETag") == "" {
		t.Errorf("answered %d, %d bytes, ETag %q", answer.StatusCode, len(body), answer.Header.Get("ETag"))
	}
}
