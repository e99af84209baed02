package api

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed openapi/*.yaml
var documentFiles embed.FS

// baseFile is the part that holds what all resources share; its top says how to add one.
const baseFile = "openapi/base.yaml"

// A document is the OpenAPI document, ready to be answered.
type document struct {
	tree     yaml.MapSlice
	json     []byte
	jsonETag string
	page     []byte
	pageETag string
	// pagePolicy is the page's Content-Security-Policy: its one style sheet and nothing else.
	pagePolicy string
}

// loadDocument merges and renders the embedded files. They cannot change, so it is done once a process.
var loadDocument = sync.OnceValues(func() (document, error) { return readDocument(documentFiles) })

// Document returns the OpenAPI 3.1 document as JSON, as /openapi.json answers it.
func Document() ([]byte, error) {
	d, err := loadDocument()
	return slices.Clone(d.json), err
}

func readDocument(files fs.FS) (document, error) {
	tree, err := mergeFiles(files)
	if err != nil {
		return document{}, fmt.Errorf("openapi document: %w", err)
	}
	if err := addResponses(tree); err != nil {
		return document{}, fmt.Errorf("openapi document: %w", err)
	}
	d := document{tree: tree, json: appendJSON(nil, tree)}
	d.jsonETag = contentETag(d.json)
	if d.page, d.pagePolicy, err = renderDocs(tree); err != nil {
		return document{}, fmt.Errorf("openapi page: %w", err)
	}
	d.pageETag = contentETag(d.page)
	return d, nil
}

// mergeFiles puts the paths, components and tags of every file into the base. A name that two files define is an
// error; one path may get its methods from several.
func mergeFiles(files fs.FS) (yaml.MapSlice, error) {
	base, err := readYAML(files, baseFile)
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(files, "openapi/*.yaml")
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range names {
		if name == baseFile {
			continue
		}
		part, err := readYAML(files, name)
		if err != nil {
			return nil, err
		}
		// Two levels deep: sections of components, then names; paths, then methods.
		if base, err = merge(base, part, 2); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
	}
	return base, errors.Join(faults...)
}

func readYAML(files fs.FS, name string) (yaml.MapSlice, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var tree yaml.MapSlice
	if err := yaml.UnmarshalWithOptions(text, &tree, yaml.UseOrderedMap()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkNames(tree); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return tree, nil
}

// checkNames finds texts that YAML has cut in two: in {description: Red, or blue} the second half is a name of its own.
func checkNames(v any) error {
	var faults []error
	switch v := v.(type) {
	case yaml.MapSlice:
		for _, item := range v {
			if name, ok := item.Key.(string); ok && item.Value == nil && strings.Contains(name, " ") {
				faults = append(faults, fmt.Errorf("%q has no value: put the text that it ends in quotes", name))
			}
			faults = append(faults, checkNames(item.Value))
		}
	case []any:
		for _, item := range v {
			faults = append(faults, checkNames(item))
		}
	}
	return errors.Join(faults...)
}

// merge adds part's members to base, joining objects down to that depth and lists at the top; below, a name may be
// defined once only.
func merge(base, part yaml.MapSlice, depth int) (yaml.MapSlice, error) {
	var faults []error
	for _, item := range part {
		i := slices.IndexFunc(base, func(b yaml.MapItem) bool { return b.Key == item.Key })
		if i < 0 {
			base = append(base, item)
			continue
		}
		joined, err := mergeValue(base[i].Value, item.Value, depth)
		if err != nil {
			faults = append(faults, fmt.Errorf("%v: %w", item.Key, err))
			continue
		}
		base[i].Value = joined
	}
	return base, errors.Join(faults...)
}

func mergeValue(base, part any, depth int) (any, error) {
	switch part := part.(type) {
	case yaml.MapSlice:
		if base, ok := base.(yaml.MapSlice); ok && depth > 0 {
			return merge(base, part, depth-1)
		}
	case []any:
		if base, ok := base.([]any); ok {
			return append(base, part...), nil
		}
	}
	return nil, errors.New("is defined twice")
}

// appendJSON writes the tree as JSON with its names in the order in which they were written.
func appendJSON(b []byte, v any) []byte {
	switch v := v.(type) {
	case yaml.MapSlice:
		b = append(b, '{')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, marshal(fmt.Sprint(item.Key))...)
			b = append(b, ':')
			b = appendJSON(b, item.Value)
		}
		return append(b, '}')
	case []any:
		b = append(b, '[')
		for i, item := range v {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSON(b, item)
		}
		return append(b, ']')
	}
	return append(b, marshal(v)...)
}

// documentAge is how long a developer's tool may keep the document.
const documentAge = 5 * time.Minute

// getDocument answers the OpenAPI document.
func (s *Server) getDocument(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	return s.answerDocument(w, r, s.document.json, s.document.jsonETag)
}

// getDocs answers the OpenAPI document as a page for people.
func (s *Server) getDocs(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", s.document.pagePolicy)
	return s.answerDocument(w, r, s.document.page, s.document.pageETag)
}

func (s *Server) answerDocument(w http.ResponseWriter, r *http.Request, body []byte, etag string) error {
	cachePublic(w, documentAge)
	if notModified(w, r, etag) {
		return nil
	}
	// A failed write means that the client is gone: there is nobody left to tell.
	_, _ = w.Write(body)
	return nil
}
