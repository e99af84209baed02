package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/catalog"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// importing runs `meridian import` with files written first, on a database with the seller acme.
type importing struct {
	t      *testing.T
	url    string
	folder string
}

func newImporting(t *testing.T) importing {
	t.Helper()
	url := databasetest.URL(t)
	shipped := testkit.Must(regions.Shipped())(t)
	shelves := testkit.Must(catalog.New(catalog.Config{DB: databasetest.Open(t, url, "us-east"), Regions: shipped}))(t)
	testkit.Must(shelves.CreateSeller(t.Context(), catalog.SellerInput{Slug: "acme", Name: "Acme"}))(t)
	return importing{t, url, t.TempDir()}
}

func (i importing) file(name, text string) string {
	i.t.Helper()
	path := filepath.Join(i.folder, name)
	testkit.NoError(i.t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// run is the command's exit code and what it wrote.
func (i importing) run(kind string, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(i.t.Context(), append([]string{"import", kind, "--database-url", i.url}, args...), &out, &errs)
	return code, out.String(), errs.String()
}

func TestImport(t *testing.T) {
	i := newImporting(t)
	categories := i.file("categories.csv", "code,parent,name,level\nhg-1,hg,Kitchen,2\nhg,,Home,1\n")
	if code, out, errs := i.run("categories", categories); code != 0 || out != "2 categories: 2 added or changed\n" {
		t.Fatalf("categories: %d %s%s", code, out, errs)
	}
	good := "key,title,category,sku,price_minor:GBP\nm1,Mug,hg-1,M1,295\nm2,Cup,hg-1,M2,300\n"
	bad := i.file("bad.csv", good+"m3,,hg-1,M3,x\n")
	if code, out, errs := i.run("products", bad, "--seller", "acme", "--policy", "all_or_nothing"); code != exitFailed ||
		!strings.Contains(out, "0 products written") || !strings.Contains(errs, "line 4: price_minor:GBP must be a whole number") {
		t.Errorf("all or nothing: %d %s%s", code, out, errs)
	}
	list := filepath.Join(i.folder, "errors.csv")
	if code, out, errs := i.run("products", bad, "--seller", "acme", "--errors", list); code != exitPartly ||
		out != "4 lines: 2 products written, 0 unchanged, 1 bad lines\n" ||
		errs != "meridian: 1 bad lines were left out, the others are imported\n" {
		t.Errorf("keep good: %d %s%s", code, out, errs)
	}
	text, err := os.ReadFile(list)
	if err != nil || !strings.HasPrefix(string(text), "line,field,reason\n4,price_minor:GBP,") {
		t.Errorf("errors: %s %v", text, err)
	}
	if code, out, _ := i.run("products", i.file("good.csv", good), "--seller", "acme"); code != 0 ||
		out != "3 lines: 0 products written, 2 unchanged, 0 bad lines\n" {
		t.Errorf("again: %d %s", code, out)
	}
}

func TestImport_Usage(t *testing.T) {
	i := newImporting(t)
	file := i.file("products.csv", "key,title,category,sku\n")
	for name, args := range map[string][]string{
		"no file":           {"products", filepath.Join(i.folder, "none.csv"), "--seller", "acme"},
		"no seller":         {"products", file},
		"an unknown seller": {"products", file, "--seller", "nobody"},
		"an unknown format": {"products", i.file("products.txt", ""), "--seller", "acme"},
		"a bad policy":      {"products", file, "--seller", "acme", "--policy", "some"},
		"a bad header":      {"products", i.file("header.csv", "sku\n"), "--seller", "acme"},
		"bad categories":    {"categories", file},
		"a folder":          {"products", i.folder, "--seller", "acme", "--format", "csv"},
		"a bad region":      {"products", file, "--seller", "acme", "--region", "moon"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, errs := i.run(args[0], args[1:]...)
			if code == 0 || errs == "" {
				t.Errorf("code %d: %s", code, errs)
			}
			if code != exitUsage && name != "no seller" { // cobra's own message for a missing flag
				t.Errorf("code %d, want %d: %s", code, exitUsage, errs)
			}
		})
	}
}
