package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Limits on the form of the code. Functions are measured in product code only, from "func" to the closing brace.
const (
	maxColumns       = 140
	maxFunctionLines = 70
	p90FunctionLines = 24
)

// longFunctions lists the functions that may be longer than maxFunctionLines: each is one table.
var longFunctions = []string{"internal/api.Server.routes", "internal/testkit/searchtest.shop"}

// longLines lists the files that may still have lines of more than maxColumns characters.
var longLines = []string{
	"internal/account/register_test.go",
	"internal/account/sign_in_test.go",
	"internal/api/carts_test.go",
	"internal/api/catalog_test.go",
	"internal/api/checkout_test.go",
	"internal/api/finance_test.go",
	"internal/api/health_test.go",
	"internal/api/openapi_test.go",
	"internal/api/prices_shop_test.go",
	"internal/api/prices_test.go",
	"internal/api/search_test.go",
	"internal/cart/cart_test.go",
	"internal/cart/quote_test.go",
	"internal/catalog/bench_test.go",
	"internal/catalog/product_test.go",
	"internal/database/conflict_test.go",
	"internal/database/database_test.go",
	"internal/database/outcome_test.go",
	"internal/database/rows_bench_test.go",
	"internal/database/rows_test.go",
	"internal/finance/parse_test.go",
	"internal/finance/report/revenue_test.go",
	"internal/finance/rule_test.go",
	"internal/fx/import_test.go",
	"internal/fx/parse_test.go",
	"internal/fx/set_manual_test.go",
	"internal/inventory/band_test.go",
	"internal/inventory/operator_test.go",
	"internal/inventory/reserve_test.go",
	"internal/lab/bench/bench_test.go",
	"internal/lab/bench/figures_test.go",
	"internal/lab/bench/search_run_test.go",
	"internal/lab/bench/search_test.go",
	"internal/lab/eval/judged_test.go",
	"internal/lab/eval/run_test.go",
	"internal/lab/shopper/shopper_test.go",
	"internal/order/place_test.go",
	"internal/order/price_test.go",
	"internal/order/state_test.go",
	"internal/order/worker_test.go",
	"internal/outbox/outbox_test.go",
	"internal/pricing/pricer_test.go",
	"internal/pricing/quote_test.go",
	"internal/promotion/apply_test.go",
	"internal/promotion/shop_test.go",
	"internal/rating/rating_test.go",
	"internal/recommend/write_test.go",
	"internal/search/bleve/bench_test.go",
	"internal/search/indexer/shop_test.go",
	"internal/search/meilisearch/request_test.go",
	"internal/search/store_test.go",
}

// unexportedTypes lists the exported functions that may still have an unexported type in their signature.
var unexportedTypes = []string{"internal/finance.Finance.SetRule: rule"}

// TestFunctionLength holds the size of functions: none is too long, and nine in ten fit on half a screen.
func TestFunctionLength(t *testing.T) {
	var lengths []int
	var long []string
	for name, file := range productFiles(t) {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := positions.Position(function.End()).Line - positions.Position(function.Pos()).Line + 1
			lengths = append(lengths, lines)
			if lines > maxFunctionLines {
				long = append(long, filepath.Dir(name)+"."+functionName(function))
			}
		}
	}
	slices.Sort(lengths)
	p50, p90 := lengths[len(lengths)/2], lengths[len(lengths)*9/10]
	t.Logf("%d functions: half have at most %d lines, nine in ten at most %d", len(lengths), p50, p90)
	if p90 > p90FunctionLines {
		t.Errorf("nine in ten functions have up to %d lines, want %d", p90, p90FunctionLines)
	}
	wantSame(t, "longer than 70 lines", long, longFunctions)
}

// TestLineLength holds the length of lines in every Go file, tests included. A tab counts as one character.
func TestLineLength(t *testing.T) {
	var long []string
	for _, name := range goFiles(t) {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(content) {
			if utf8.RuneCount(bytes.TrimRight(line, "\n")) > maxColumns {
				long = append(long, name)
				break
			}
		}
	}
	wantSame(t, "with a line of more than 140 characters", long, longLines)
}

// TestExportedSignatures holds that a caller can name every type that an exported function or method takes or returns.
func TestExportedSignatures(t *testing.T) {
	var found []string
	for name, file := range productFiles(t) {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || !function.Name.IsExported() || !exportedReceiver(function) {
				continue
			}
			for _, hidden := range unexportedIn(function) {
				found = append(found, fmt.Sprintf("%s.%s: %s", filepath.Dir(name), functionName(function), hidden))
			}
		}
	}
	wantSame(t, "with an unexported type in their signature", found, unexportedTypes)
}

// unexportedIn returns the unexported types that a function's signature names, other than its own type parameters
// and those of its receiver.
func unexportedIn(function *ast.FuncDecl) (hidden []string) {
	known := make(map[string]bool)
	note := func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok {
			known[ident.Name] = true
		}
		return true
	}
	if function.Recv != nil {
		ast.Inspect(function.Recv, note)
	}
	if function.Type.TypeParams != nil {
		for _, parameter := range function.Type.TypeParams.List {
			for _, name := range parameter.Names {
				known[name.Name] = true
			}
		}
	}
	var visit func(n ast.Node) bool
	visit = func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr, *ast.BasicLit:
			return false // a type of another package
		case *ast.ArrayType:
			ast.Inspect(n.Elt, visit)
			return false
		case *ast.Field:
			ast.Inspect(n.Type, visit)
			return false
		case *ast.Ident:
			if !n.IsExported() && !known[n.Name] && types.Universe.Lookup(n.Name) == nil {
				hidden = append(hidden, n.Name)
			}
		}
		return true
	}
	ast.Inspect(function.Type, visit)
	return hidden
}

// exportedReceiver reports whether the function has no receiver, or one of an exported type.
func exportedReceiver(function *ast.FuncDecl) bool {
	receiver := receiverName(function)
	return receiver == "" || token.IsExported(receiver)
}

// functionName returns the function's name, as Type.Method for a method.
func functionName(function *ast.FuncDecl) string {
	if receiver := receiverName(function); receiver != "" {
		return receiver + "." + function.Name.Name
	}
	return function.Name.Name
}

// receiverName returns the name of the receiver's type, or "" for a function.
func receiverName(function *ast.FuncDecl) (name string) {
	if function.Recv == nil {
		return ""
	}
	ast.Inspect(function.Recv.List[0].Type, func(n ast.Node) bool {
		if ident, ok := n.(*ast.Ident); ok && name == "" {
			name = ident.Name
		}
		return true
	})
	return name
}

const root = "../.."

var positions = token.NewFileSet()

// goFiles returns the paths of the module's Go files, relative to its root.
func goFiles(t *testing.T) (names []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != root && strings.HasPrefix(entry.Name(), "."):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			name, err := filepath.Rel(root, path)
			names = append(names, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// productFiles parses the module's Go files that are not tests.
func productFiles(t *testing.T) map[string]*ast.File {
	t.Helper()
	files := make(map[string]*ast.File)
	for _, name := range goFiles(t) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(positions, filepath.Join(root, name), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = file
	}
	return files
}

// wantSame compares what was found with the list of what is allowed, so that the list holds nothing in vain.
func wantSame(t *testing.T, what string, found, allowed []string) {
	t.Helper()
	slices.Sort(found)
	for _, one := range slices.Compact(found) {
		if !slices.Contains(allowed, one) {
			t.Errorf("%s %s", one, what)
		}
	}
	for _, one := range allowed {
		if !slices.Contains(found, one) {
			t.Errorf("%s is allowed but not found %s: take it off the list", one, what)
		}
	}
}
