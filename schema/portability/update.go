package portability

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Tables holds, by table, the columns that its CHECKs and the predicates of its partial indexes mention. CockroachDB
// evaluates both on the rows that an UPDATE makes, in the scope of that UPDATE.
type Tables map[string]map[string]bool

var (
	definition   = regexp.MustCompile(`(?is)^\s*(?:create\s+table|alter\s+table)\s+(?:if\s+(?:not\s+)?exists\s+)?([a-z_]\w*)`)
	partialIndex = regexp.MustCompile(`(?is)^\s*create\s+(?:unique\s+)?index\s+.*?\bon\s+([a-z_]\w*)\s*(?:using\s+\w+\s*)?\(.*\bwhere\b(.*)$`)
	checkOpens   = regexp.MustCompile(`(?is)\bcheck\s*\(`)
	identifier   = regexp.MustCompile(`(?i)[a-z_]\w*`)
)

// NewTables reads the statements of a schema. What later statements drop stays in: the rule is then a little stricter.
func NewTables(schema []string) Tables {
	tables := make(Tables)
	for _, sql := range schema {
		text := bare(sql)
		if table := definition.FindStringSubmatch(text); table != nil {
			for _, at := range checkOpens.FindAllStringIndex(text, -1) {
				tables.add(table[1], inParentheses(text[at[1]:]))
			}
		}
		if index := partialIndex.FindStringSubmatch(text); index != nil {
			tables.add(index[1], index[2])
		}
	}
	return tables
}

// add adds the words of an expression: the columns are among them.
func (t Tables) add(table, expression string) {
	table = strings.ToLower(table)
	if t[table] == nil {
		t[table] = make(map[string]bool)
	}
	for _, word := range identifier.FindAllString(expression, -1) {
		t[table][strings.ToLower(word)] = true
	}
}

// inParentheses returns the text up to the parenthesis that closes the one before it.
func inParentheses(text string) string {
	depth := 1
	for i, r := range text {
		switch r {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return text[:i]
			}
		}
	}
	return text
}

// Check returns the assignments of an UPDATE … FROM that CockroachDB refuses with 42702 although PostgreSQL takes them.
// A column of the source that is assigned as it is keeps its name in the scope of the target's CHECKs. If the target has
// another column of that name, and a CHECK mentions it, the CHECK is ambiguous:
//
//	UPDATE payments SET refunded_minor = late.captured_minor FROM late …   -- CHECK (refunded_minor <= captured_minor)
//
// An alias in the source (AS taken) or an expression is safe. So is a column assigned to its own name, and one whose
// name the UPDATE assigns too, because the new value then has the name.
func (t Tables) Check(sql string) []string {
	var faults []string
	words := tokens(sql)
	for i := range words {
		if !isUpdate(words, i) {
			continue
		}
		u := parseUpdate(words[i+1:])
		if !u.hasFrom {
			continue
		}
		for _, a := range u.sets {
			source, column, isColumn := a.sourceColumn()
			own := source == u.table || source == u.alias
			if isColumn && !own && t[u.table][column] && !u.assigns(column) {
				faults = append(faults, fmt.Sprintf("%s = %s.%s: %s is also in a CHECK or partial index of %s, so CockroachDB finds it "+
					"ambiguous: give the source's column an alias", a.column, source, column, column, u.table))
			}
		}
	}
	return faults
}

// token is a word, a number or a character of a statement, in lower case.
var token = regexp.MustCompile(`[a-z_]\w*|"[^"]*"|\$?\d+|\S`)

func tokens(sql string) []string {
	return token.FindAllString(strings.ToLower(bare(sql)), -1)
}

// isUpdate reports whether an UPDATE begins at a place: not FOR UPDATE, DO UPDATE or ON UPDATE.
func isUpdate(words []string, i int) bool {
	return words[i] == "update" && (i == 0 || !slices.Contains([]string{"for", "do", "on"}, words[i-1]))
}

// An update is what Check needs of an UPDATE.
type update struct {
	table, alias string
	sets         []assignment
	hasFrom      bool
}

func (u update) assigns(column string) bool {
	return slices.ContainsFunc(u.sets, func(a assignment) bool { return a.column == column })
}

// An assignment is a column = expression of a SET list.
type assignment struct {
	column     string
	expression []string
}

// sourceColumn returns the parts of an expression that is nothing but table.column.
func (a assignment) sourceColumn() (table, column string, ok bool) {
	if e := a.expression; len(e) == 3 && e[1] == "." {
		return e[0], e[2], true
	}
	return "", "", false
}

// parseUpdate reads an UPDATE from behind the word up to the clause after its SET list.
func parseUpdate(words []string) update {
	set := slices.Index(words, "set")
	if set < 1 {
		return update{}
	}
	u := update{table: words[0], alias: words[set-1]}
	var current []string
	end := func() {
		if len(current) > 2 && current[1] == "=" {
			u.sets = append(u.sets, assignment{column: current[0], expression: current[2:]})
		}
		current = nil
	}
	depth := 0
	for i, word := range words[set+1:] {
		switch word {
		case "(":
			depth++
		case ")":
			depth--
		}
		if depth < 0 { // the end of the CTE that it stands in
			break
		}
		if depth == 0 {
			if word == "from" && words[set+i] != "distinct" {
				u.hasFrom = true
				break
			}
			if word == "where" || word == "returning" {
				break
			}
			if word == "," {
				end()
				continue
			}
		}
		current = append(current, word)
	}
	end()
	return u
}
