// Package apitest checks HTTP handlers against an OpenAPI document: each answer against its description, and each
// operation with hostile input.
package apitest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/gorilla/mux"
)

// A Contract is an OpenAPI 3.1 document that has been read and found valid.
type Contract struct {
	// Document is the document as read.
	Document *openapi3.T
	// Operations are all of its operations, by path and method.
	Operations []Operation

	router  *mux.Router
	routes  map[string]*routers.Route
	schemas *schemas
}

// An Operation is one operation of the document.
type Operation struct {
	// Method and Path are as in the document: "POST", "/v1/orders/{id}:cancel".
	Method, Path string
	*openapi3.Operation
}

// Load reads the document, given as JSON, and ends the test when it is not a valid OpenAPI document.
func Load(t testing.TB, document []byte) *Contract {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatalf("reading the document: %v", err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	schemas, err := newSchemas(document)
	if err != nil {
		t.Fatalf("reading the document's schemas: %v", err)
	}
	c := &Contract{Document: doc, router: mux.NewRouter().SkipClean(true), routes: make(map[string]*routers.Route), schemas: schemas}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		c.add(path, doc.Paths.Value(path))
	}
	slices.SortFunc(c.Operations, func(a, b Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return c
}

func (c *Contract) add(path string, item *openapi3.PathItem) {
	for method, operation := range item.Operations() {
		name := method + " " + path
		c.Operations = append(c.Operations, Operation{Method: method, Path: path, Operation: operation})
		c.routes[name] = &routers.Route{
			Spec: c.Document, Path: path, PathItem: item, Method: method, Operation: operation,
		}
		c.router.Path(strings.ReplaceAll(path, "}", ":[^/:]+}")).Methods(method).Name(name)
	}
}

// route returns the operation of a request, nil when the document has none.
func (c *Contract) route(r *http.Request) *routers.Route {
	probe := r.Clone(r.Context())
	if probe.Method == http.MethodHead {
		probe.Method = http.MethodGet
	}
	var match mux.RouteMatch
	if !c.router.Match(probe, &match) || match.MatchErr != nil {
		return nil
	}
	return c.routes[match.Route.GetName()]
}

// Validated returns a handler that passes requests on to h and fails the test for each answer that breaks the document.
func (c *Contract) Validated(t testing.TB, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		answer := recorder.Result()
		if err := c.Check(r, answer.StatusCode, answer.Header, recorder.Body.Bytes()); err != nil {
			t.Errorf("%s %s answered %d against the document: %v\n%s",
				r.Method, r.URL.Path, answer.StatusCode, err, recorder.Body)
		}
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		if _, err := io.Copy(w, recorder.Body); err != nil {
			t.Errorf("passing the answer on: %v", err)
		}
	})
}

// Check returns what is wrong with an answer: a missing header, a status that the document does not name, a body of
// another type or against its schema. Where the document has no such operation the answer must be a problem.
func (c *Contract) Check(r *http.Request, status int, header http.Header, body []byte) error {
	for _, name := range []string{"X-Request-Id", "X-Meridian-Region", "Cache-Control"} {
		if header.Get(name) == "" {
			return fmt.Errorf("the header %s is missing", name)
		}
	}
	route := c.route(r)
	if err := checkTrips(r, route, status, header); err != nil {
		return err
	}
	body, err := uncompressed(header, body)
	if err != nil {
		return err
	}
	if status == http.StatusNoContent || status == http.StatusNotModified {
		if len(body) > 0 {
			return fmt.Errorf("a %d has a body", status)
		}
		return nil
	}
	if route == nil {
		return c.checkProblem(r, header, body)
	}
	schema := jsonSchema(route, status, header.Get("Content-Type"))
	input := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, Route: route},
		Status:                 status,
		Header:                 header,
		Options:                &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: schema != ""},
	}
	if err := openapi3filter.ValidateResponse(r.Context(), input.SetBodyBytes(body)); err != nil || schema == "" ||
		r.Method == http.MethodHead {
		return err
	}
	return c.schemas.check(schema, body)
}

// checkTrips returns an error for a good answer that took more round trips than its operation may. One that must show what was
// just written may take one more.
func checkTrips(r *http.Request, route *routers.Route, status int, header http.Header) error {
	if route == nil || status >= http.StatusBadRequest {
		return nil
	}
	most, promised := route.Operation.Extensions["x-round-trips"].(float64)
	took, err := strconv.ParseFloat(header.Get("X-Meridian-Round-Trips"), 64)
	if r.Header.Get("X-Meridian-Version") != "" {
		most++
	}
	if promised && err == nil && took > most {
		return fmt.Errorf("it took %v round trips and may take %v", took, most)
	}
	return nil
}

// checkProblem returns what is wrong with an answer that must be a problem.
func (c *Contract) checkProblem(r *http.Request, header http.Header, body []byte) error {
	if got := header.Get("Content-Type"); got != "application/problem+json" {
		return fmt.Errorf("no operation of the document, and no problem but %q", got)
	}
	if r.Method == http.MethodHead {
		return nil
	}
	return c.schemas.check(problemSchema, body)
}

func uncompressed(header http.Header, body []byte) ([]byte, error) {
	if header.Get("Content-Encoding") != "gzip" {
		return body, nil
	}
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("uncompressing the answer: %w", err)
	}
	return io.ReadAll(reader)
}
