package fx

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/money"
	"meridian/internal/testkit"
)

func dec(text string) money.Decimal {
	d, err := money.ParseDecimal(text)
	if err != nil {
		panic(err)
	}
	return d
}

func quote(day, currency, rate string) Quotation {
	return Quotation{Day: day, Currency: money.Currency(currency), Rate: dec(rate)}
}

// compare knows decimals by their values.
var compare = cmp.Comparer(func(a, b money.Decimal) bool { return a == b })

func gzipped(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // into memory
	_ = w.Close()
	return b.String()
}

func zipped(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, text := range files {
		f := testkit.Must(w.Create(string(rune('a'+i)) + ".csv"))(t)
		_, _ = f.Write([]byte(text))
	}
	_ = w.Close()
	return b.String()
}

const history = `Date,USD,JPY,CYP,
2026-04-13,1.1684,186.75,N/A,
2026-04-10,1.1711,,,
`

func TestParse(t *testing.T) {
	daily := testkit.Must(os.ReadFile("testdata/eurofxref-daily.xml"))(t)
	want := []Quotation{quote("2026-04-13", "USD", "1.1684"), quote("2026-04-13", "JPY", "186.75"), quote("2026-04-10", "USD", "1.1711")}
	tests := []struct {
		name, file string
		want       []Quotation
	}{
		{"the history", history, want},
		{"with a mark of its encoding", "\ufeff" + history, want},
		{"with Windows' lines", strings.ReplaceAll(history, "\n", "\r\n"), want},
		{"gzipped", gzipped(history), want},
		{"zipped", zipped(t, history), want},
		{"one day", "Date, USD, JPY, \n13 April 2026, 1.1684, 186.75, \n", want[:2]},
		{"as XML", string(daily), want[:2]},
		{
			"the history as XML",
			`<Envelope><Cube><Cube time="2026-04-13"><Cube currency="USD" rate="1.1684"/><Cube currency="JPY" rate="186.75"/></Cube>` +
				`<Cube time="2026-04-10"><Cube currency="USD" rate="1.1711"/></Cube></Cube></Envelope>`, want,
		},
		{"of a currency that is no more", "Date,LTL\n2014-12-31,3.4528\n", []Quotation{quote("2014-12-31", "LTL", "3.4528")}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := testkit.Must(Parse([]byte(test.file)))(t)
			if diff := cmp.Diff(test.want, got, compare); diff != "" {
				t.Errorf("quotations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParse_Malformed(t *testing.T) {
	cube := func(inner string) string { return "<Envelope>\n<Cube>\n" + inner + "\n</Cube>\n</Envelope>" }
	tests := []struct{ name, file, want string }{
		{"nothing", "", "there is no rate in it: use the ECB's reference file, as XML or CSV"},
		{"only a header", "Date,USD\n", "there is no rate in it: use the ECB's reference file, as XML or CSV"},
		{"a page", "<html><body><p>Sorry</p></body></html>", "there is no rate in it: use the ECB's reference file, as XML or CSV"},
		{"another table", "sku,price\nM1,2\n", "line 1, column 1: date: the first column must be Date, and each other one a currency"},
		{"no currency", "Date,USD,Yen\n", "line 1, column 10: currency: must be a code such as USD"},
		{"no date", "Date,USD\n2026-04-13,1.1\n2026-02-30,1.1\n", "line 3, column 1: Date: must be a date such as 2026-04-13"},
		{"no number", "Date,USD,JPY\n2026-04-13,1.1,18x\n", `line 2, column 16: JPY: "18x" is not a decimal number such as 1.0857`},
		{"an exponent", "Date,USD\n2026-04-13,1e3\n", `line 2, column 12: USD: "1e3" is not a decimal number such as 1.0857`},
		{"zero", "Date,USD\n2026-04-13,0\n", "line 2, column 12: USD: must be above zero, not 0"},
		{"below zero", "Date,USD\n2026-04-13,-1.1\n", "line 2, column 12: USD: must be above zero, not -1.1"},
		{"too many digits", "Date,USD\n2026-04-13,1234567.8901\n", "line 2, column 12: USD: must have at most 9 digits, 6 of them decimals, not 1234567.8901"},
		{"a book", "Date,USD\n2026-04-13," + strings.Repeat("1", 1000) + "\n", "line 2, column 12: USD: is not a decimal number such as 1.0857"},
		{"a column too many", "Date,USD\n2026-04-13,1.1,2\n", "line 2, column 1: wrong number of fields"},
		{"a rate of nothing", "Date,USD,\n2026-04-13,1.1,2\n", "line 2, column 16: a rate stands in a column without a currency"},
		{"an open quote", "Date,USD\n2026-04-13,\"1.1\n", `line 2, column 17: extraneous or missing " in quoted-field`},
		{"XML: no date", cube(`<Cube time="13.04.2026">`), "line 3, column 1: time: must be a date such as 2026-04-13"},
		{"XML: no day", cube(`<Cube currency="USD" rate="1.1"/>`), "line 3, column 1: currency: a rate stands outside of a Cube with a time"},
		{"XML: no currency", cube(`<Cube time="2026-04-13"><Cube currency="$" rate="1.1"/></Cube>`),
			"line 3, column 25: currency: must be a code such as USD"},
		{"XML: no rate", cube(`<Cube time="2026-04-13"><Cube currency="USD"/></Cube>`),
			`line 3, column 25: rate: "" is not a decimal number such as 1.0857`},
		{"XML: no number", cube("<Cube time=\"2026-04-13\">\n  <Cube currency=\"USD\" rate=\"1,1\"/></Cube>"),
			`line 4, column 3: rate: "1,1" is not a decimal number such as 1.0857`},
		{"XML: cut off", `<Envelope><Cube time="2026-04-13">`, "line 1, column 35: XML syntax error on line 1: unexpected EOF"},
		{"two files", zipped(t, history, history), "the zip holds 2 files: want one"},
		{"half a gzip", gzipped(history)[:30], "the file cannot be unpacked: unexpected EOF"},
		{"half a zip", zipped(t, history)[:30], "the zip cannot be read: zip: not a valid zip file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse([]byte(test.file))
			var malformed *FormatError
			if !errors.As(err, &malformed) || err.Error() != test.want || got != nil {
				t.Errorf("got  %v, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

func TestParse_TooLarge(t *testing.T) {
	if _, err := Parse([]byte(gzipped(strings.Repeat("0", maxFileBytes+1)))); !errors.Is(err, errTooLarge) {
		t.Errorf("a bomb: got %v", err)
	}
	wide := "Date" + strings.Repeat(",USD", 1000) + "\n" + strings.Repeat("2026-04-13"+strings.Repeat(",1", 1000)+"\n", maxQuotations/1000+1)
	if _, err := Parse([]byte(wide)); err == nil || !strings.Contains(err.Error(), "more than 500000 rates") {
		t.Errorf("too many rates: got %v", err)
	}
}

// FuzzParse: whatever comes, there are good quotations or an error.
func FuzzParse(f *testing.F) {
	daily := testkit.Must(os.ReadFile("testdata/eurofxref-daily.xml"))(f)
	for _, seed := range []string{history, string(daily), gzipped(history), "Date, USD\n13 April 2026, 1.1\n", "PK\x03\x04", "<"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		quotes, err := Parse(file)
		if (err == nil) == (len(quotes) == 0) {
			t.Fatalf("%d quotations, error %v", len(quotes), err)
		}
		for _, q := range quotes {
			if _, err := publishedAt(q.Day); err != nil || checkRate(q.Rate) != "" || !currencyPattern.MatchString(string(q.Currency)) {
				t.Fatalf("quotation %v", q)
			}
		}
	})
}
