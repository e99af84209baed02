package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"meridian/internal/testkit"
	"meridian/internal/testkit/apitest"
)

var update = flag.Bool("update", false, "write what the golden files should hold")

// TestDocument_ListsTheRoutes holds the router and the document to the same operations.
func TestDocument_ListsTheRoutes(t *testing.T) {
	var routed []string
	testkit.NoError(t, newTestServer(t).router.Walk(func(route *mux.Route, _ *mux.Router, _ []*mux.Route) error {
		routed = append(routed, route.GetName())
		return nil
	}))
	var documented []string
	for _, operation := range contract(t).Operations {
		documented = append(documented, operation.Method+" "+operation.Path)
	}
	slices.Sort(routed)
	slices.Sort(documented)
	if diff := cmp.Diff(documented, routed); diff != "" {
		t.Errorf("documented (-) and routed (+) differ:\n%s", diff)
	}
}

// TestDocument_Operations holds each operation to what the top of base.yaml asks.
func TestDocument_Operations(t *testing.T) {
	c := contract(t)
	var tags []string
	for _, tag := range c.Document.Tags {
		if tag.Description == "" {
			t.Errorf("the tag %s has no description", tag.Name)
		}
		if slices.Contains(tags, tag.Name) {
			t.Errorf("the tag %s is declared twice", tag.Name)
		}
		tags = append(tags, tag.Name)
	}
	for _, operation := range c.Operations {
		t.Run(operation.Method+" "+operation.Path, func(t *testing.T) {
			checkOperation(t, operation, tags)
		})
	}
}

func checkOperation(t *testing.T, operation apitest.Operation, tags []string) {
	if operation.OperationID == "" || operation.Summary == "" {
		t.Error("operationId or summary is missing")
	}
	if len(operation.Tags) != 1 || !slices.Contains(tags, operation.Tags[0]) {
		t.Errorf("tags %v: use one that is declared", operation.Tags)
	}
	if operation.Security == nil {
		t.Error("security is missing; write [] for everyone")
	}
	switch operation.Extensions["x-consistency"] {
	case "strong":
	case "bounded":
		if operation.Extensions["x-consistency-bound"] == nil {
			t.Error("x-consistency-bound is missing: say how old the answer may be")
		}
	default:
		t.Error("x-consistency is missing: strong or bounded")
	}
	if operation.Responses.Default() != nil {
		t.Error("a default response documents any status: list the real ones")
	}
	for status, response := range operation.Responses.Map() {
		if status >= "400" && response.Ref != "#/components/responses/Problem" && operation.OperationID != "getReadiness" {
			t.Errorf("response %s is no $ref to #/components/responses/Problem", status)
		}
	}
	checkPathVariables(t, operation)
}

// TestDocument_Statuses holds the statuses of the document and the table of problems to each other.
func TestDocument_Statuses(t *testing.T) {
	known := make(map[string]bool)
	for _, row := range problemTypes {
		known[fmt.Sprint(row.status)] = true
	}
	// Of a method that a path does not have, or before there is an operation: none answers these.
	documented := map[string]bool{"405": true, "417": true, "501": true, "505": true}
	operationsByName := make(map[string]bool)
	for _, o := range operations() {
		operationsByName[o.method+" "+o.path] = true
	}
	for _, operation := range contract(t).Operations {
		if !operationsByName[operation.Method+" "+operation.Path] {
			t.Errorf("%s %s is no route", operation.Method, operation.Path)
		}
		for status := range operation.Responses.Map() {
			if status >= "400" && !known[status] {
				t.Errorf("%s answers %s, which no problem has", operation.OperationID, status)
			}
			documented[status] = true
		}
		for _, status := range []string{"400", "500", "503"} {
			if operation.Responses.Value(status) == nil {
				t.Errorf("%s does not name %s", operation.OperationID, status)
			}
		}
	}
	for status := range known {
		if !documented[status] {
			t.Errorf("no operation names %s", status)
		}
	}
}

// TestLongCalls: what an edge has to wait longer for is what routes take longer for.
func TestLongCalls(t *testing.T) {
	got := make(map[string]time.Duration)
	for _, call := range LongCalls() {
		got[call.Method+" "+call.Path] = call.Timeout
	}
	want := map[string]time.Duration{
		"POST /v1/seller/imports":                            importTimeout,
		"GET /v1/finance/reports/revenue":                    reportTimeout,
		"GET /v1/finance/price-lists/{list}/entries.csv":     priceFileTimeout,
		"GET /v1/finance/price-lists/{list}/entries.ndjson":  priceFileTimeout,
		"POST /v1/finance/price-lists/{list}/entries:import": priceFileTimeout,
		"POST /v1/finance/changes/{change_id}:approve":       priceFileTimeout,
		"POST /v1/finance/rates:import":                      rateFileTimeout,
		"POST /v1/operator/holds:release":                    releaseTimeout,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

var pathVariable = regexp.MustCompile(`\{([^}]+)\}`)

func checkPathVariables(t *testing.T, operation apitest.Operation) {
	inPath := make(map[string]bool)
	for _, match := range pathVariable.FindAllStringSubmatch(operation.Path, -1) {
		inPath[match[1]] = true
	}
	for _, p := range operation.Parameters {
		if p.Value.In != "path" {
			continue
		}
		if !inPath[p.Value.Name] {
			t.Errorf("the path has no variable %s", p.Value.Name)
		}
		delete(inPath, p.Value.Name)
	}
	for name := range inPath {
		t.Errorf("the path variable %s is no parameter", name)
	}
}

// TestDocument_Schemas holds objects to the examples and the members that they name.
func TestDocument_Schemas(t *testing.T) {
	c := contract(t)
	for name, schema := range c.Document.Components.Schemas {
		for _, required := range schema.Value.Required {
			if _, ok := schema.Value.Properties[required]; !ok {
				t.Errorf("%s requires %s, which it does not have", name, required)
			}
		}
		if schema.Value.Example == nil {
			continue
		}
		if err := c.Document.ValidateSchemaJSON(schema.Value, schema.Value.Example, openapi3.EnableJSONSchema2020()); err != nil {
			t.Errorf("the example of %s: %v", name, err)
		}
	}
}

const versionFile = "testdata/openapi.version"

// TestDocumentVersion fails when the document has changed and its info.version has not. With -update it raises the minor
// version, unless somebody has raised it.
func TestDocumentVersion(t *testing.T) {
	document := testkit.Must(Document())(t)
	sum := sha256.Sum256(document)
	version := contract(t).Document.Info.Version
	current := fmt.Sprintf("%s %s\n", version, hex.EncodeToString(sum[:]))
	known, err := os.ReadFile(versionFile)
	if err != nil && !*update {
		t.Fatal(err)
	}
	if current == string(known) {
		return
	}
	if !*update {
		t.Fatalf("the document has changed since version %.10q: run go test ./internal/api -run TestDocumentVersion -update", known)
	}
	if knownVersion, _, _ := strings.Cut(string(known), " "); knownVersion == version {
		raised := raiseVersion(t, version)
		document = bytes.Replace(document, []byte(`"version":"`+version+`"`), []byte(`"version":"`+raised+`"`), 1)
		sum = sha256.Sum256(document)
		current = fmt.Sprintf("%s %s\n", raised, hex.EncodeToString(sum[:]))
	}
	testkit.NoError(t, os.WriteFile(versionFile, []byte(current), 0o644))
}

// raiseVersion raises the minor version in the base file and returns the new one.
func raiseVersion(t *testing.T, version string) string {
	var major, minor, patch int
	testkit.Must(fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch))(t)
	raised := fmt.Sprintf("%d.%d.0", major, minor+1)
	base := testkit.Must(os.ReadFile(baseFile))(t)
	base = bytes.Replace(base, []byte("\n  version: "+version+"\n"), []byte("\n  version: "+raised+"\n"), 1)
	testkit.NoError(t, os.WriteFile(baseFile, base, 0o644))
	return raised
}

func TestMergeFiles(t *testing.T) {
	files := func(parts ...string) fstest.MapFS {
		fs := fstest.MapFS{baseFile: {Data: []byte("tags: [{name: a}]\npaths: {}\ncomponents: {schemas: {A: {type: string}}}")}}
		for i, part := range parts {
			fs[fmt.Sprintf("openapi/part%d.yaml", i)] = &fstest.MapFile{Data: []byte(part)}
		}
		return fs
	}
	for _, test := range []struct {
		name       string
		parts      []string
		want, fail string
	}{
		{
			name: "one path from two files",
			parts: []string{
				"tags: [{name: b}]\npaths: {/x: {get: {n: 1}}}\ncomponents: {schemas: {B: {type: string}}}",
				"paths: {/x: {post: {}}, /y: {}}",
			},
			want: `{"tags":[{"name":"a"},{"name":"b"}],"paths":{"/x":{"get":{"n":1},"post":{}},"/y":{}},` +
				`"components":{"schemas":{"A":{"type":"string"},"B":{"type":"string"}}}}`,
		},
		{name: "schema twice", parts: []string{"components: {schemas: {A: {type: number}}}"}, fail: "A: is defined twice"},
		{name: "method twice", parts: []string{"paths: {/x: {get: {}}}", "paths: {/x: {get: {}}}"}, fail: "get: is defined twice"},
		{
			name:  "text cut at its comma",
			parts: []string{"paths: {/x: {get: {tags: [{description: Red, or blue}]}}}"},
			fail:  `part0.yaml: "or blue" has no value: put the text that it ends in quotes`,
		},
		{name: "no YAML", parts: []string{"a: [", "b"}, fail: "part0.yaml"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tree, err := mergeFiles(files(test.parts...))
			if test.fail != "" {
				if err == nil || !strings.Contains(err.Error(), test.fail) {
					t.Errorf("got %v, want %q", err, test.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(appendJSON(nil, tree))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGetDocument(t *testing.T) {
	w := ask(validated(t, newTestServer(t).Handler()), "GET", "/openapi.json", "")
	var document map[string]any
	testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &document))
	if document["openapi"] != "3.1.0" {
		t.Errorf("openapi %v", document["openapi"])
	}
}

// TestDocs holds the page to the document and to its own policy: everything is on it, every link leads somewhere, and
// nothing is loaded or run.
func TestDocs(t *testing.T) {
	w := ask(validated(t, newTestServer(t).Handler()), "GET", "/docs", "")
	page := w.Body.String()
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("answered %d %q", w.Code, w.Header().Get("Content-Type"))
	}
	c := contract(t)
	anchors := map[string]bool{}
	for _, match := range regexp.MustCompile(` id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if anchors[match[1]] {
			t.Errorf("two things are called %s", match[1])
		}
		anchors[match[1]] = true
	}
	for _, operation := range c.Operations {
		if !anchors[operation.OperationID] {
			t.Errorf("%s is not on the page", operation.OperationID)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Document.Components.Schemas)) {
		if !anchors["schema-"+name] {
			t.Errorf("the schema %s is not on the page", name)
		}
	}
	for _, row := range problemTypes {
		if !anchors["problem-"+row.code] {
			t.Errorf("the problem %s is not on the page", row.code)
		}
	}
	for _, match := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !anchors[match[1]] {
			t.Errorf("a link to #%s leads nowhere", match[1])
		}
	}
	for _, loaded := range []string{"<script", "<img", "<link", "src=", "@import", "url(", " style="} {
		if strings.Contains(page, loaded) {
			t.Errorf("the page has %s", loaded)
		}
	}
	_, style, _ := strings.Cut(page, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	if want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(w.Header().Get("Content-Security-Policy"), want) {
		t.Errorf("the policy %q does not allow the page's style", w.Header().Get("Content-Security-Policy"))
	}
}

func TestProse(t *testing.T) {
	got := prose("Use `a<b` *now*.\n\nSecond <b>line</b>.")
	want := "<p>Use <code>a&lt;b</code> <em>now</em>.</p><p>Second &lt;b&gt;line&lt;/b&gt;.</p>"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
}
