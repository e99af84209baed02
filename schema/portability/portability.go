// Package portability finds SQL that PostgreSQL accepts and CockroachDB rejects or understands differently. Tests check
// the migrations and every statement the shop sends. It matches text only: it finds known problems and proves nothing.
package portability

import (
	"fmt"
	"regexp"
	"strings"
)

// A Rule is something that must not appear in a statement.
type Rule struct {
	Pattern *regexp.Regexp
	// Reason says what goes wrong and what to write instead.
	Reason string
}

// Rules are matched against a statement without its comments and the contents of its strings.
var Rules = []Rule{
	rule(`::\s*int4?\b|\b(int|integer|int4|smallint|int2)\b(\s*\[\])?\s+(not null|null|default|,)`,
		"int is 4 bytes on PostgreSQL and 8 on CockroachDB: write int8"),
	rule(`\b(small|big)?serial\b`, "serial differs, and makes a hot range: use a uuid"),
	rule(`\bnextval\s*\(|\bcreate sequence\b|\bgenerated\b[^,]*\bas identity\b`, "every sequence value is a replicated write: use a uuid"),
	rule(`\btimestamp\b(\s+without time zone)?`, "use timestamptz"),
	rule(`\b(var)?char(acter)?\s*\(`, "use text and a CHECK"),
	rule(`(^|[^/])/([^/]|$)`, "/ of integers is integer on PostgreSQL and decimal on CockroachDB: use div(a, b)::int8"),
	rule(`//`, "// is an operator of CockroachDB only"),
	rule(`\bselect\s+(distinct\s+)?\*|,\s*\*|\breturning\s+\*|\w\.\*`, "name the columns: a cached * fails once after ADD COLUMN"),
	rule(`\bon conflict\s+on constraint\b|\bon conflict\s*\([^)]*\(`, "ON CONFLICT takes plain columns"),
	rule(`\bmerge\s+into\b|\bupsert\b`, "use INSERT … ON CONFLICT"),
	rule(`\b(listen|notify|unlisten)\b`, "CockroachDB has no LISTEN and NOTIFY: poll with SKIP LOCKED"),
	rule(`\bpg_(try_)?advisory`, "CockroachDB has no session locks: use a lease row"),
	rule(`\bcreate\s+(global\s+|local\s+)?temp(orary)?\b`, "no temporary tables: use a CTE or unnest"),
	rule(`\bdeferrable\b|\bexclude\s+using\b|\binherits\b|\bpartition\s+by\s+(range|list|hash)\b`, "CockroachDB does not parse this"),
	rule(`\bfor\s+(no key update|key share|share)\b`, "under SERIALIZABLE CockroachDB does not lock for this: FOR UPDATE"),
	rule(`\bcollate\b`, "CockroachDB does not parse COLLATE \"C\": the database is created with C.UTF-8"),
	rule(`\bdesc\s+nulls\s+first\b.*\bindex\b|\bindex\b.*\bnulls\s+(first|last)\b`, "indexes take no NULLS FIRST or LAST"),
	rule(`@\?|@@`, "use ->, ->>, @> or jsonb_path_query()"),
	rule(`\bjsonb_path_ops\b|\busing\s+(brin|gist|hash\s*\()|\bconcurrently\b`, "only btree and plain GIN indexes"),
	rule(`\bmake_interval\s*\(`, "write $1::int8 * INTERVAL '1 second'"),
	rule(`\b(xmax|xmin|ctid|oid)\b`, "PostgreSQL's system columns mean nothing on CockroachDB"),
	rule(`\b(tablesample|grouping sets|rollup|cube\s*\(|with ties|create domain|vacuum)\b`, "CockroachDB does not parse this"),
	rule(`\bgen_random_bytes\b|\buuid_generate|\buuidv7\b|\bdigest\s*\(|\bcrypt\s*\(`, "make it in Go"),
	rule(`\bon update\b`, "ON UPDATE of a column or key differs: change it in Go"),
	rule(`\b(crdb_internal\.|pg_stat_|pg_sleep|information_schema\.crdb)`,
		"an engine's own functions do not belong into the shop's statements"),
	rule(`\(\s*select\s+jsonb?_(object_)?agg\s*\(`,
		"CockroachDB runs a subquery that makes JSON of rows once a row: join, or read the rows by a statement of their own"),
	rule(`\b(then|else)\s+(not\s+)?exists\s*\(`, "CockroachDB runs an EXISTS in a CASE once a row: combine conditions by AND and OR"),
	rule(`\bas of system time\b`, "PostgreSQL does not parse this: use database.Engine.FollowerRead"),
}

func rule(pattern, reason string) Rule {
	return Rule{Pattern: regexp.MustCompile(`(?is)` + pattern), Reason: reason}
}

// Check returns everything in a statement that is not portable.
func Check(sql string) []string {
	bare := bare(sql)
	var faults []string
	for _, r := range Rules {
		if at := r.Pattern.FindString(bare); at != "" {
			faults = append(faults, fmt.Sprintf("%q: %s", strings.TrimSpace(at), r.Reason))
		}
	}
	return append(faults, checkOrder(bare)...)
}

var (
	literal   = regexp.MustCompile(`(?s)'(?:[^']|'')*'`)
	comment   = regexp.MustCompile(`(?s)/\*.*?\*/`)
	lineNote  = regexp.MustCompile(`--[^\n]*`)
	mutation  = regexp.MustCompile(`(?is)\b(?:insert\s+into|update|delete\s+from)\s+([a-z_]+)`)
	forUpdate = regexp.MustCompile(`(?is)\bfor\s+update\b|\bdo\s+update\b|\bon\s+(delete|update)\b`)
	limitOn   = regexp.MustCompile(`(?is)^\s*(update|delete)\b[^()]*\b(order\s+by|limit)\b`)
)

// bare returns a statement without its comments and the contents of its strings.
func bare(sql string) string {
	sql = lineNote.ReplaceAllString(sql, "")
	sql = literal.ReplaceAllString(sql, "''")
	return comment.ReplaceAllString(sql, "")
}

// checkOrder finds what no single pattern can.
func checkOrder(bare string) []string {
	var faults []string
	if limitOn.MatchString(bare) {
		faults = append(faults, "UPDATE and DELETE take no ORDER BY or LIMIT on PostgreSQL: choose the rows in a CTE")
	}
	changed := map[string]bool{}
	for _, match := range mutation.FindAllStringSubmatch(forUpdate.ReplaceAllString(bare, ""), -1) {
		if table := strings.ToLower(match[1]); changed[table] {
			faults = append(faults, table+" is changed twice: CockroachDB refuses several mutations of one table in one statement")
		} else {
			changed[table] = true
		}
	}
	return faults
}
