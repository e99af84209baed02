package api

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

// takes is what the OpenAPI document says that an operation takes.
type takes struct {
	query []string // names of query parameters
	body  bool
}

// onlyDocumented has a route refuse query parameters and bodies that the document does not list: what is left out without a
// word, such as a misspelt filter, would be believed. Machines that run the shop may add what they like.
func (s *Server) onlyDocumented(method, path string) routeOption {
	if !strings.HasPrefix(path, "/v1/") {
		return func(*routeConfig) {}
	}
	source := docsSource{s.document.tree}
	item := object(object(s.document.tree, "paths"), path)
	operation := object(item, strings.ToLower(method))
	t := takes{body: value(operation, "requestBody") != nil}
	for _, listed := range slices.Concat(list(item, "parameters"), list(operation, "parameters")) {
		if parameter := source.resolve(listed); text(parameter, "in") == "query" {
			t.query = append(t.query, text(parameter, "name"))
		}
	}
	return func(c *routeConfig) { c.takes = &t }
}

// check returns the 400 for what the operation does not take; nil if t is nil.
func (t *takes) check(r *http.Request) error {
	if t == nil {
		return nil
	}
	if err := t.checkQuery(r.URL.RawQuery); err != nil {
		return err
	}
	if t.body || r.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<10))
	if err != nil {
		return bodyError(err)
	}
	if body = bytes.TrimSpace(body); len(body) > 0 && string(body) != "{}" {
		return BadRequest("This operation takes no body.", FieldError{Field: "body", Message: "must be empty, or {}"})
	}
	return nil
}

func (t *takes) checkQuery(raw string) error {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return BadRequest("The query is not valid: escape %, & and ; in names and values.")
	}
	var fixes []FieldError
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !slices.Contains(t.query, name) {
			fixes = append(fixes, FieldError{Field: bounded(name, 100), Message: unknownName(name, t.query)})
		}
	}
	if len(fixes) == 0 {
		return nil
	}
	return BadRequest("The query is not valid.", fixes...)
}

// unknownName tells the remedy for a name that is none of those known: the nearest of them, or all if none is near.
func unknownName(name string, known []string) string {
	if len(known) == 0 {
		return "is not known here: leave it out, for nothing can be given"
	}
	far := func(from string) int { return levenshtein.ComputeDistance(bounded(name, 100), from) }
	nearest := slices.MinFunc(known, func(a, b string) int { return far(a) - far(b) })
	if far(nearest) <= max(1, len(nearest)/3) {
		return "is not known here: did you mean " + nearest + "?"
	}
	return "is not known here: use " + strings.Join(known, ", ")
}
