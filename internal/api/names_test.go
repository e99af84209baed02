package api

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// made are the kinds of things whose ids Meridian makes: they are referred to by <noun>_id.
var made = []string{"account", "address", "cart", "change", "import", "movement", "order", "payment", "product", "quote", "refund",
	"seller", "shipment"}

// chosen are the path variables that hold a name that people have chosen.
var chosen = []string{"sku", "warehouse", "category", "list", "market", "rule", "promotion", "strategy", "currency", "provider"}

var (
	memberName = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	// A path: plural nouns with hyphens, variables, and at its end a method or a format.
	pathShape = regexp.MustCompile(`^(/v1(/[a-z]+(-[a-z]+)*|/\{[a-z_]+\})+(:[a-z]+|\.csv|\.ndjson)?` +
		`|/healthz|/readyz|/metrics|/openapi\.json|/docs|/\.well-known/jwks\.json)$`)
)

// TestDocument_Names holds the document to the rules of docs/api.md.
func TestDocument_Names(t *testing.T) {
	c := contract(t)
	for _, o := range c.Operations {
		if !pathShape.MatchString(o.Path) {
			t.Errorf("%s: not a path as docs/api.md has them", o.Path)
		}
		for _, match := range pathVariable.FindAllStringSubmatch(o.Path, -1) {
			noun, isID := strings.CutSuffix(match[1], "_id")
			if isID && !slices.Contains(made, noun) || !isID && !slices.Contains(chosen, noun) {
				t.Errorf("%s: {%s} is neither the id of something we make nor a name that people choose", o.Path, match[1])
			}
		}
		if last := o.Path[strings.LastIndex(o.Path, "/"):]; o.Method == "POST" &&
			!strings.Contains(last, ":") && !strings.HasSuffix(last, "s") && last != "/{provider}" {
			t.Errorf("POST %s: neither a collection nor a method with a colon", o.Path)
		}
		for _, p := range o.Parameters {
			if p.Value.In == "query" {
				checkMember(t, o.Path+"?"+p.Value.Name, p.Value.Name, p.Value.Schema.Value)
			}
		}
	}
	for name, schema := range c.Document.Components.Schemas {
		checkMembers(t, name, schema.Value)
	}
}

func checkMembers(t *testing.T, of string, s *openapi3.Schema) {
	for name, member := range s.Properties {
		checkMember(t, of+"."+name, name, member.Value)
		if member.Ref == "" {
			checkMembers(t, of+"."+name, member.Value)
		}
	}
	if s.Items != nil && s.Items.Ref == "" {
		checkMembers(t, of+"[]", s.Items.Value)
	}
}

func checkMember(t *testing.T, where, name string, s *openapi3.Schema) {
	isText := s.Type != nil && slices.Contains(*s.Type, "string")
	switch {
	case !memberName.MatchString(name):
		t.Errorf("%s: not lower case with underscores", where)
	case s.Format == "uuid":
		t.Errorf("%s: a bare UUID; ids have a prefix", where)
	case isText && slices.Contains(made, name):
		t.Errorf("%s: the id of something that we make: call it %s_id", where, name)
	case s.Format == "date-time" && !isInstant(name):
		t.Errorf("%s: an instant: call it …_at, valid_from, valid_to or as_of", where)
	case s.Type.Is("array") && s.Items.Value.Type.Is("object") && !strings.HasSuffix(name, "s") && !slices.Contains(singulars, name):
		t.Errorf("%s: a list: call it by the plural", where)
	}
}

// singulars are lists that are named like one: facets, which are named like the parameter that filters by them, and what has no
// other plural.
var singulars = []string{"brand", "category", "price", "attribute", "stock", "boost", "history", "without", "all", "title", "children",
	"touched", "left_without", "unpriced"}

func isInstant(name string) bool {
	return strings.HasSuffix(name, "_at") || slices.Contains([]string{"at", "as_of", "valid_from", "valid_to"}, name)
}
