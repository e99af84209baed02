package apitest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
)

const document = `{
  "openapi": "3.1.0", "info": {"title": "t", "version": "1"},
  "paths": {"/things/{id}:mend": {"post": {
    "operationId": "mend", "x-round-trips": 1,
    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
    "responses": {
      "200": {"description": "ok", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
      "204": {"description": "nothing"},
      "default": {"$ref": "#/components/responses/Problem"}
    }}}},
  "components": {
    "schemas": {"Thing": {"type": "object", "required": ["n"], "additionalProperties": false, "properties": {
      "n": {"type": "integer", "minimum": 2}, "tags": {"type": ["array", "null"], "items": {"type": "string"}}}}},
    "responses": {"Problem": {"description": "p", "content": {"application/problem+json": {"schema": {
      "type": "object", "required": ["code"], "properties": {"code": {"type": "string"}}}}}}}
  }
}`

func TestCheck(t *testing.T) {
	c := Load(t, []byte(document))
	full := func(contentType string) http.Header {
		return http.Header{
			"X-Request-Id": {"r"}, "X-Meridian-Region": {"eu-west"}, "Cache-Control": {"no-store"}, "Content-Type": {contentType},
		}
	}
	trips := func(n string) http.Header {
		header := full("application/json")
		header.Set("X-Meridian-Round-Trips", n)
		return header
	}
	const mend = "/things/a:mend"
	tests := []struct {
		name, path string
		status     int
		header     http.Header
		body       string
		ok         bool
	}{
		{"good", mend, 200, full("application/json"), `{"n":2,"tags":null}`, true},
		{"against the schema", mend, 200, full("application/json"), `{"n":1}`, false},
		{"a member too many", mend, 200, full("application/json"), `{"n":2,"x":1}`, false},
		{"another type", mend, 200, full("text/plain"), `{"n":2}`, false},
		{"no JSON", mend, 200, full("application/json"), `{`, false},
		{"status that is not named", mend, 201, full("application/json"), `{"n":2}`, false},
		{"header missing", mend, 200, http.Header{"Content-Type": {"application/json"}}, `{"n":2}`, false},
		{"as many round trips as it may", mend, 200, trips("1"), `{"n":2}`, true},
		{"a round trip too many", mend, 200, trips("2"), `{"n":2}`, false},
		{"nothing", mend, 204, full(""), ``, true},
		{"nothing, with a body", mend, 204, full(""), `x`, false},
		{"problem", mend, 404, full("application/problem+json"), `{"code":"a"}`, true},
		{"problem without a code", mend, 404, full("application/problem+json"), `{}`, false},
		{"error that is no problem", mend, 500, full("text/plain"), `oops`, false},
		{"no such operation", "/other", 404, full("application/problem+json"), `{"code":"a"}`, true},
		{"no such operation, no problem", "/other", 404, full("text/plain"), `404`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := c.Check(httptest.NewRequest("POST", test.path, nil), test.status, test.header, []byte(test.body))
			if (err == nil) != test.ok {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestRequests(t *testing.T) {
	c := Load(t, []byte(document))
	d := Driver{Contract: c, Values: map[string][]string{"id": {"real", "foreign"}}}
	requests := d.requests(c.Operations[0])
	if got := string(requests[0].body); got != `{"n":2,"tags":["x"]}` || requests[0].path != "/things/real:mend" {
		t.Errorf("the good request is %s %s", requests[0].path, got)
	}
	find := func(name string, is func(hostileRequest) bool) {
		if !slices.ContainsFunc(requests, is) {
			t.Errorf("nothing asks with %s", name)
		}
	}
	find("a foreign id", func(r hostileRequest) bool { return r.path == "/things/foreign:mend" })
	find("an unknown member", func(r hostileRequest) bool { return string(r.body) == `{"n":2,"nobody_knows":1,"tags":["x"]}` })
	find("a huge number", func(r hostileRequest) bool { return string(r.body) == `{"n":9223372036854775808,"tags":["x"]}` })
	find("a member left out", func(r hostileRequest) bool { return string(r.body) == `{"tags":["x"]}` })
	find("a list's item replaced", func(r hostileRequest) bool { return string(r.body) == `{"n":2,"tags":[{}]}` })
	find("cut off JSON", func(r hostileRequest) bool { return string(r.body) == "{" })
	for _, r := range requests {
		if r.why == "a hostile member" && !json.Valid(r.body) {
			t.Errorf("a changed body is not JSON: %s", r.body)
		}
	}
}
