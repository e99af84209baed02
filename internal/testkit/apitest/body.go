package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// documentURL names the document among the schemas.
const documentURL = "https://contract.test/openapi.json"

// schemas compiles the document's schemas when they are first needed. openapi3filter would compile one for each answer,
// which takes most of the time of a test.
type schemas struct {
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

func newSchemas(document []byte) (*schemas, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		return nil, err
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.RegisterFormat(&jsonschema.Format{Name: "int64", Validate: func(v any) error {
		if n, ok := v.(json.Number); ok {
			_, err := strconv.ParseInt(n.String(), 10, 64)
			return err
		}
		return nil
	}})
	compiler.AssertFormat()
	return &schemas{compiler: compiler}, compiler.AddResource(documentURL, root)
}

// check returns what is wrong with a JSON body by the schema at a JSON pointer into the document.
func (s *schemas) check(pointer string, body []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("the body is not JSON: %w", err)
	}
	s.mu.Lock()
	schema, err := s.compiler.Compile(documentURL + "#" + pointer) // once for each pointer
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

// jsonSchema returns the pointer to the schema of an answer's JSON body. It returns "" for a body of another type, and
// where the document describes none.
func jsonSchema(route *routers.Route, status int, contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
		return ""
	}
	name := strconv.Itoa(status)
	response := route.Operation.Responses.Value(name)
	if response == nil {
		name, response = "default", route.Operation.Responses.Default()
	}
	if response == nil || response.Value.Content[media] == nil || response.Value.Content[media].Schema == nil {
		return ""
	}
	at := response.Ref
	if at == "" {
		at = pointerTo("paths", route.Path, strings.ToLower(route.Method), "responses", name)
	}
	return strings.TrimPrefix(at, "#") + pointerTo("content", media, "schema")
}

// problemSchema points to the schema of a problem.
var problemSchema = pointerTo("components", "responses", "Problem", "content", "application/problem+json", "schema")

// pointerTo returns a JSON pointer as the fragment of a URL holds it.
func pointerTo(keys ...string) string {
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	var pointer strings.Builder
	for _, key := range keys {
		pointer.WriteString("/" + escape.Replace(key))
	}
	return pointer.String()
}
