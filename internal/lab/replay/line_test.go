package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

const header = "invoice,line,kind,ts_local,customer_id,country,country_iso2,sku,line_kind,qty,unit_price_gbp\n"

// readLines reads every line of a file, those that are rejected as their reason.
func readLines(t *testing.T, text string) []any {
	t.Helper()
	r := testkit.Must(newLineReader(strings.NewReader(text)))(t)
	var all []any
	for {
		l, err := r.next()
		var why rejection
		switch {
		case errors.Is(err, io.EOF):
			return all
		case errors.As(err, &why):
			all = append(all, why)
		case err != nil:
			t.Fatal(err)
		default:
			all = append(all, l)
		}
	}
}

func TestLine(t *testing.T) {
	good := line{
		invoice: "536365", kind: kindOrder, at: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC), customer: "17850", country: "GB",
		sku: "85123A", goods: true, quantity: 6, pence: 255,
	}
	with := func(change func(*line)) line {
		l := good
		change(&l)
		return l
	}
	tests := []struct {
		name, row string
		want      any
	}{
		{"as it should be", "536365,1,order,2010-12-01T08:26:00,17850,United Kingdom,GB,85123A,product,6,2.55", good},
		{"quoted", `536365,1,order,2010-12-01T08:26:00,17850,"Kingdom, United",GB,85123A,product,6,2.55`, good},
		{"another clock, spaces, decimals", "536365,1,order,2010-12-01 08:26, 17850.0 ,United Kingdom,GB,85123a,product,6.0,2.55", good},
		{"a guest", "536365,1,order,2010-12-01T08:26:00,,United Kingdom,GB,85123A,product,6,2.55", with(func(l *line) { l.customer = "" })},
		{"a strange customer", "536365,1,order,2010-12-01T08:26:00,a@b c,,GB,85123A,product,6,2.55",
			with(func(l *line) { l.customer = "x" + digest("customer", "a@b c")[:16] })},
		{"no country", "536365,1,order,2010-12-01T08:26:00,17850,EIRE,Eire,85123A,product,6,2.55", with(func(l *line) { l.country = "" })},
		{"no price", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,6,free", with(func(l *line) { l.pence = 0 })},
		{"a price that is none", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,6,NaN", with(func(l *line) { l.pence = 0 })},
		{"a return", "C536365,1,cancellation,2010-12-01T08:26:00,17850,,GB,85123A,product,-6,2.55",
			with(func(l *line) { l.invoice, l.kind, l.quantity = "C536365", kindCancellation, -6 })},
		{"carriage", "536365,1,order,2010-12-01T08:26:00,17850,,GB,POST,carriage,1,18.00", notGoods},
		{"bad debt", "A563185,1,adjustment,2011-08-12T14:50:00,,United Kingdom,GB,B,bad_debt,1,11062.06", bookkeeping},
		{"another kind", "536365,1,gift,2010-12-01T08:26:00,17850,,GB,85123A,product,6,2.55", kindUnknown},
		{"an order of nothing", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,0,2.55", quantityContradicts},
		{"an order of less", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,-6,2.55", quantityContradicts},
		{"a return of more", "C536365,1,cancellation,2010-12-01T08:26:00,17850,,GB,85123A,product,6,2.55", quantityContradicts},
		{"a giant", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,1000001,2.55", quantityImpossible},
		{"beyond all numbers", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,99999999999999999999,2.55", quantityImpossible},
		{"half a unit", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,0.5,2.55", quantityMalformed},
		{"no quantity", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,,2.55", quantityMalformed},
		{"no time", "536365,1,order,yesterday,17850,,GB,85123A,product,6,2.55", timeMalformed},
		{"no invoice", ",1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,6,2.55", invoiceMalformed},
		{"a SKU nobody could sell", "536365,1,order,2010-12-01T08:26:00,17850,,GB,RED MUG,product,6,2.55", skuMalformed},
		{"a field too few", "536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,6", lineMalformed},
		{"an open quote", `536365,1,order,2010-12-01T08:26:00,17850,"UK,GB,85123A,product,6,2.55`, lineMalformed},
		{"not UTF-8", "536365,1,order,2010-12-01T08:26:00,17850,\xff,GB,85123A,product,6,2.55", lineMalformed},
		{"too long", strings.Repeat("x", maxLineBytes+1), lineTooLong},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// The line after a strange one is read as ever, and so is one that ends with the file.
			const last = "536365,1,order,2010-12-01T08:26:00,17850,United Kingdom,GB,85123A,product,6,2.55"
			got := readLines(t, header+test.row+"\r\n\n"+last)
			if diff := cmp.Diff([]any{test.want, good}, got, cmp.AllowUnexported(line{})); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLineReader_Header(t *testing.T) {
	if _, err := newLineReader(strings.NewReader("invoice,kind\n")); err == nil || !strings.Contains(err.Error(), "ts_local") {
		t.Errorf("a header without columns: %v", err)
	}
	if _, err := newLineReader(strings.NewReader("")); !errors.Is(err, io.EOF) {
		t.Errorf("an empty file: %v", err)
	}
	moved := "\ufeffqty,unit_price_gbp,sku,line_kind,country_iso2,customer_id,ts_local,kind,invoice\n" +
		"2,1.00,A,product,GB,1,2011-08-01T00:00:00,order,9\n"
	if got := readLines(t, moved); len(got) != 1 || got[0].(line).quantity != 2 {
		t.Errorf("columns in another order: %v", got)
	}
}

func TestLineReader_Compressed(t *testing.T) {
	var file bytes.Buffer
	w := gzip.NewWriter(&file)
	_, _ = io.WriteString(w, header+"536365,1,order,2010-12-01T08:26:00,17850,,GB,85123A,product,6,2.55\n")
	testkit.NoError(t, w.Close())
	if got := readLines(t, file.String()); len(got) != 1 {
		t.Errorf("lines: %v", got)
	}
	// A file that breaks off cannot be read to its end, and says so.
	r, err := newLineReader(bytes.NewReader(file.Bytes()[:file.Len()-8]))
	for err == nil {
		_, err = r.next()
	}
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a file that breaks off ends with %v", err)
	}
}

// FuzzStream reads anything as a file: it ends, it does not panic, and what it hands out can
// be replayed.
func FuzzStream(f *testing.F) {
	f.Add([]byte(header + "536365,1,order,2010-12-01T08:26:00,17850,UK,GB,85123A,product,6,2.55\n" +
		"C1,1,cancellation,2010-12-01T08:27:00,17850,UK,GB,85123A,product,-6,2.55\n"))
	f.Add([]byte(header + "536365,1,order,,,,,,,,\n\"\n,,,,,,,,,,\n"))
	f.Add([]byte(header + "1~2,1,order,2010-12-01T08:26:00,\x00,,ZZ,a,product,999999,1e9\n"))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		choice := choiceFor(t)
		var lines int
		err := choice.eachOf(bytes.NewReader(text), func(line, error) { lines++ }, func(in invoice, world *atlas) error {
			if _, ok := world.set.HomeOf(in.country); !ok {
				t.Errorf("invoice %s is in no region's country: %q", in.name, in.country)
			}
			for _, g := range in.goods {
				if g.Units < 1 || g.Units > maxUnits || !skuPattern.MatchString(g.SKU) {
					t.Errorf("invoice %s has %d of %q", in.name, g.Units, g.SKU)
				}
			}
			return nil
		})
		if err == nil && lines > bytes.Count(text, []byte("\n"))+1 && !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("%d lines of %d", lines, bytes.Count(text, []byte("\n")))
		}
	})
}
