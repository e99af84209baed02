package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/uuid"
)

// A Driver sends hostile input to every operation of the document, as every caller. It fails the test for an answer that
// is a 5xx, that breaks the document, or that holds what belongs to someone else.
type Driver struct {
	Contract *Contract
	Handler  http.Handler
	// Callers are whom to ask as. One without headers is added: a guest.
	Callers []Caller
	// Values are further values for parameters and for members of bodies by name, such as ids that exist and belong to
	// someone else. The first of a parameter's is taken for granted in every other request.
	Values map[string][]string
	// Skip leaves operations out, by operationId, with the reason.
	Skip map[string]string
	// Unchanged fails the test when something in the shop has changed; it is called after each operation. Nil checks
	// nothing.
	Unchanged func(t testing.TB)
}

// A Caller is who asks.
type Caller struct {
	// Name is for messages.
	Name string
	// Header is added to each request: a token of theirs, or a broken one.
	Header http.Header
	// Secrets are texts that no answer to this caller may hold, such as another customer's address.
	Secrets []string
}

// A hostileRequest is one request and why it is asked.
type hostileRequest struct {
	why         string
	path        string
	query       string
	body        []byte
	contentType string
	header      http.Header
}

// maxComplaints bounds the bad answers of an operation: one fault often shows in hundreds.
const maxComplaints = 10

// Run sends every request, in a subtest for each operation.
func (d Driver) Run(t *testing.T) {
	for _, operation := range d.Contract.Operations {
		t.Run(operation.OperationID, func(t *testing.T) {
			if reason, ok := d.Skip[operation.OperationID]; ok {
				t.Skip(reason)
			}
			bad := 0
			for _, caller := range d.callers() {
				for _, request := range d.requests(operation) {
					if !d.ask(t, operation, caller, request) {
						bad++
					}
					if bad == maxComplaints {
						t.Fatalf("stopped after %d bad answers", bad)
					}
				}
			}
			if d.Unchanged != nil {
				d.Unchanged(t)
			}
		})
	}
}

// Fuzz lets the fuzzer choose operation, caller, path variable, query and body. Without -fuzz it runs its seeds.
func (d Driver) Fuzz(f *testing.F) {
	for i, operation := range d.Contract.Operations {
		for _, request := range d.requests(operation) {
			f.Add(uint(i), uint(0), "x", request.query, request.body)
		}
	}
	callers := d.callers()
	f.Fuzz(func(t *testing.T, op, who uint, variable, query string, body []byte) {
		operation := d.Contract.Operations[op%uint(len(d.Contract.Operations))]
		if _, skip := d.Skip[operation.OperationID]; skip {
			t.Skip()
		}
		d.ask(t, operation, callers[who%uint(len(callers))], hostileRequest{
			why:         "fuzzed",
			path:        fillPath(operation, func(string) string { return variable }),
			query:       query,
			body:        body,
			contentType: bodyType(operation),
		})
		if d.Unchanged != nil {
			d.Unchanged(t)
		}
	})
}

// Ask sends the operation as the document describes it, its path filled from Values, and returns the answer.
func (d Driver) Ask(t *testing.T, operation Operation, caller Caller) *httptest.ResponseRecorder {
	t.Helper()
	answer, _ := d.send(t, operation, caller, d.requests(operation)[0])
	return answer
}

func (d Driver) callers() []Caller { return append([]Caller{{Name: "guest"}}, d.Callers...) }

// ask sends one request and reports whether its answer is good.
func (d Driver) ask(t *testing.T, operation Operation, caller Caller, request hostileRequest) (good bool) {
	t.Helper()
	_, good = d.send(t, operation, caller, request)
	return good
}

// send sends one request and reports whether its answer is good. Each has a key of its own: under one that was used it
// would only be told so.
func (d Driver) send(t *testing.T, operation Operation, caller Caller, request hostileRequest) (w *httptest.ResponseRecorder, good bool) {
	t.Helper()
	good = true
	r := httptest.NewRequest(operation.Method, "/", bytes.NewReader(request.body))
	r.URL = &url.URL{Path: request.path, RawQuery: request.query}
	r.Header.Set("Content-Type", request.contentType)
	r.Header.Set("Idempotency-Key", uuid.NewString())
	r.Header.Set("If-Match", `"v1"`)
	maps.Copy(r.Header, caller.Header)
	maps.Copy(r.Header, request.header)

	w = httptest.NewRecorder()
	d.Handler.ServeHTTP(w, r)
	complain := func(format string, args ...any) {
		good = false
		t.Errorf("%s as %s (%s) %s?%s %.300q: %s\n%.500s", operation.OperationID, caller.Name, request.why,
			request.path, request.query, request.body, fmt.Sprintf(format, args...), w.Body)
	}
	if w.Code >= http.StatusInternalServerError {
		complain("answered %d", w.Code)
	}
	if err := d.Contract.Check(r, w.Code, w.Result().Header, w.Body.Bytes()); err != nil {
		complain("answered %d against the document: %v", w.Code, err)
	}
	for _, secret := range caller.Secrets {
		if strings.Contains(w.Body.String(), secret) {
			complain("answered %d with what is not the caller's: %q", w.Code, secret)
		}
	}
	return w, good
}

// hostileValues holds what is tried for every path variable and query parameter.
var hostileValues = []string{
	"", "0", "-1", "99999999999999999999999", "1e309", "NaN", "null", "true", "..", "%", "'; DROP TABLE orders; --",
	"\x00", "\xff\xfe", "ｅｕ", "ord_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa", "ord_xxx_aaaaaaaaaaaaaaaaaaaaaaaaaa",
	"prd_aaaaaaaaaaaaaaaaaaaaaaaaaa", "usr_use_7777777777777777777777777z", strings.Repeat("a", 5000),
}

// hostileBodies holds bodies that every operation is sent.
var hostileBodies = []string{
	"", " ", "{", "}", "[]", "null", "0", `"text"`, "{}", `{"a":}`, `{"a":1}{"b":2}`, `{"a":1,"a":2}`, `{"":null}`,
	"{\"a\":\"\xff\"}", `{"a":"\u0000"}`, `{"\u0000":1}`, `{"a":1e999999}`, `{"a":"\ud800"}`, "\xef\xbb\xbf{}", "{}\x00",
	strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), strings.Repeat("[", 100_000),
	`{"a":"` + strings.Repeat("x", 2<<20) + `"}`,
}

// hostileMembers replace each member of a good body in turn.
var hostileMembers = []string{
	`null`, `true`, `-1`, `0`, `1.5`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `1e308`,
	`1e309`, `""`, `" "`, `"text"`, `"\u0000"`, `"'; DROP TABLE orders; --"`, `"2026-13-45T99:99:99Z"`, `[]`, `[null]`,
	`[[]]`, `{}`, `{"a":{"b":{"c":1}}}`, `"` + strings.Repeat("é", 20_000) + `"`,
}

// requests returns all hostile requests to one operation, after one that is as the document describes it.
func (d Driver) requests(operation Operation) []hostileRequest {
	good := hostileRequest{
		why:         "a good body",
		path:        fillPath(operation, d.goodValue),
		contentType: bodyType(operation),
		body:        goodBody(operation),
	}
	requests := []hostileRequest{good}
	add := func(why string, change func(r *hostileRequest)) {
		r := good
		r.why = why
		change(&r)
		requests = append(requests, r)
	}
	for _, p := range operation.Parameters {
		for _, value := range slices.Concat(hostileValues, d.Values[p.Value.Name]) {
			d.addParameter(add, operation, p.Value, value)
		}
	}
	add("a query that cannot be parsed", func(r *hostileRequest) { r.query = "%zz&a=%00" })
	add("a broken token", func(r *hostileRequest) { r.header = http.Header{"Authorization": {"Bearer a.b.c"}} })
	add("another scheme", func(r *hostileRequest) { r.header = http.Header{"Authorization": {"Basic YTpi"}} })
	if operation.RequestBody == nil {
		return requests
	}
	for _, body := range hostileBodies {
		add("a hostile body", func(r *hostileRequest) { r.body = []byte(body) })
	}
	add("another type", func(r *hostileRequest) { r.contentType = "text/xml" })
	for _, body := range mutations(good.body, d.Values) {
		add("a hostile member", func(r *hostileRequest) { r.body = body })
	}
	return requests
}

func (d Driver) addParameter(add func(string, func(*hostileRequest)), op Operation, p *openapi3.Parameter, value string) {
	switch p.In {
	case openapi3.ParameterInPath:
		add("a hostile variable "+p.Name, func(r *hostileRequest) {
			r.path = fillPath(op, func(name string) string {
				if name == p.Name {
					return value
				}
				return d.goodValue(name)
			})
		})
	case openapi3.ParameterInQuery:
		add("a hostile query "+p.Name, func(r *hostileRequest) { r.query = url.Values{p.Name: {value}}.Encode() })
	case openapi3.ParameterInHeader:
		add("a hostile header "+p.Name, func(r *hostileRequest) {
			r.header = http.Header{http.CanonicalHeaderKey(p.Name): {value}}
		})
	}
}

// goodValue returns a value that exists according to Values, else one that looks right.
func (d Driver) goodValue(name string) string {
	if values := d.Values[name]; len(values) > 0 {
		return values[0]
	}
	return "x"
}

func fillPath(operation Operation, value func(name string) string) string {
	path := operation.Path
	for _, p := range operation.Parameters {
		if p.Value.In == openapi3.ParameterInPath {
			path = strings.ReplaceAll(path, "{"+p.Value.Name+"}", value(p.Value.Name))
		}
	}
	return path
}

// bodyType returns the first media type, by name, that the operation takes.
func bodyType(operation Operation) string {
	if operation.RequestBody == nil {
		return "application/json"
	}
	return slices.Min(slices.Collect(maps.Keys(operation.RequestBody.Value.Content)))
}

// goodBody returns a body made from the operation's schema, nil where it takes none or no JSON.
func goodBody(operation Operation) []byte {
	if operation.RequestBody == nil {
		return nil
	}
	content := operation.RequestBody.Value.Content.Get("application/json")
	if content == nil || content.Schema == nil {
		return nil
	}
	value := content.Example
	if value == nil {
		value = sample(content.Schema.Value, 0)
	}
	body, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return body
}

// sample returns a value of the schema: its example, else the simplest that fits.
func sample(schema *openapi3.Schema, depth int) any {
	switch {
	case schema == nil || depth > 8:
		return nil
	case schema.Example != nil:
		return schema.Example
	case schema.Const != nil:
		return schema.Const
	case len(schema.Enum) > 0:
		return schema.Enum[0]
	case len(schema.OneOf) > 0:
		return sample(schema.OneOf[0].Value, depth+1)
	case schema.Type.Includes("object"):
		members := make(map[string]any, len(schema.Properties))
		for name, member := range schema.Properties {
			members[name] = sample(member.Value, depth+1)
		}
		return members
	case schema.Type.Includes("array"):
		return []any{sample(schema.Items.Value, depth+1)}
	case schema.Type.Includes("integer"), schema.Type.Includes("number"):
		if schema.Min != nil {
			return *schema.Min
		}
		return 1
	case schema.Type.Includes("boolean"):
		return true
	}
	return strings.Repeat("x", max(1, int(schema.MinLength)))
}

// mutations returns copies of the body in which one member, at any depth, is replaced by each hostile one and by each of
// the values of its name, left out, or joined by an unknown one.
func mutations(body []byte, values map[string][]string) [][]byte {
	var tree any
	if json.Unmarshal(body, &tree) != nil {
		return nil
	}
	var all [][]byte
	keep := func() {
		if b, err := json.Marshal(tree); err == nil {
			all = append(all, b)
		}
	}
	mutate(tree, values, keep)
	return all
}

func mutate(tree any, values map[string][]string, keep func()) {
	switch node := tree.(type) {
	case map[string]any:
		node["nobody_knows"] = 1
		keep()
		delete(node, "nobody_knows")
		for _, name := range slices.Sorted(maps.Keys(node)) {
			original := node[name]
			for _, hostile := range hostileMembers {
				node[name] = json.RawMessage(hostile)
				keep()
			}
			for _, value := range values[name] {
				node[name] = value
				keep()
			}
			delete(node, name)
			keep()
			node[name] = original
			mutate(original, values, keep)
		}
	case []any:
		for i, original := range node {
			for _, hostile := range hostileMembers {
				node[i] = json.RawMessage(hostile)
				keep()
			}
			node[i] = original
			mutate(original, values, keep)
		}
	}
}
