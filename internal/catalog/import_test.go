package catalog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/catalog/shipped"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// input is an import of a text.
func (s *shop) input(format Format, policy Policy, text string) ImportInput {
	return ImportInput{Seller: s.seller, Source: strings.NewReader(text), Size: int64(len(text)), Format: format, Policy: policy}
}

func (s *shop) load(t testing.TB, in ImportInput) ImportReport {
	t.Helper()
	report := testkit.Must(s.Import(t.Context(), in))(t)
	return report
}

// wantCounts compares what an import did.
func wantCounts(t testing.TB, got ImportReport, status ImportStatus, written, unchanged, bad int64) {
	t.Helper()
	type counts struct {
		Status                  ImportStatus
		Written, Unchanged, Bad int64
	}
	want := counts{status, written, unchanged, bad}
	if diff := cmp.Diff(want, counts{got.Status, got.ProductsWritten, got.ProductsUnchanged, got.LinesBad}); diff != "" {
		t.Errorf("%s\n%+v", diff, got.Errors)
	}
}

const csvFile = "\ufeffkey,title,category,brand,sku,weight_grams,price_minor:GBP,price_minor:JPY,option:colour," +
	"attribute:material,images\r\n" +
	`m1,"Mug, large",hg-11-6,Acme,M1-RED,310,295,500,red,china,https://example.com/a.jpg; /b.jpg` + "\r\n" +
	"m1,,,,M1-BLUE,,350,,blue,,\r\n" +
	"\r\n" +
	"m2,\"A 5\"\" bowl\nof glass\",hg-11,,M2,,1000,,,,\r\n"

func TestImportCSV(t *testing.T) {
	s := newShop(t)
	if bad := s.load(t, s.input(FormatCSV, AllOrNothing, csvFile)); len(bad.Errors) != 1 || bad.Errors[0].Field != "title" {
		t.Errorf("a title of two lines, within quotes: %+v", bad.Errors)
	}
	report := s.load(t, s.input(FormatCSV, KeepGood, strings.Replace(csvFile, "\nof", " of", 1)))
	wantCounts(t, report, ImportDone, 2, 0, 0)
	want := map[string]Product{
		"m1": {Key: "m1", Title: "Mug, large", Brand: "Acme", CategoryID: "hg-11-6", TaxCategory: TaxStandard, Status: Active,
			Version: 1, Attributes: map[string]any{"material": "china"},
			Images: []Image{{URL: "https://example.com/a.jpg"}, {URL: "/b.jpg"}},
			SKUs: []SKU{
				{Code: "M1-RED", WeightGrams: 310, Status: Active, Options: map[string]string{"colour": "red"},
					BaseCurrency: "GBP", Entries: entries(map[money.Currency]int64{"GBP": 295, "JPY": 500})},
				{Code: "M1-BLUE", Status: Active, Options: map[string]string{"colour": "blue"},
					BaseCurrency: "GBP", Entries: entries(map[money.Currency]int64{"GBP": 350})},
			}},
		"m2": {Key: "m2", Title: `A 5" bowl of glass`, CategoryID: "hg-11", TaxCategory: TaxStandard, Status: Active, Version: 1,
			SKUs: []SKU{{Code: "M2", Status: Active, BaseCurrency: "GBP", Entries: entries(map[money.Currency]int64{"GBP": 1000})}}},
	}
	if diff := cmp.Diff(want, s.contents(t, s.seller), sameContents); diff != "" {
		t.Error(diff)
	}
	s.check(t)
}

// ndjson is the file of some products.
func ndjson(products ...string) string { return strings.Join(products, "\n") }

func line(key, sku string) string {
	return fmt.Sprintf(`{"key":%q,"title":"Mug","category":"hg-11-6","skus":[{"sku":%q,"prices":{"GBP":295}}]}`, key, sku)
}

func TestImport_BadLines(t *testing.T) {
	s := newShop(t)
	s.create(t, mug("there", "TAKEN"))
	header := "key,title,category,sku,price_minor:GBP,weight_grams\n"
	tests := []struct {
		name    string
		format  Format
		text    string
		written int64
		want    []BadLine
	}{
		{"NDJSON", FormatNDJSON, ndjson(
			line("n1", "N1"),
			`{"key":"n2","titel":"Mug"}`,
			`{"key":"n3","title":"Mug","category":"nowhere","skus":[{"sku":"N3","prices":{"GBP":1}}]}`,
			`{"key":"n4","title":7}`,
			`not JSON`,
			"{\"key\":\"\xff\"}",
			line("n1", "N7"),
			line("n8", "N1"),
			line("n9", "TAKEN"),
			`{"key":"n10","title":"Mug","category":"fb","skus":[{"sku":"N 10","prices":{"GBP":-1}}]}`,
			"",
			line("n12", "N12"),
		), 2, []BadLine{
			{2, "titel", "is not known here: leave it out, or correct its name"},
			{3, "category", "is not known: use the id of a category of the shop"},
			{4, "title", "is not of the right type"},
			{5, "line", "is not one JSON object; it goes wrong at byte 1"},
			{6, "line", "must be UTF-8"},
			{7, "key", "is also on line 1: give each product once, CSV rows of one product together"},
			{8, "skus[0].sku", "is also on line 1: give each SKU once"},
			{9, "sku", "SKU TAKEN belongs to another product: choose another code"},
			{10, "skus[0].prices.GBP", "must be 0 to 1000000000000 minor units"},
			{10, "skus[0].sku", "must be 1 to 64 letters, digits, dots, underscores and hyphens"},
		}},
		{"a long line", FormatNDJSON, ndjson(
			line("l1", "L1"),
			`{"key":"`+strings.Repeat("x", maxLine)+`"}`,
			line("l3", "L3"),
		), 2, []BadLine{{2, "line", "must be at most 1 MiB long"}}},
		{"CSV", FormatCSV, header +
			"c1,Mug,fb,C1,2.955,\n" +
			"c2,Mug,fb,C2,-1,heavy\n" +
			"c3,Mug,fb,C3\n" +
			"c4,A 5\" pipe,fb,C4,1,\n" +
			"c5,\"never closed,fb,C5,1,\n" +
			"c6,Mug,fb,C6,1,\n" +
			"c6,Cup,fb,C6B,1,\n" +
			"c7,Mug,fb,C7,1,\n" +
			"c7,,,TAKEN,1,\n" +
			"c8,Mug,fb,C8,1,\n", 1, []BadLine{
			{2, "price_minor:GBP", "must be a whole number of minor units, such as 295 for 2.95"},
			{3, "price_minor:GBP", "must be a whole number of minor units, such as 295 for 2.95"},
			{3, "weight_grams", "must be a whole number of grams"},
			{4, "line", "has 4 fields, and the header has 6"},
			{5, "line", `has a quotation mark inside an unquoted field: write "5"" pipe"`},
			{6, "line", "has a quotation mark that is not closed"},
			{8, "title", "must be empty or what line 7 has, which is the same product"},
			{10, "sku", "SKU TAKEN belongs to another product: choose another code"},
		}},
		{"an unreadable row of a product", FormatCSV, header +
			"d1,Mug,fb,D1,1,\n" +
			"\"d\"1,,,D2,1,\n" +
			"d1,,,D3,1,\n" +
			"d4,Mug,fb,D4,1,\n", 1, []BadLine{
			{3, "line", `has text after a closing quotation mark: write "" for a mark inside quotes`},
		}},
	}
	for _, test := range tests {
		for _, policy := range []Policy{AllOrNothing, KeepGood} { // the former first: it must do nothing
			t.Run(test.name+" "+string(policy), func(t *testing.T) {
				before := len(s.contents(t, s.seller))
				report := s.load(t, s.input(test.format, policy, test.text))
				if diff := cmp.Diff(test.want, report.Errors); diff != "" {
					t.Error(diff)
				}
				status, written := ImportDone, test.written
				if policy == AllOrNothing {
					status, written = ImportFailed, 0
				}
				bad := make(map[int64]bool)
				for _, e := range test.want {
					bad[e.Line] = true
				}
				wantCounts(t, report, status, written, 0, int64(len(bad)))
				if got := len(s.contents(t, s.seller)) - before; int64(got) != written {
					t.Errorf("%d products came, want %d", got, written)
				}
			})
		}
	}
	s.check(t)
}

func TestImport_Refused(t *testing.T) {
	s := newShop(t)
	var tooMany *TooManyLinesError
	tests := []struct {
		name string
		in   ImportInput
		want func(error) bool
	}{
		{"format", s.input("xml", KeepGood, ""), wrongFields("format")},
		{"policy", s.input(FormatCSV, "some", ""), wrongFields("policy")},
		{"no header", s.input(FormatCSV, KeepGood, ""), wrongFields("header")},
		{"unknown columns", s.input(FormatCSV, KeepGood, "key,title,category,sku,price,price_minor:XYZ\n"), wrongFields("header", "header")},
		{"missing columns", s.input(FormatCSV, KeepGood, "key;title;category;sku\n"),
			wrongFields("header", "header", "header", "header", "header")},
		{"a seller that is not there", forImport(s.input(FormatNDJSON, KeepGood, ""), func(in *ImportInput) { in.Seller = uuid.New() }),
			is(ErrNotFound)},
		{"a long file at once", s.input(FormatNDJSON, AllOrNothing, strings.Repeat("x\n", MaxAllOrNothingLines+1)),
			func(err error) bool { return errors.As(err, &tooMany) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := s.Import(t.Context(), test.in); !test.want(err) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func forImport(in ImportInput, change func(*ImportInput)) ImportInput {
	change(&in)
	return in
}

// giftFile is a part of the shipped catalogue of several chunks, whose categories the shop then has.
func giftFile(t testing.TB, s *shop) string {
	t.Helper()
	categories := testkit.Must(shipped.Categories())(t)
	var inputs []CategoryInput
	for _, c := range categories {
		inputs = append(inputs, CategoryInput{ID: c.ID, ParentID: c.ParentID, Name: c.Name})
	}
	testkit.Must(s.UpsertCategories(t.Context(), inputs))(t)
	gifts := testkit.Must(shipped.Gifts())(t)
	var text bytes.Buffer
	testkit.NoError(t, shipped.NDJSON(&text, gifts[:5*chunkProducts]))
	return text.String()
}

// A second import of the same file writes nothing; a changed line writes one product.
func TestImport_Twice(t *testing.T) {
	for _, policy := range []Policy{KeepGood, AllOrNothing} {
		t.Run(string(policy), func(t *testing.T) {
			s := newShop(t)
			text := giftFile(t, s)
			lines := int64(strings.Count(text, "\n"))
			wantCounts(t, s.load(t, s.input(FormatNDJSON, policy, text)), ImportDone, lines, 0, 0)
			first := s.contents(t, s.seller)
			wantCounts(t, s.load(t, s.input(FormatNDJSON, policy, text)), ImportDone, 0, lines, 0)
			if diff := cmp.Diff(first, s.contents(t, s.seller)); diff != "" {
				t.Errorf("the second import changed something: %s", diff)
			}
			changed := strings.Replace(text, `"GBP":`, `"GBP":1`, 1)
			wantCounts(t, s.load(t, s.input(FormatNDJSON, policy, changed)), ImportDone, 1, lines-1, 0)
			s.check(t)
		})
	}
}

// An import that is cut off and repeated ends as one that was not.
func TestImport_ResumesAfterACrash(t *testing.T) {
	whole, cut := newShop(t), newShop(t)
	text := giftFile(t, whole)
	giftFile(t, cut)
	text = strings.Replace(text, "\n", "\nbad line\n", 3)
	want := whole.load(t, whole.input(FormatNDJSON, KeepGood, text))

	ctx, crash := context.WithCancel(t.Context())
	in := cut.input(FormatNDJSON, KeepGood, text)
	chunks := 0
	in.Progress = func(lines, bytes, total int64) {
		if chunks++; chunks == 3 {
			crash()
		}
		if bytes <= 0 || bytes > total {
			t.Errorf("%d lines are %d of %d bytes", lines, bytes, total)
		}
	}
	if _, err := cut.Import(ctx, in); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v, want the crash", err)
	}
	if n := len(cut.contents(t, cut.seller)); n == 0 || int64(n) >= want.ProductsWritten {
		t.Fatalf("%d products at the crash: it was not in the middle", n)
	}
	status := func() ImportStatus {
		filter := ImportFilter{Seller: cut.seller, PageFilter: database.PageFilter[ImportPosition]{Limit: 1}}
		list := testkit.Must(cut.ListImports(t.Context(), filter))(t)
		one := testkit.Must(cut.GetImport(t.Context(), cut.seller, list.Items[0].Ref))(t)
		if one.Status != list.Items[0].Status {
			t.Errorf("listed as %s, read as %s", list.Items[0].Status, one.Status)
		}
		return one.Status
	}
	if got := status(); got != ImportRunning {
		t.Errorf("a moment after the crash it is %s", got)
	}
	databasetest.Exec(t, cut.db, `UPDATE imports SET alive_until = now() - INTERVAL '1 second' WHERE status = 'running'`)
	if got := status(); got != ImportInterrupted {
		t.Errorf("when nobody has worked on it for a while it is %s", got)
	}
	got := cut.load(t, cut.input(FormatNDJSON, KeepGood, text))
	if !got.Resumed {
		t.Error("it was not resumed")
	}
	wantCounts(t, got, want.Status, want.ProductsWritten, 0, want.LinesBad)
	if diff := cmp.Diff(want.Errors, got.Errors); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(whole.contents(t, whole.seller), cut.contents(t, cut.seller), sameContents); diff != "" {
		t.Error(diff)
	}
	cut.check(t)
}

// A file that is read for long, and then applied in one transaction, says all the while that it is worked on.
func TestImport_AllOrNothingIsAlive(t *testing.T) {
	s := newShop(t)
	text := giftFile(t, s)
	in := s.input(FormatNDJSON, AllOrNothing, text)
	var least time.Duration
	in.Progress = func(int64, int64, int64) {
		left := databasetest.One[int64](t, s.db, `
SELECT extract(epoch FROM min(alive_until) - now())::int8 FROM imports WHERE status = 'running'`)
		if alive := time.Duration(left) * time.Second; least == 0 || alive < least {
			least = alive
		}
	}
	wantCounts(t, s.load(t, in), ImportDone, int64(len(s.contents(t, s.seller))), 0, 0)
	if least < aliveReading-5*time.Second {
		t.Errorf("at some time it was alive for %s only", least)
	}
}

// Whatever is imported in whatever order, the last version of each product is what is there.
func TestImport_Property(t *testing.T) {
	s := newShop(t)
	round := 0
	rapid.Check(t, func(rt *rapid.T) {
		round++
		key := func(i int) string { return fmt.Sprintf("p%d-%d", round, i) }
		var file []string
		prices := make(map[string]int)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 9), 1, 6, rapid.ID).Draw(rt, "products") {
			price := rapid.IntRange(0, 1000).Draw(rt, "price")
			number := rapid.Float64Range(-1e18, 1e18).Draw(rt, "number")
			text := rapid.StringMatching(`[a-zé"\\ ]{0,8}`).Draw(rt, "text")
			attributes := testkit.Must(encodeJSON(map[string]any{"n": number, "t": text}))(rt)
			file = append(file, fmt.Sprintf(`{"key":%q,"title":"T","category":"fb","attributes":%s,"skus":[{"sku":%q,"prices":{"GBP":%d}}]}`,
				key(i), attributes, key(i), price))
			prices[key(i)] = price
		}
		policy := rapid.SampledFrom([]Policy{KeepGood, AllOrNothing}).Draw(rt, "policy")
		for run := range 2 {
			report := s.load(t, s.input(FormatNDJSON, policy, ndjson(file...)))
			if n := int64(len(file)); report.LinesBad > 0 || (run == 0 && report.ProductsWritten != n) ||
				(run == 1 && report.ProductsUnchanged != n) {
				rt.Fatalf("run %d: %+v", run, report)
			}
		}
		for k, price := range prices {
			if got := databasetest.One[int64](t, s.db, `
SELECT amount_minor
FROM price_entries
WHERE sku = $1 AND list = 'catalogue-GBP' AND valid_to IS NULL`, k); got != int64(price) {
				rt.Fatalf("%s costs %d, want %d", k, got, price)
			}
		}
	})
	s.check(t)
}

func TestImport_OfOneFileByTwo(t *testing.T) {
	s := newShop(t)
	text := giftFile(t, s)
	results := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := s.Import(t.Context(), s.input(FormatNDJSON, KeepGood, text))
			results <- err
		}()
	}
	won := 0
	for range 2 {
		switch err := <-results; {
		case err == nil:
			won++
		case !errors.Is(err, ErrImportOvertaken):
			t.Error(err)
		}
	}
	if won == 0 {
		t.Error("neither came to an end")
	}
	if n := len(s.contents(t, s.seller)); n != strings.Count(text, "\n") {
		t.Errorf("%d products, want %d", n, strings.Count(text, "\n"))
	}
	s.check(t)
}

func TestListImports(t *testing.T) {
	s := newShop(t)
	for i := range 3 {
		s.load(t, s.input(FormatNDJSON, KeepGood, fmt.Sprintf("bad %d\nbad\n%s", i, line(fmt.Sprint("k", i), fmt.Sprint("S", i)))))
	}
	two := database.PageFilter[ImportPosition]{Limit: 2}
	page, err := s.ListImports(t.Context(), ImportFilter{Seller: s.seller, PageFilter: two})
	if err != nil || len(page.Items) != 2 || page.Next == nil {
		t.Fatalf("%d imports, next %v, %v", len(page.Items), page.Next, err)
	}
	last := page.Items[1]
	two.After = page.Next
	rest, err := s.ListImports(t.Context(), ImportFilter{Seller: s.seller, PageFilter: two})
	if err != nil || len(rest.Items) != 1 || rest.Next != nil {
		t.Fatalf("%d imports, next %v, %v", len(rest.Items), rest.Next, err)
	}
	one := database.PageFilter[LinePosition]{Limit: 1}
	first, err := s.ListImportErrors(t.Context(), ImportErrorFilter{Seller: s.seller, Import: last.Ref, PageFilter: one})
	if err != nil || len(first.Items) != 1 || first.Next == nil {
		t.Fatalf("%d errors, next %v, %v", len(first.Items), first.Next, err)
	}
	one.After = first.Next
	second, err := s.ListImportErrors(t.Context(), ImportErrorFilter{Seller: s.seller, Import: last.Ref, PageFilter: one})
	if err != nil || len(second.Items) != 1 || second.Next != nil || second.Items[0].Line != 2 {
		t.Fatalf("%v, %v", second, err)
	}
	other := s.newSeller(t, "other")
	if _, err := s.GetImport(t.Context(), other, last.Ref); !errors.Is(err, ErrNotFound) {
		t.Errorf("another seller: %v", err)
	}
	if list, err := s.ListImportErrors(t.Context(), ImportErrorFilter{Seller: other, Import: last.Ref, PageFilter: one}); !errors.Is(err,
		ErrNotFound) || len(list.Items) > 0 {
		t.Errorf("another seller: %v, %v", list, err)
	}
}
