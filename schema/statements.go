package schema

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

//go:embed migrations/*.sql postgres/*.tmpl cockroach/*.tmpl
var files embed.FS

// Statement is one versioned statement of a migration.
type Statement struct {
	// Version is the file's number times 1000 plus the statement's place in it, from 1.
	Version int64
	// File is the name of the file it stands in.
	File string
	// SQL is the text as the engine is sent it, without comments around it.
	SQL string
}

// Statements returns the versioned statements for an engine, in order.
func Statements(engine database.Engine) ([]Statement, error) {
	names, err := fs.Glob(files, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var all []Statement
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(path.Base(name), "_")
		file, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: the name starts with a number, such as 0003_: %w", name, err)
		}
		for i, statement := range split(string(text)) {
			if sql := forEngine(statement, engine); sql != "" { // else the other engine's alone
				all = append(all, Statement{Version: file*1000 + int64(i) + 1, File: path.Base(name), SQL: sql})
			}
		}
	}
	return all, nil
}

var (
	engineClause = regexp.MustCompile(`(?s)/\*(crdb|pg)\s(.*?)\*/`)
	lineComment  = regexp.MustCompile(`(?m)^\s*--.*\n`)
)

// forEngine opens the clauses for the engine, /*crdb … */ or /*pg … */, and drops the other engine's.
func forEngine(text string, engine database.Engine) string {
	own := "pg"
	if engine == database.CockroachDB {
		own = "crdb"
	}
	text = engineClause.ReplaceAllStringFunc(text, func(clause string) string {
		if parts := engineClause.FindStringSubmatch(clause); parts[1] == own {
			return parts[2]
		}
		return ""
	})
	return strings.TrimSpace(text)
}

// split returns the statements of a file: each ends with a semicolon at the end of a line.
func split(text string) []string {
	var statements []string
	for part := range strings.SplitSeq(lineComment.ReplaceAllString(text, "")+"\n", ";\n") {
		if part = strings.TrimSpace(part); part != "" {
			statements = append(statements, part)
		}
	}
	return statements
}

// superRegion is a set of regions that keeps every copy of its rows inside.
type superRegion struct {
	Name    string
	Regions []string
}

// regionStatements returns the unversioned statements that set the database's regions. existing are the super regions
// that a CockroachDB database has already.
func regionStatements(engine database.Engine, set *regions.Set, databaseName string, existing map[string][]string) ([]string, error) {
	data := struct {
		Database, Primary, Survive           string
		Regions, Others                      []string
		NewSuperRegions, ChangedSuperRegions []superRegion
	}{Database: pgx.Identifier{databaseName}.Sanitize(), Primary: set.Primary().Name, Regions: set.Names(), Survive: survivalGoal(set)}
	for _, name := range set.Names() {
		if name != data.Primary {
			data.Others = append(data.Others, name)
		}
	}
	for _, super := range strictSuperRegions(set) {
		switch have, ok := existing[super.Name]; {
		case !ok:
			data.NewSuperRegions = append(data.NewSuperRegions, super)
		case !sameNames(have, super.Regions):
			data.ChangedSuperRegions = append(data.ChangedSuperRegions, super)
		}
	}
	name := "postgres/regions.sql.tmpl"
	if engine == database.CockroachDB {
		name = "cockroach/regions.sql.tmpl"
	}
	parsed, err := template.ParseFS(files, name)
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	if err := parsed.Execute(&text, data); err != nil {
		return nil, err
	}
	return split(text.String()), nil
}

// strictSuperRegions returns the super regions that hold a region with strict residency.
func strictSuperRegions(set *regions.Set) []superRegion {
	var supers []superRegion
	place := make(map[string]int)
	for _, region := range set.All() {
		if region.Residency != "strict" {
			continue
		}
		if _, ok := place[region.SuperRegion]; !ok {
			place[region.SuperRegion] = len(supers)
			supers = append(supers, superRegion{Name: region.SuperRegion})
		}
	}
	for _, region := range set.All() {
		if i, ok := place[region.SuperRegion]; ok {
			supers[i].Regions = append(supers[i].Regions, region.Name)
		}
	}
	return supers
}

// survivalGoal returns REGION, so that the shop survives the loss of any one region. It returns ZONE with fewer than
// three regions or with a strict super region of fewer than three: CockroachDB refuses REGION there.
func survivalGoal(set *regions.Set) string {
	if len(set.Names()) < 3 {
		return "ZONE"
	}
	for _, super := range strictSuperRegions(set) {
		if len(super.Regions) < 3 {
			return "ZONE"
		}
	}
	return "REGION"
}

// sameNames reports whether two lists hold the same names in any order.
func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// Plan returns everything an empty database of this engine would be sent, in order.
func Plan(engine database.Engine, set *regions.Set, databaseName string) ([]string, error) {
	plan, err := regionStatements(engine, set, databaseName, nil)
	if err != nil {
		return nil, err
	}
	statements, err := Statements(engine)
	if err != nil {
		return nil, err
	}
	for _, statement := range statements {
		plan = append(plan, statement.SQL)
	}
	return plan, nil
}

func splitNames(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}
