package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/apitest"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

const testPassword = "a stone in the river"

// An accountShop is a server on a database of its own whose tokens are those of its accounts. Its answers are held to
// the document.
type accountShop struct {
	t        testing.TB
	db       *database.DB
	accounts *account.Accounts
	server   *Server
	handler  http.Handler
}

func newAccountShop(t testing.TB) *accountShop {
	t.Helper()
	shipped := testkit.Must(regions.Shipped())(t)
	db := databasetest.New(t)
	accounts := testkit.Must(account.New(account.Config{
		DB: db, Regions: shipped, Secret: testSecret, Argon2: account.Argon2{MemoryKiB: 16, Passes: 1, Lanes: 1},
	}))(t)
	testkit.NoError(t, accounts.RotateOnce(t.Context()))
	s := newTestServer(t, withCarts(t, db), func(d *Deps, _ *Config) {
		d.Accounts, d.VerifyToken = accounts, VerifyWith(accounts)
	})
	return &accountShop{t: t, db: db, accounts: accounts, server: s, handler: validated(t, s.Handler())}
}

// testSession is a session as a client keeps it.
type testSession struct {
	Account struct {
		ID         string   `json:"id"`
		Email      string   `json:"email"`
		HomeRegion string   `json:"home_region"`
		Roles      []string `json:"roles"`
	} `json:"account"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	CartProblem  string `json:"cart_problem"`
}

// do sends a request as the bearer of a token, "" for a guest, and fails the test unless the answer has that status.
func (a *accountShop) do(token, method, path, body string, status int, headers ...string) *httptest.ResponseRecorder {
	a.t.Helper()
	if token != "" {
		headers = append(headers, "Authorization", "Bearer "+token)
	}
	w := ask(a.handler, method, path, body, headers...)
	if w.Code != status {
		a.t.Fatalf("%s %s answered %d, want %d\n%s", method, path, w.Code, status, w.Body)
	}
	return w
}

// session reads the session of an answer.
func (a *accountShop) session(w *httptest.ResponseRecorder) testSession {
	a.t.Helper()
	var session testSession
	testkit.NoError(a.t, json.Unmarshal(w.Body.Bytes(), &session))
	return session
}

func registration(email, country string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q,"name":"Aoife Byrne","country":%q}`, email, testPassword, country)
}

func credentialsOf(email, password string) string {
	return fmt.Sprintf(`{"email":%q,"password":%q}`, email, password)
}

// register makes an account and returns its session.
func (a *accountShop) register(email string) testSession {
	a.t.Helper()
	w := a.do("", "POST", "/v1/accounts", registration(email, "IE"), 201, "Idempotency-Key", uuid.NewString())
	return a.session(w)
}

// admin makes an admin and returns their access token.
func (a *accountShop) admin() (token, id string) {
	a.t.Helper()
	session := a.register("admin@example.com")
	ref := testkit.Must(a.server.Regions.ParseID(regions.AccountPrefix, session.Account.ID))(a.t)
	testkit.Must(a.accounts.Grant(a.t.Context(), ref, account.RoleAdmin, uuid.Nil))(a.t)
	w := a.do("", "POST", "/v1/sessions:refresh", fmt.Sprintf(`{"refresh_token":%q}`, session.RefreshToken), 200)
	return a.session(w).AccessToken, session.Account.ID
}

func TestRegisterAccount(t *testing.T) {
	a := newAccountShop(t)
	const key = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
	w := a.do("", "POST", "/v1/accounts", registration(" Mei@Example.com", "SG"), 201, "Idempotency-Key", key)
	wantTrips(t, w, 1)
	session := a.session(w)
	if session.Account.HomeRegion != "ap-southeast" || session.Account.Email != "mei@example.com" ||
		!strings.HasPrefix(session.Account.ID, "usr_aps_") || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("registered %+v, Cache-Control %q", session.Account, w.Header().Get("Cache-Control"))
	}
	a.do(session.AccessToken, "GET", "/v1/account", "", 200)

	again := a.session(a.do("", "POST", "/v1/accounts", registration(" Mei@Example.com", "SG"), 201, "Idempotency-Key", key))
	if again.Account.ID != session.Account.ID || again.AccessToken == session.AccessToken {
		t.Errorf("again: %+v", again.Account)
	}
	w = a.do("", "POST", "/v1/accounts", registration("other@example.com", "SG"), 422, "Idempotency-Key", key)
	wantProblem(t, w, 422, "idempotency_key_reused")
	w = a.do("", "POST", "/v1/accounts", registration("mei@example.com", "US"), 409, "Idempotency-Key", "another-key")
	wantProblem(t, w, 409, "email_taken")
	w = a.do("", "POST", "/v1/accounts", registration("new@example.com", "SG"), 400)
	wantProblem(t, w, 400, "idempotency_key_required")
}

func TestRegisterAccount_Invalid(t *testing.T) {
	a := newAccountShop(t)
	w := a.do("", "POST", "/v1/accounts", `{"email":"nobody","password":"hunter2","name":"","country":"Eire"}`, 400, "Idempotency-Key", "k")
	p := wantProblem(t, w, 400, "bad_request")
	var fields []string
	for _, e := range p.Errors {
		fields = append(fields, e.Field)
	}
	if got := strings.Join(fields, " "); got != "email name password country" {
		t.Errorf("faults of %s", got)
	}
	if strings.Contains(w.Body.String(), "hunter2") {
		t.Error("the answer repeats the password")
	}
}

func TestGetAccount(t *testing.T) {
	a := newAccountShop(t)
	session := a.register("aoife@example.com")
	w := a.do(session.AccessToken, "GET", "/v1/account", "", 200)
	wantTrips(t, w, 1)
	if w.Header().Get("ETag") != `"v1"` || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("ETag %q, Cache-Control %q", w.Header().Get("ETag"), w.Header().Get("Cache-Control"))
	}
	wantProblem(t, a.do("", "GET", "/v1/account", "", 401), 401, "unauthenticated")
	wantProblem(t, a.do(session.AccessToken+"x", "GET", "/v1/account", "", 401), 401, "invalid_token")
	wantProblem(t, a.do(session.RefreshToken, "GET", "/v1/account", "", 401), 401, "invalid_token")
}

// TestAccountTokens_Forged sends tokens through the whole server: one that nobody signed, and one that our public key
// "signed" as if it were a password.
func TestAccountTokens_Forged(t *testing.T) {
	a := newAccountShop(t)
	session := a.register("aoife@example.com")
	keys, _, err := a.accounts.PublicKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	parsed, _, err := jwt.NewParser().ParseUnverified(session.AccessToken, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	claims := parsed.Claims.(jwt.MapClaims)
	claims["roles"] = []string{roleAdmin}
	for name, test := range map[string]struct {
		method jwt.SigningMethod
		key    any
	}{
		"none":  {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType},
		"HS256": {jwt.SigningMethodHS256, []byte(keys[0].Key)},
	} {
		token := jwt.NewWithClaims(test.method, claims)
		token.Header["kid"] = keys[0].ID
		text := testkit.Must(token.SignedString(test.key))(t)
		t.Run(name, func(t *testing.T) {
			w := ask(a.handler, "PUT", "/v1/admin/accounts/"+session.Account.ID+"/roles", `{"roles":["admin"]}`, "Authorization", "Bearer "+text)
			wantProblem(t, w, 401, "invalid_token")
		})
	}
}

func TestUpdateAccount(t *testing.T) {
	a := newAccountShop(t)
	token := a.register("aoife@example.com").AccessToken
	w := a.do(token, "PATCH", "/v1/account", `{"name":"Aoife Ní Bhroin"}`, 200, "If-Match", `"v1"`)
	wantTrips(t, w, 1)
	if w.Header().Get("ETag") != `"v2"` || !strings.Contains(w.Body.String(), "Ní Bhroin") {
		t.Errorf("ETag %q\n%s", w.Header().Get("ETag"), w.Body)
	}
	wantProblem(t, a.do(token, "PATCH", "/v1/account", `{"name":"x"}`, 412, "If-Match", `"v1"`), 412, "precondition_failed")
	wantProblem(t, a.do(token, "PATCH", "/v1/account", `{"name":"x"}`, 428), 428, "precondition_required")
	wantProblem(t, a.do(token, "PATCH", "/v1/account", `{"country":"US"}`, 400, "If-Match", `"v2"`), 400, "bad_request")
	wantProblem(t, a.do(token, "PATCH", "/v1/account", `{"roles":["admin"]}`, 400, "If-Match", `"v2"`), 400, "bad_request")
}

func TestChangePassword(t *testing.T) {
	a := newAccountShop(t)
	session := a.register("aoife@example.com")
	body := func(current, next string) string {
		return fmt.Sprintf(`{"current_password":%q,"new_password":%q}`, current, next)
	}
	const next = "a bridge over the river"
	wantProblem(t, a.do(session.AccessToken, "PUT", "/v1/account/password", body("wrong password", next), 403), 403, "wrong_password")
	wantProblem(t, a.do(session.AccessToken, "PUT", "/v1/account/password", body(testPassword, "password123"), 400), 400, "bad_request")
	wantTrips(t, a.do(session.AccessToken, "PUT", "/v1/account/password", body(testPassword, next), 204), 2)
	a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", next), 201)
	wantProblem(t, a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", testPassword), 401), 401, "bad_credentials")
}

func TestCloseAccount(t *testing.T) {
	a := newAccountShop(t)
	token := a.register("aoife@example.com").AccessToken
	wantProblem(t, a.do(token, "DELETE", "/v1/account", `{"password":"wrong password"}`, 403), 403, "wrong_password")
	wantProblem(t, a.do(token, "DELETE", "/v1/account", "", 415), 415, "unsupported_media_type")
	wantTrips(t, a.do(token, "DELETE", "/v1/account", fmt.Sprintf(`{"password":%q}`, testPassword), 204), 2)
	wantProblem(t, a.do(token, "GET", "/v1/account", "", 404), 404, "not_found")
	wantProblem(t, a.do("", "POST", "/v1/sessions", credentialsOf("aoife@example.com", testPassword), 401), 401, "bad_credentials")
	a.register("aoife@example.com")
}

func TestSetRoles(t *testing.T) {
	a := newAccountShop(t)
	admin, adminID := a.admin()
	shopper := a.register("aoife@example.com")
	path := "/v1/admin/accounts/" + shopper.Account.ID + "/roles"
	w := a.do(admin, "PUT", path, `{"roles":["operator","finance"]}`, 200)
	if want := fmt.Sprintf(`{"account_id":%q,"roles":["finance","operator","shopper"]}`, shopper.Account.ID); w.Body.String() != want {
		t.Errorf("answered %s, want %s", w.Body, want)
	}
	wantTrips(t, w, 2)
	refreshed := a.session(a.do("", "POST", "/v1/sessions:refresh", fmt.Sprintf(`{"refresh_token":%q}`, shopper.RefreshToken), 200))
	if len(refreshed.Account.Roles) != 3 {
		t.Errorf("the next refresh brings %v", refreshed.Account.Roles)
	}
	for name, test := range map[string]struct {
		token, path, body string
		status            int
		code              string
	}{
		"guest":        {"", path, `{"roles":["admin"]}`, 401, "unauthenticated"},
		"operator":     {refreshed.AccessToken, path, `{"roles":["admin"]}`, 403, "forbidden"},
		"own":          {admin, "/v1/admin/accounts/" + adminID + "/roles", `{"roles":[]}`, 403, "forbidden"},
		"unknown role": {admin, path, `{"roles":["root"]}`, 400, "bad_request"},
		"no seller":    {admin, path, `{"roles":["seller"]}`, 400, "bad_request"},
		"bad seller":   {admin, path, `{"roles":["seller"],"seller_id":"acme"}`, 400, "bad_request"},
		"unknown seller": {admin, path, fmt.Sprintf(`{"roles":["seller"],"seller_id":%q}`, regions.FormatGlobalID("slr", uuid.New())), 422,
			"seller_unknown"},
		"unknown account": {admin, strings.Replace(path, "usr_euw_", "usr_use_", 1), `{"roles":["admin"]}`, 404, "not_found"},
		"bad account":     {admin, "/v1/admin/accounts/me/roles", `{"roles":["admin"]}`, 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, a.do(test.token, "PUT", test.path, test.body, test.status), test.status, test.code)
		})
	}
}

func TestGetKeys(t *testing.T) {
	a := newAccountShop(t)
	w := a.do("", "GET", "/.well-known/jwks.json", "", 200)
	wantTrips(t, w, 0)
	var set struct {
		Keys []struct{ Kid, X string } `json:"keys"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	parsed, _, err := jwt.NewParser().ParseUnverified(a.register("aoife@example.com").AccessToken, jwt.MapClaims{})
	if err != nil || parsed.Header["kid"] != set.Keys[0].Kid {
		t.Errorf("a token names the key %v %v, published is %s", parsed.Header["kid"], err, set.Keys[0].Kid)
	}
	if got := w.Header().Get("Cache-Control"); !strings.HasPrefix(got, "public, max-age=600") {
		t.Errorf("Cache-Control %q", got)
	}
	a.do("", "GET", "/.well-known/jwks.json", "", 304, "If-None-Match", w.Header().Get("ETag"))
	if w.Header().Get("Age") == "" {
		t.Error("the answer does not tell its age")
	}
	if strings.Contains(w.Body.String(), `"d"`) {
		t.Error("a private key is published")
	}
}

// TestAccounts_HostileInput drives the operations of this file with hostile input, as a guest, as the owner of what is
// asked for and as somebody else.
func TestAccounts_HostileInput(t *testing.T) {
	a := newAccountShop(t)
	owner := a.register("quixotic@example.com")
	mallory := a.register("mallory@example.com")
	w := a.do(owner.AccessToken, "POST", "/v1/account/addresses",
		`{"name":"Quixotic","line1":"1 Quixotic Street","city":"Dublin","country":"IE"}`, 201, "Idempotency-Key", "k1")
	address := strings.TrimPrefix(w.Header().Get("Location"), "/v1/account/addresses/")
	ours := *contract(t) // other tests share what it points to
	ours.Operations = nil
	for _, operation := range contract(t).Operations {
		if tag := operation.Tags[0]; tag == "accounts" || tag == "sessions" || tag == "roles" {
			ours.Operations = append(ours.Operations, operation)
		}
	}
	secrets := []string{"uixotic", owner.AccessToken, owner.RefreshToken}
	apitest.Driver{
		Contract: &ours,
		Handler:  a.server.Handler(),
		Callers: []apitest.Caller{
			{Name: "mallory", Header: http.Header{"Authorization": {"Bearer " + mallory.AccessToken}}, Secrets: secrets},
			{Name: "forger", Header: http.Header{"Authorization": {"Bearer " + mallory.AccessToken + "x"}}, Secrets: secrets},
		},
		Values: map[string][]string{"address_id": {address}, "account_id": {owner.Account.ID}},
		Unchanged: func(t testing.TB) {
			t.Helper()
			body := a.do(owner.AccessToken, "GET", "/v1/account/addresses", "", 200).Body.String()
			if strings.Count(body, "1 Quixotic Street") != 1 {
				t.Errorf("the owner's addresses have changed: %s", body)
			}
			if body := a.do(owner.AccessToken, "GET", "/v1/account", "", 200).Body.String(); !strings.Contains(body, `"roles":["shopper"]`) {
				t.Errorf("the owner's account has changed: %s", body)
			}
		},
	}.Run(t)
}
