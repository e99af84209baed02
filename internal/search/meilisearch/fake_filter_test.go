package meilisearch

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// filtered are the documents that a filter lets through, or the code of the error.
func (x *fakeIndex) filtered(filter any) ([]map[string]any, string) {
	conditions, err := x.conditions(filter)
	if err != nil {
		return nil, "invalid_search_filter"
	}
	found := []map[string]any{}
	for _, d := range x.documents {
		if !slices.ContainsFunc(conditions, func(c condition) bool { return !c.holds(d) }) {
			found = append(found, d)
		}
	}
	return found, ""
}

// conditions reads the form of filters that is an array, all of which must hold, or one text.
func (x *fakeIndex) conditions(filter any) ([]condition, error) {
	var texts []any
	switch filter := filter.(type) {
	case nil:
	case string:
		texts = []any{filter}
	case []any:
		texts = filter
	default:
		return nil, fmt.Errorf("a filter of %T", filter)
	}
	var all []condition
	for _, text := range texts {
		s, ok := text.(string)
		if !ok {
			return nil, errors.New("a filter within a filter")
		}
		c, err := parseCondition(s)
		if err != nil {
			return nil, err
		}
		if !covered(c.field, x.settings.FilterableAttributes) {
			return nil, fmt.Errorf("%s is not filterable", c.field)
		}
		all = append(all, c)
	}
	return all, nil
}

// covered reports whether a field is one of a setting's, or within one.
func covered(field string, attributes []string) bool {
	return slices.ContainsFunc(attributes, func(a string) bool { return field == a || strings.HasPrefix(field, a+".") })
}

type condition struct {
	not             bool
	field, operator string
	values          []string
}

// parseCondition reads one condition by the grammar of Meilisearch, as far as it is used.
func parseCondition(text string) (condition, error) {
	p := &filterParser{rest: text}
	var c condition
	if strings.HasPrefix(p.rest, "NOT ") {
		c.not, p.rest = true, p.rest[4:]
	}
	c.field = p.word()
	for _, operator := range []string{">=", "<=", "!=", "=", ">", "<", "IN", "EXISTS"} {
		if p.take(operator) {
			c.operator = operator
			break
		}
	}
	switch c.operator {
	case "":
		return c, fmt.Errorf("no operator in %q", text)
	case "EXISTS":
	case "IN":
		if !p.take("[") {
			return c, fmt.Errorf("no list in %q", text)
		}
		for !p.take("]") {
			c.values = append(c.values, p.value())
			if p.err != nil {
				return c, p.err
			}
			p.take(",")
		}
	default:
		c.values = []string{p.value()}
	}
	if strings.TrimSpace(p.rest) != "" {
		p.err = fmt.Errorf("%q is behind the end of %q", p.rest, text)
	}
	return c, p.err
}

type filterParser struct {
	rest string
	err  error
}

func (p *filterParser) take(token string) bool {
	rest, ok := strings.CutPrefix(strings.TrimLeft(p.rest, " "), token)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *filterParser) word() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	n := strings.IndexFunc(p.rest, func(r rune) bool { return !strings.ContainsRune("_-.", r) && !isWordRune(r) })
	if n < 0 {
		n = len(p.rest)
	}
	word := p.rest[:n]
	p.rest = p.rest[n:]
	if word == "" || slices.Contains([]string{"AND", "OR", "NOT", "IN", "TO", "EXISTS", "IS", "NULL", "EMPTY"}, word) {
		p.err = fmt.Errorf("no word before %q", p.rest)
	}
	return word
}

// value is a word or a text in quotes, in which a backslash begins a sequence.
func (p *filterParser) value() string {
	if !p.take("'") {
		return p.word()
	}
	var value strings.Builder
	for i := 0; i < len(p.rest); i++ {
		switch {
		case p.rest[i] == '\'':
			p.rest = p.rest[i+1:]
			return value.String()
		case p.rest[i] == '\\' && i+1 < len(p.rest) && strings.ContainsRune(`\'`, rune(p.rest[i+1])):
			i++
			value.WriteByte(p.rest[i])
		case p.rest[i] == '\\':
			p.err = errors.New("an unknown sequence")
			return ""
		default:
			value.WriteByte(p.rest[i])
		}
	}
	p.err = errors.New("a quote that is never closed")
	return ""
}

func (c condition) holds(d map[string]any) bool { return c.matches(d) != c.not }

func (c condition) matches(d map[string]any) bool {
	values := valuesOf(d, c.field)
	if c.operator == "EXISTS" {
		return len(values) > 0
	}
	if c.operator == "!=" {
		return !slices.ContainsFunc(values, func(v any) bool { return normalized(v) == normalized(c.values[0]) })
	}
	return slices.ContainsFunc(values, func(v any) bool {
		return slices.ContainsFunc(c.values, func(want string) bool { return c.compare(v, want) })
	})
}

func (c condition) compare(value any, want string) bool {
	if c.operator == "=" || c.operator == "IN" {
		return normalized(value) == normalized(want)
	}
	order := cmp.Compare(fmt.Sprint(value), want)
	if number, ok := value.(float64); ok {
		bound, err := strconv.ParseFloat(want, 64)
		if err != nil {
			return false
		}
		order = cmp.Compare(number, bound)
	}
	switch c.operator {
	case ">=":
		return order >= 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	}
	return order < 0
}

// normalized is how Meilisearch compares values that are texts.
func normalized(value any) string {
	if number, ok := value.(float64); ok {
		return strconv.FormatFloat(number, 'f', -1, 64)
	}
	return strings.ToLower(norm.NFKD.String(strings.TrimSpace(fmt.Sprint(value))))
}

// valuesOf are the values of a field, which may be within another: a.b.
func valuesOf(d map[string]any, field string) []any {
	outer, inner, nested := strings.Cut(field, ".")
	switch value := d[outer].(type) {
	case nil:
		return nil
	case map[string]any:
		if nested {
			return valuesOf(value, inner)
		}
		return nil
	case []any:
		return value
	default:
		return []any{value}
	}
}

// sortable is the code of the error if an order is not allowed.
func (x *fakeIndex) sortable(orders []string) string {
	for _, order := range orders {
		if field, _, _ := strings.Cut(order, ":"); !covered(field, x.settings.SortableAttributes) {
			return "invalid_search_sort"
		}
	}
	return ""
}

// compareBy compares by orders such as price:asc; what has no value comes last.
func compareBy(a, b map[string]any, orders []string) int {
	for _, order := range orders {
		field, direction, _ := strings.Cut(order, ":")
		valueA, valueB := valuesOf(a, field), valuesOf(b, field)
		if len(valueA) == 0 || len(valueB) == 0 {
			if c := cmp.Compare(len(valueB), len(valueA)); c != 0 {
				return c
			}
			continue
		}
		c := compareValues(valueA[0], valueB[0])
		if direction == "desc" {
			c = -c
		}
		if c != 0 {
			return c
		}
	}
	return 0
}

func compareValues(a, b any) int {
	numberA, okA := a.(float64)
	numberB, okB := b.(float64)
	if okA && okB {
		return cmp.Compare(numberA, numberB)
	}
	return cmp.Compare(normalized(a), normalized(b))
}
