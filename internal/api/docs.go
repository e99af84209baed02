package api

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

//go:embed docs.css
var docsStyle string

//go:embed docs.html
var docsTemplate string

// docsPage is what the page for people shows.
type docsPage struct {
	Title, Version, Summary string
	Description             template.HTML
	Style                   template.CSS
	Groups                  []docsGroup
	Schemas                 []docsSchema
	Problems                []docsProblem
}

type docsGroup struct {
	Name        string
	Description template.HTML
	Operations  []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary string
	Description               template.HTML
	Access                    string
	Consistency               string
	RoundTrips                string
	Parameters                []docsField
	Body                      *docsContent
	Responses                 []docsResponse
}

type docsResponse struct {
	Status      string
	Description template.HTML
	Content     *docsContent
}

type docsContent struct {
	MediaType string
	Type      docsType
	Example   string
}

type docsSchema struct {
	Name        string
	Description template.HTML
	Type        docsType
	Fields      []docsField
	Example     string
}

type docsField struct {
	Name, In    string
	Type        docsType
	Required    bool
	Description template.HTML
}

// docsType is a type in words, such as "list of", and the schema it leads to.
type docsType struct {
	Words, Schema string
}

type docsProblem struct {
	Code, Title, Detail string
	Status              int
	StatusText          string
}

// renderDocs makes the page and its Content-Security-Policy: no script, no request, one known style sheet.
func renderDocs(tree yaml.MapSlice) (page []byte, policy string, err error) {
	t, err := template.New("docs").Funcs(template.FuncMap{"lower": strings.ToLower}).Parse(docsTemplate)
	if err != nil {
		return nil, "", err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, newDocsPage(tree)); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(docsStyle))
	policy = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return b.Bytes(), policy, nil
}

func newDocsPage(tree yaml.MapSlice) docsPage {
	info := object(tree, "info")
	spec := docsSource{tree: tree}
	return docsPage{
		Title:       text(info, "title"),
		Version:     text(info, "version"),
		Summary:     text(info, "summary"),
		Description: prose(text(info, "description")),
		Style:       template.CSS(docsStyle),
		Groups:      spec.groups(),
		Schemas:     spec.schemas(),
		Problems:    newDocsProblems(),
	}
}

// newDocsProblems lists each code once, as its first row tells it, by status.
func newDocsProblems() []docsProblem {
	var problems []docsProblem
	for _, row := range problemTypes {
		if slices.ContainsFunc(problems, func(p docsProblem) bool { return p.Code == row.code }) {
			continue
		}
		problems = append(problems, docsProblem{
			Code: row.code, Title: row.title, Detail: row.detail, Status: row.status, StatusText: http.StatusText(row.status),
		})
	}
	slices.SortStableFunc(problems, func(a, b docsProblem) int { return cmp.Compare(a.Status, b.Status) })
	return problems
}

// docsSource reads what the page shows out of the document.
type docsSource struct {
	tree yaml.MapSlice
}

// groups returns the document's tags in their order, each with its operations by path.
func (d docsSource) groups() []docsGroup {
	var groups []docsGroup
	for _, tag := range list(d.tree, "tags") {
		tag, _ := tag.(yaml.MapSlice)
		groups = append(groups, docsGroup{
			Name:        text(tag, "name"),
			Description: prose(text(tag, "description")),
			Operations:  d.operations(text(tag, "name")),
		})
	}
	return groups
}

func (d docsSource) operations(tag string) []docsOperation {
	var operations []docsOperation
	for _, path := range object(d.tree, "paths") {
		methods, _ := path.Value.(yaml.MapSlice)
		for _, method := range methods {
			operation, ok := method.Value.(yaml.MapSlice)
			if ok && slices.Contains(list(operation, "tags"), any(tag)) {
				operations = append(operations, d.operation(fmt.Sprint(path.Key), fmt.Sprint(method.Key), operation))
			}
		}
	}
	slices.SortStableFunc(operations, func(a, b docsOperation) int { return cmp.Compare(a.Path, b.Path) })
	return operations
}

func (d docsSource) operation(path, method string, o yaml.MapSlice) docsOperation {
	operation := docsOperation{
		ID:          text(o, "operationId"),
		Method:      strings.ToUpper(method),
		Path:        path,
		Summary:     text(o, "summary"),
		Description: prose(text(o, "description")),
		Access:      access(list(o, "security")),
		Consistency: consistency(o),
		RoundTrips:  text(o, "x-round-trips"),
	}
	for _, parameter := range list(o, "parameters") {
		p := d.resolve(parameter)
		operation.Parameters = append(operation.Parameters, docsField{
			Name:        text(p, "name"),
			In:          text(p, "in"),
			Type:        d.typeOf(object(p, "schema")),
			Required:    text(p, "required") == "true",
			Description: prose(text(p, "description")),
		})
	}
	operation.Body = d.content(d.resolve(value(o, "requestBody")))
	for _, response := range object(o, "responses") {
		r := d.resolve(response.Value)
		operation.Responses = append(operation.Responses, docsResponse{
			Status:      statusName(fmt.Sprint(response.Key)),
			Description: prose(text(r, "description")),
			Content:     d.content(r),
		})
	}
	return operation
}

// statusName returns a response's key as people read it.
func statusName(key string) string {
	status, err := strconv.Atoi(key)
	if err != nil {
		return "otherwise"
	}
	return key + " " + http.StatusText(status)
}

// access says who may call, from an operation's security.
func access(security []any) string {
	if len(security) == 0 {
		return "everyone"
	}
	var ways []string
	for _, way := range security {
		way, _ := way.(yaml.MapSlice)
		var needs []string
		for _, scheme := range way {
			switch scheme.Key {
			case "bearer":
				needs = append(needs, "signed in")
			case "guest":
				needs = append(needs, "guest's token")
			default:
				needs = append(needs, fmt.Sprint(scheme.Key))
			}
		}
		if len(needs) == 0 {
			needs = []string{"everyone"}
		}
		ways = append(ways, strings.Join(needs, " and "))
	}
	return strings.Join(ways, ", or ")
}

func consistency(operation yaml.MapSlice) string {
	promise := text(operation, "x-consistency")
	if bound := text(operation, "x-consistency-bound"); bound != "" {
		return promise + ", " + bound
	}
	return promise
}

// content returns the first kind of body that a request or response may have, nil when it has none.
func (d docsSource) content(holder yaml.MapSlice) *docsContent {
	kinds := object(holder, "content")
	if len(kinds) == 0 {
		return nil
	}
	kind, _ := kinds[0].Value.(yaml.MapSlice)
	schema := object(kind, "schema")
	content := &docsContent{MediaType: fmt.Sprint(kinds[0].Key), Type: d.typeOf(schema), Example: example(kind)}
	if content.Example == "" && content.Type.Schema == "" {
		content.Example = example(schema)
	}
	return content
}

func (d docsSource) schemas() []docsSchema {
	var schemas []docsSchema
	for _, item := range object(object(d.tree, "components"), "schemas") {
		schema, _ := item.Value.(yaml.MapSlice)
		schemas = append(schemas, docsSchema{
			Name:        fmt.Sprint(item.Key),
			Description: prose(text(schema, "description")),
			Type:        d.typeOf(schema),
			Fields:      d.fields(schema, ""),
			Example:     example(schema),
		})
	}
	slices.SortFunc(schemas, func(a, b docsSchema) int { return cmp.Compare(a.Name, b.Name) })
	return schemas
}

// fields lists an object's members; those of objects written inside it come after them, named by their path.
func (d docsSource) fields(schema yaml.MapSlice, prefix string) []docsField {
	var fields []docsField
	required := list(schema, "required")
	for _, item := range object(schema, "properties") {
		member, _ := item.Value.(yaml.MapSlice)
		name := fmt.Sprint(item.Key)
		fields = append(fields, docsField{
			Name:        prefix + name,
			Type:        d.typeOf(member),
			Required:    slices.Contains(required, any(name)),
			Description: prose(text(member, "description")),
		})
		fields = append(fields, d.fields(member, prefix+name+".")...)
		fields = append(fields, d.fields(object(member, "items"), prefix+name+"[].")...)
	}
	return fields
}

// typeOf says a schema in a few words.
func (d docsSource) typeOf(schema yaml.MapSlice) docsType {
	if ref := text(schema, "$ref"); ref != "" {
		return docsType{Schema: ref[strings.LastIndexByte(ref, '/')+1:]}
	}
	if text(schema, "type") == "array" {
		of := d.typeOf(object(schema, "items"))
		return docsType{Words: strings.TrimSpace("list of " + of.Words), Schema: of.Schema}
	}
	words := []string{text(schema, "type")}
	if types := list(schema, "type"); len(types) > 0 {
		words = []string{strings.ReplaceAll(strings.Trim(fmt.Sprint(types), "[]"), " ", " or ")}
	}
	if format := text(schema, "format"); format != "" {
		words = append(words, "("+format+")")
	}
	if choices := list(schema, "enum"); len(choices) > 0 {
		words = append(words, "one of "+strings.Trim(strings.Join(strings.Fields(fmt.Sprint(choices)), ", "), "[]"))
	}
	return docsType{Words: strings.TrimSpace(strings.Join(append(words, bounds(schema)...), " "))}
}

// bounds returns a schema's limits in words.
func bounds(schema yaml.MapSlice) []string {
	var words []string
	for _, bound := range []struct{ key, words string }{
		{"const", "always %s"}, {"minimum", "from %s"}, {"maximum", "to %s"}, {"minLength", "at least %s characters"},
		{"maxLength", "at most %s characters"}, {"minItems", "at least %s"}, {"maxItems", "at most %s"}, {"default", "default %s"},
	} {
		if v := text(schema, bound.key); v != "" {
			words = append(words, fmt.Sprintf(bound.words, v))
		}
	}
	return words
}

// resolve follows a reference within the document; what is none is itself.
func (d docsSource) resolve(v any) yaml.MapSlice {
	tree, _ := v.(yaml.MapSlice)
	path, ok := strings.CutPrefix(text(tree, "$ref"), "#/")
	if !ok {
		return tree
	}
	found := d.tree
	for name := range strings.SplitSeq(path, "/") {
		found = object(found, name)
	}
	return found
}

// example returns the example in a schema or media type, indented; "" when there is none.
func example(holder yaml.MapSlice) string {
	v := value(holder, "example")
	if v == nil {
		return ""
	}
	indented := jsontext.Value(appendJSON(nil, v))
	if err := indented.Indent(jsontext.WithIndent("  ")); err != nil {
		return ""
	}
	return string(indented)
}

var (
	codePattern     = regexp.MustCompile("`([^`]+)`")
	emphasisPattern = regexp.MustCompile(`\*([^*\s][^*]*)\*`)
	blankLine       = regexp.MustCompile(`\n\s*\n`)
)

// prose renders a description: paragraphs, `code` and *emphasis*. Everything else is escaped.
func prose(description string) template.HTML {
	if strings.TrimSpace(description) == "" {
		return ""
	}
	var b strings.Builder
	for _, paragraph := range blankLine.Split(strings.TrimSpace(description), -1) {
		html := template.HTMLEscapeString(paragraph)
		html = codePattern.ReplaceAllString(html, "<code>$1</code>")
		html = emphasisPattern.ReplaceAllString(html, "<em>$1</em>")
		b.WriteString("<p>" + html + "</p>")
	}
	return template.HTML(b.String())
}

// value returns the member of that name, nil when there is none.
func value(tree yaml.MapSlice, name string) any {
	for _, item := range tree {
		if item.Key == name {
			return item.Value
		}
	}
	return nil
}

func object(tree yaml.MapSlice, name string) yaml.MapSlice {
	member, _ := value(tree, name).(yaml.MapSlice)
	return member
}

func list(tree yaml.MapSlice, name string) []any {
	member, _ := value(tree, name).([]any)
	return member
}

// text returns a scalar member as text, "" when there is none.
func text(tree yaml.MapSlice, name string) string {
	switch member := value(tree, name).(type) {
	case nil, yaml.MapSlice, []any:
		return ""
	default:
		return fmt.Sprint(member)
	}
}
