package apitest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
)

// Random sends each operation, as each caller, n requests that the document allows and n that break it in one place. It
// fails the test as Run does, and for a request that breaks the document and is not refused. The same seed sends the same.
func (d Driver) Random(t *testing.T, seed uint64, n int) {
	for i, operation := range d.Contract.Operations {
		t.Run(operation.OperationID, func(t *testing.T) {
			if reason, ok := d.Skip[operation.OperationID]; ok {
				t.Skip(reason)
			}
			g := generator{Driver: d, Rand: rand.New(rand.NewPCG(seed, uint64(i)))}
			bad := 0
			for _, caller := range d.callers() {
				for range n {
					for _, broken := range []bool{false, true} {
						if !g.ask(t, operation, caller, broken) {
							bad++
						}
						if bad == maxComplaints {
							t.Fatalf("stopped after %d bad answers", bad)
						}
					}
				}
			}
		})
	}
}

// generator makes requests of an operation's description.
type generator struct {
	Driver
	*rand.Rand
}

// ask sends a request that the document allows, or one that it does not, and reports whether its answer is good.
func (g generator) ask(t *testing.T, operation Operation, caller Caller, broken bool) bool {
	t.Helper()
	request := hostileRequest{why: "drawn", path: fillPath(operation, g.variable), contentType: bodyType(operation), header: http.Header{}}
	query := g.query(operation)
	body := g.body(operation)
	if broken {
		request.why = "drawn, " + g.breakOne(operation, query, &body)
		broken = request.why != "drawn, "
	}
	request.query = query.Encode()
	if body != nil {
		request.body, _ = json.Marshal(body) // made of maps, slices and plain values
	}
	for _, p := range operation.Parameters {
		if p.Value.In == openapi3.ParameterInHeader && p.Value.Name != "Idempotency-Key" && g.IntN(4) == 0 {
			request.header.Set(p.Value.Name, fmt.Sprint(g.value(p.Value.Schema.Value, p.Value.Name, 0)))
		}
	}
	w, good := g.send(t, operation, caller, request)
	if broken && w.Code < http.StatusBadRequest {
		t.Errorf("%s as %s (%s) %s?%s %.300s: answered %d", operation.OperationID, caller.Name, request.why, request.path, request.query,
			request.body, w.Code)
		return false
	}
	return good
}

func (g generator) variable(name string) string {
	if values := g.Values[name]; len(values) > 0 && g.IntN(8) > 0 {
		return values[g.IntN(len(values))]
	}
	return "x" + strconv.Itoa(g.IntN(100))
}

// query returns the required parameters and some of the others.
func (g generator) query(operation Operation) url.Values {
	query := url.Values{}
	for _, p := range operation.Parameters {
		if p.Value.In != openapi3.ParameterInQuery || !p.Value.Required && g.IntN(3) > 0 {
			continue
		}
		schema := p.Value.Schema.Value
		if schema.Type.Includes("array") {
			schema = schema.Items.Value
		}
		value := g.value(schema, p.Value.Name, 0)
		if number, written := value.(json.RawMessage); written { // 4.0 is a whole number in JSON, not in a query
			value = strings.TrimSuffix(string(number), ".0")
		}
		if text := fmt.Sprint(value); text != "" {
			query.Set(p.Value.Name, text)
		}
	}
	return query
}

// body returns a JSON body, nil where the operation takes none.
func (g generator) body(operation Operation) any {
	if operation.RequestBody == nil {
		return nil
	}
	content := operation.RequestBody.Value.Content.Get("application/json")
	if content == nil || content.Schema == nil {
		return nil
	}
	return g.value(content.Schema.Value, "", 0)
}

// value returns a value that a schema allows.
func (g generator) value(schema *openapi3.Schema, name string, depth int) any {
	known := g.Values[name]
	switch {
	case schema == nil || depth > 6:
		return "x"
	case schema.Const != nil:
		return schema.Const
	case len(schema.Enum) > 0:
		return schema.Enum[g.IntN(len(schema.Enum))]
	case len(schema.OneOf) > 0:
		return g.value(schema.OneOf[g.IntN(len(schema.OneOf))].Value, name, depth+1)
	case schema.Type.Includes("null") && g.IntN(3) == 0:
		return nil
	case schema.Type.Includes("object"):
		return g.object(schema, depth)
	case schema.Type.Includes("array"):
		list := []any{}
		for range max(int(schema.MinItems), g.IntN(3)) {
			list = append(list, g.value(schema.Items.Value, name, depth+1))
		}
		return list
	case schema.Type.Includes("integer"):
		return g.integer(schema)
	case schema.Type.Includes("number"):
		return g.Float64() * 100
	case schema.Type.Includes("boolean"):
		return g.IntN(2) == 0
	case len(known) > 0 && g.IntN(3) > 0:
		return known[g.IntN(len(known))]
	}
	return g.text(schema)
}

func (g generator) object(schema *openapi3.Schema, depth int) any {
	members := make(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if slices.Contains(schema.Required, name) || g.IntN(2) == 0 {
			members[name] = g.value(schema.Properties[name].Value, name, depth+1)
		}
	}
	return members
}

// integer returns a whole number within the bounds, mostly a small one, now and then written as 4.0.
func (g generator) integer(schema *openapi3.Schema) any {
	least, most := int64(0), int64(1<<40)
	if schema.Min != nil {
		least = int64(*schema.Min)
	}
	if schema.Max != nil {
		most = int64(*schema.Max)
	}
	n := least + g.Int64N(max(1, min(most-least+1, []int64{5, 1000, 1 << 62}[g.IntN(3)])))
	if g.IntN(4) == 0 {
		return json.RawMessage(strconv.FormatInt(n, 10) + ".0")
	}
	return n
}

// text returns a text in the format, of the example, or of the length that a schema asks for.
func (g generator) text(schema *openapi3.Schema) any {
	switch {
	case schema.Format == "date-time":
		return time.Unix(g.Int64N(4e9), 0).UTC().Format(time.RFC3339)
	case schema.Format == "date":
		return time.Unix(g.Int64N(4e9), 0).UTC().Format(time.DateOnly)
	case schema.Example != nil:
		return schema.Example
	case schema.Pattern != "":
		return "a1"
	}
	alphabet := []rune("abz AZ09_-é漢'\"<&%")
	runes := make([]rune, max(int(schema.MinLength), g.IntN(12)))
	for i := range runes {
		runes[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(runes)
}

// breakOne makes the request one that the document does not allow, in one place, and says where; "" where it found none.
func (g generator) breakOne(operation Operation, query url.Values, body *any) string {
	if members, ok := (*body).(map[string]any); ok {
		schema := operation.RequestBody.Value.Content.Get("application/json").Schema.Value
		return g.breakMember(schema, members)
	}
	var typed []*openapi3.Parameter
	for _, p := range operation.Parameters {
		schema := p.Value.Schema.Value
		if p.Value.In == openapi3.ParameterInQuery && (len(schema.Enum) > 0 || schema.Format == "date-time" ||
			schema.Type.Includes("integer") || schema.Type.Includes("boolean")) {
			typed = append(typed, p.Value)
		}
	}
	if len(typed) == 0 {
		return ""
	}
	p := typed[g.IntN(len(typed))]
	wrong := []string{"", "what", "1.5", "-"}[g.IntN(4)]
	query.Set(p.Name, wrong)
	return fmt.Sprintf("a query with %s=%q", p.Name, wrong)
}

// breakMember breaks a member of an object: its type, or that it is known or not null.
func (g generator) breakMember(schema *openapi3.Schema, members map[string]any) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if member := schema.Properties[name]; member != nil && member.Value.Type != nil && len(member.Value.OneOf) == 0 {
			names = append(names, name)
		}
	}
	if len(names) == 0 || g.IntN(4) == 0 {
		members["nobody_knows"] = true
		return "an unknown member"
	}
	name := names[g.IntN(len(names))]
	member := schema.Properties[name].Value
	wrong := []any{nil, true, 1.5, "what", []any{"what"}, map[string]any{"what": 1}}
	wrong = slices.DeleteFunc(wrong, func(v any) bool { return allows(member, v) })
	if len(wrong) == 0 {
		return ""
	}
	members[name] = wrong[g.IntN(len(wrong))]
	return fmt.Sprintf("%s of another type", name)
}

// allows reports whether a schema may allow a value, by its type.
func allows(schema *openapi3.Schema, v any) bool {
	name := "null"
	switch v.(type) {
	case bool:
		name = "boolean"
	case float64:
		name = "number"
	case string:
		name = "string"
	case []any:
		name = "array"
	case map[string]any:
		name = "object"
	}
	return schema.Type.Includes(name)
}
