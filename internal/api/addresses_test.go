package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const dublinAddress = `{"label":"home","name":"Aoife Byrne","line1":"1 O'Connell Street","city":"Dublin","country":"IE"}`

func TestAddresses(t *testing.T) {
	a := newAccountShop(t)
	token := a.register("aoife@example.com").AccessToken
	w := a.do(token, "POST", "/v1/account/addresses", dublinAddress, 201, "Idempotency-Key", "k1")
	wantTrips(t, w, 1)
	location := w.Header().Get("Location")
	var address struct {
		ID      string `json:"id"`
		Default bool   `json:"default"`
	}
	if err := json.Unmarshal(w.Body.Bytes(), &address); err != nil || !address.Default || location != "/v1/account/addresses/"+address.ID {
		t.Errorf("%v: %s at %s", err, w.Body, location)
	}
	again := a.do(token, "POST", "/v1/account/addresses", dublinAddress, 201, "Idempotency-Key", "k1")
	if again.Header().Get("Location") != location {
		t.Errorf("again at %s, first at %s", again.Header().Get("Location"), location)
	}
	w = a.do(token, "POST", "/v1/account/addresses", strings.Replace(dublinAddress, "Dublin", "Cork", 1), 422, "Idempotency-Key", "k1")
	wantProblem(t, w, 422, "idempotency_key_reused")

	wantTrips(t, a.do(token, "GET", location, "", 200), 1)
	w = a.do(token, "PUT", location, strings.Replace(dublinAddress, "Dublin", "Galway", 1), 200)
	wantTrips(t, w, 1)
	if !strings.Contains(w.Body.String(), "Galway") {
		t.Errorf("replaced by %s", w.Body)
	}
	w = a.do(token, "GET", "/v1/account/addresses", "", 200)
	wantTrips(t, w, 1)
	if strings.Count(w.Body.String(), `"id"`) != 1 || !strings.Contains(w.Body.String(), "Galway") {
		t.Errorf("listed %s", w.Body)
	}
	wantTrips(t, a.do(token, "DELETE", location, "", 204), 1)
	wantProblem(t, a.do(token, "DELETE", location, "", 404), 404, "not_found")
	if got := a.do(token, "GET", "/v1/account/addresses", "", 200).Body.String(); got != `{"addresses":[]}` {
		t.Errorf("listed %s", got)
	}
}

func TestAddresses_OfOthers(t *testing.T) {
	a := newAccountShop(t)
	owner, mallory := a.register("aoife@example.com"), a.register("mallory@example.com")
	w := a.do(owner.AccessToken, "POST", "/v1/account/addresses", dublinAddress, 201, "Idempotency-Key", "k1")
	location := w.Header().Get("Location")
	for _, token := range []string{mallory.AccessToken, ""} {
		status, code := 404, "not_found"
		if token == "" {
			status, code = 401, "unauthenticated"
		}
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			body := ""
			if method == "PUT" {
				body = dublinAddress
			}
			wantProblem(t, a.do(token, method, location, body, status), status, code)
		}
	}
	a.do(owner.AccessToken, "GET", location, "", 200)
}

func TestAddresses_Bounds(t *testing.T) {
	a := newAccountShop(t)
	token := a.register("aoife@example.com").AccessToken
	for i := range 20 {
		a.do(token, "POST", "/v1/account/addresses", dublinAddress, 201, "Idempotency-Key", fmt.Sprint(i))
	}
	w := a.do(token, "POST", "/v1/account/addresses", dublinAddress, 409, "Idempotency-Key", "one-more")
	wantProblem(t, w, 409, "too_many_addresses")
	w = a.do(token, "POST", "/v1/account/addresses", `{"name":"","line1":"x","city":"x","country":"Atlantis"}`, 400, "Idempotency-Key", "bad")
	if p := wantProblem(t, w, 400, "bad_request"); len(p.Errors) != 2 {
		t.Errorf("faults %v", p.Errors)
	}
}
