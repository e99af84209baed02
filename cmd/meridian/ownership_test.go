package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// owners maps each package to the tables it owns: it alone writes them, and its text alone names them. Another package
// writes through the owner's Queue functions and reads through the SQL fragments that the owner exports.
var owners = map[string][]string{
	"internal/account":         {"accounts", "addresses", "email_directory", "refresh_tokens", "sign_in_guesses", "signing_keys"},
	"internal/cart":            {"carts", "cart_lines"},
	"internal/catalog":         {"categories", "category_products", "import_errors", "imports", "products", "sellers"},
	"internal/catalog/skus":    {"skus"},
	"internal/database":        {"take_overs"},
	"internal/finance":         {"price_change_lines"},
	"internal/fx":              {"fx_rates"},
	"internal/idempotency":     {"idempotency_keys"},
	"internal/inventory":       {"reservations", "stock", "stock_movements", "warehouses"},
	"internal/order":           {"order_history", "order_lines", "orders", "shipments"},
	"internal/outbox":          {"outbox"},
	"internal/payment":         {"payment_checks", "payments", "reconciliations", "refunds", "webhook_inbox"},
	"internal/pricing":         {"markets", "price_entries", "price_lists", "rounding_rules", "tax_rates"},
	"internal/pricing/changes": {"price_changes", "pricing_state"},
	"internal/promotion":       {"order_promotions", "promotion_customer_uses", "promotion_uses", "promotions"},
	"internal/rating":          {"product_ratings", "ratings"},
	"internal/recommend":       {"product_pairs", "product_popularity"},
	"internal/search":          {"search_rules", "search_terms"},
	"internal/search/indexer":  {"search_jobs", "search_replicas", "search_set_aside"},
}

// auditors may read every table, and write none: they hold the shop against its own books, and so state its rules anew.
var auditors = []string{"internal/verify", "internal/lab/"}

// A fragment is a piece of SQL that a table's owner exports for the statements of others: an identifier that ends in SQL.
type fragment struct{ user, name string }

// related reports whether two packages are a domain and its part, such as internal/catalog and internal/catalog/skus: they
// know each other's tables.
func related(a, b string) bool {
	return strings.HasPrefix(a, b+"/") || strings.HasPrefix(b, a+"/") || a == b
}

// tableUse matches a statement's mention of a table. What is written stands after INSERT INTO, UPDATE and DELETE FROM.
var tableUse = regexp.MustCompile(`\b(INSERT INTO|DELETE FROM|UPDATE|FROM|JOIN)\s+([a-z_]+)\b`)

// A use is a table in the SQL text of a package.
type use struct {
	pkg, table string
	writes     bool
	at         token.Position
}

func TestOwnership(t *testing.T) {
	owner := make(map[string]string)
	for pkg, tables := range owners {
		for _, table := range tables {
			owner[table] = pkg
		}
	}
	for _, table := range migratedTables(t) {
		if owner[table] == "" {
			t.Errorf("table %s has no owner: add it to owners", table)
		}
	}
	uses, fragments := readSources(t, owner)
	for _, u := range uses {
		audits := slices.ContainsFunc(auditors, func(name string) bool { return strings.HasPrefix(u.pkg, name) })
		switch {
		case related(owner[u.table], u.pkg):
		case u.writes:
			t.Errorf("%s: %s writes %s, which %s owns: use its Queue functions", u.at, u.pkg, u.table, owner[u.table])
		case !audits:
			t.Errorf("%s: %s reads %s, which %s owns: use a fragment that it exports", u.at, u.pkg, u.table, owner[u.table])
		}
	}
	users := make(map[fragment]int)
	for _, f := range fragments {
		users[f]++
	}
	for f, n := range users {
		t.Logf("%s uses %s %d times", f.user, f.name, n)
	}
	t.Logf("%d fragments read by other packages, in %d places", len(users), len(fragments))
	if len(users) > maxReads {
		t.Errorf("%d reads of other packages' tables, more than %d: prefer a function of the owner", len(users), maxReads)
	}
}

// isFragment reports whether an identifier of a table's owner names a fragment, rather than an engine.
func isFragment(name string) bool { return strings.HasSuffix(name, "SQL") && name != "PostgreSQL" }

// maxReads bounds how far the tables' packages may be woven into each other: pairs of a fragment and a package that reads
// through it.
const maxReads = 30

func migratedTables(t *testing.T) []string {
	files, err := filepath.Glob("../../schema/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	var tables []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^CREATE TABLE (?:IF NOT EXISTS )?(\w+)`).FindAllSubmatch(text, -1) {
			tables = append(tables, string(match[1]))
		}
		for _, match := range regexp.MustCompile(`(?m)^DROP TABLE (?:IF EXISTS )?(\w+)`).FindAllSubmatch(text, -1) {
			tables = slices.DeleteFunc(tables, func(table string) bool { return table == string(match[1]) })
		}
	}
	return tables
}

// readSources finds the tables in the string literals of the product's Go files, and the fragments they take from others.
func readSources(t *testing.T, owner map[string]string) (uses []use, fragments []fragment) {
	files := token.NewFileSet()
	err := filepath.WalkDir("../..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		pkg := path.Dir(filepath.ToSlash(strings.TrimPrefix(name, "../../")))
		if strings.HasPrefix(pkg, "internal/testkit") || pkg == "schema" {
			return nil
		}
		file, err := parser.ParseFile(files, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if from := importedAs(n.X, file); from != "" && owners[from] != nil && !related(from, pkg) && isFragment(n.Sel.Name) {
					fragments = append(fragments, fragment{pkg, from + "." + n.Sel.Name})
				}
			case *ast.BasicLit:
				if n.Kind == token.STRING {
					uses = append(uses, usesIn(n, pkg, files.Position(n.Pos()), owner)...)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses, fragments
}

// importedAs returns the package of this module that an expression names in a file, or "".
func importedAs(x ast.Expr, file *ast.File) string {
	name, ok := x.(*ast.Ident)
	if !ok {
		return ""
	}
	for _, spec := range file.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		if ours, ok := strings.CutPrefix(imported, "meridian/"); ok && path.Base(ours) == name.Name {
			return ours
		}
	}
	return ""
}

func usesIn(literal *ast.BasicLit, pkg string, at token.Position, owner map[string]string) []use {
	text, err := strconv.Unquote(literal.Value)
	if err != nil {
		return nil
	}
	var uses []use
	for _, match := range tableUse.FindAllStringSubmatch(text, -1) {
		if owner[match[2]] != "" {
			uses = append(uses, use{pkg: pkg, table: match[2], writes: match[1] != "FROM" && match[1] != "JOIN", at: at})
		}
	}
	return uses
}
