package finance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/invalid"
	"meridian/internal/pricing"
	"meridian/internal/testkit"
)

func TestReadLines(t *testing.T) {
	full := Line{SKU: "A", MinQuantity: 10, AmountMinor: minor(1250), From: hours(0), To: hours(1)}
	numberedAt := func(no int64, l Line) Line { l.No = no; return l }
	tests := []struct {
		name   string
		format Format
		file   string
		want   []Line
	}{
		{"all columns", FormatCSV, "sku,min_quantity,amount_minor,valid_from,valid_to\nA,10,1250,2026-05-01T12:00:00Z,2026-05-01T15:00:00+02:00\n",
			[]Line{numberedAt(2, full)}},
		{"other order, mark, CRLF, blank lines, no last end of line", FormatCSV,
			"\ufeffamount_minor,valid_to,sku,valid_from,min_quantity\r\n\r\n1250,2026-05-01T13:00:00Z,A,2026-05-01T12:00:00Z,10\r\n  \n1250,2026-05-01T13:00:00Z,A,2026-05-01T12:00:00Z,10",
			[]Line{numberedAt(3, full), numberedAt(5, full)}},
		{"two columns", FormatCSV, "sku,amount_minor\nA,700\nB,\n", []Line{{No: 2, SKU: "A", MinQuantity: 1, AmountMinor: minor(700)},
			{No: 3, SKU: "B", MinQuantity: 1}}},
		{"quotes", FormatCSV, "sku,amount_minor\n\"A,\"\"1\"\"\",1\n", []Line{{No: 2, SKU: `A,"1"`, MinQuantity: 1, AmountMinor: minor(1)}}},
		{"a header alone", FormatCSV, "sku,amount_minor\n", nil},
		{"objects", FormatNDJSON, `{"sku":"A","min_quantity":10,"amount_minor":1250,"valid_from":"2026-05-01T12:00:00Z","valid_to":"2026-05-01T13:00:00Z"}` + "\n\n" + `{"amount_minor":null,"sku":"B"}`,
			[]Line{numberedAt(1, full), {No: 3, SKU: "B", MinQuantity: 1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := testkit.Must(ReadLines(strings.NewReader(test.file), test.format))(t)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("lines (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadLines_Refused(t *testing.T) {
	long := strings.Repeat("x", maxLineBytes+10)
	tests := []struct {
		name   string
		format Format
		file   string
		want   []string
	}{
		{"nothing", FormatCSV, "", []string{"line 1, header"}},
		{"no amount", FormatCSV, "sku,min_quantity\nA,1\n", []string{"line 1, header"}},
		{"a column twice", FormatCSV, "sku,amount_minor,sku\nA,1,A\n", []string{"line 1, header"}},
		{"another column, and no header in truth", FormatCSV, "A,1\nB,2\n",
			[]string{"line 1, header", "line 1, header", "line 1, header", "line 1, header"}},
		{"too few fields", FormatCSV, "sku,amount_minor\nA\n", []string{"line 2, text"}},
		{"too many fields", FormatCSV, "sku,amount_minor\nA,1,2\n", []string{"line 2, text"}},
		{"an open quote", FormatCSV, "sku,amount_minor\n\"A,1\nB,2\n", []string{"line 2, text"}},
		{"every field", FormatCSV, "sku,min_quantity,amount_minor,valid_from,valid_to\n,0,1.234,yesterday,0001-01-01T00:00:00Z\n",
			[]string{"line 2, sku", "line 2, min_quantity", "line 2, amount_minor", "line 2, valid_from", "line 2, valid_to"}},
		{"amounts", FormatCSV, "sku,amount_minor\nA,1e3\nA,-1\nA,+1\nA,1.0\nA, 1\nA,1000000000001\nA,NaN\n",
			[]string{"line 2, amount_minor", "line 3, amount_minor", "line 4, amount_minor", "line 5, amount_minor", "line 6, amount_minor", "line 7, amount_minor", "line 8, amount_minor"}},
		{"quantities", FormatCSV, "sku,amount_minor,min_quantity\nA,1,+1\nA,1,1.0\nA,1,1000001\nA,1,-1\n",
			[]string{"line 2, min_quantity", "line 3, min_quantity", "line 4, min_quantity", "line 5, min_quantity"}},
		{"a SKU with spaces around", FormatCSV, "sku,amount_minor\n A,1\n", []string{"line 2, sku"}},
		{"a SKU too long", FormatCSV, "sku,amount_minor\n" + long[:65] + ",1\n", []string{"line 2, sku"}},
		{"a line too long", FormatCSV, "sku,amount_minor\n" + long + ",1\n", []string{"line 2, text"}},
		{"no UTF-8", FormatCSV, "sku,amount_minor\n\xff,1\nB\x00,1\n", []string{"line 2, text", "line 3, text"}},
		{"a NUL that is written out", FormatNDJSON, `{"sku":"A\u0000","amount_minor":1}`, []string{"line 1, sku"}},
		{"no object", FormatNDJSON, "[]\n\"A\"\n{\n{}{}\n", []string{"line 1, text", "line 2, text", "line 3, text", "line 4, text"}},
		{"names", FormatNDJSON, `{"sku":"A","amount_minor":1,"price":2}` + "\n" + `{"sku":"A","sku":"B","amount_minor":1}` + "\n" + `{"SKU":"A","amount_minor":1}`,
			[]string{"line 1, price", "line 2, text", "line 3, SKU"}},
		{"types", FormatNDJSON, `{"sku":1,"amount_minor":1}` + "\n" + `{"sku":"A","amount_minor":1.5}` + "\n" + `{"sku":"A","amount_minor":"1"}` + "\n" +
			`{"sku":"A"}` + "\n" + `{"sku":"A","amount_minor":1,"min_quantity":"1"}` + "\n" + `{"sku":"A","amount_minor":1,"valid_from":"now"}` + "\n" + `{"sku":"A","amount_minor":{}}`,
			[]string{"line 1, sku", "line 2, amount_minor", "line 3, amount_minor", "line 4, amount_minor", "line 5, min_quantity",
				"line 6, valid_from", "line 7, amount_minor"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := ReadLines(strings.NewReader(test.file), test.format)
			wantFaults(t, err, test.want...)
		})
	}
	t.Run("twenty faults are told", func(t *testing.T) {
		_, err := ReadLines(strings.NewReader("sku,amount_minor\n"+strings.Repeat("A,x\n", 1000)), FormatCSV)
		var invalid *invalid.Error
		if !errors.As(err, &invalid) || len(invalid.Fields) != 20 {
			t.Errorf("got %v", err)
		}
	})
	t.Run("too many lines", func(t *testing.T) {
		_, err := ReadLines(strings.NewReader("sku,amount_minor\n"+strings.Repeat("A,1\n", MaxLines+1)), FormatCSV)
		wantFaults(t, err, fmt.Sprintf("line %d, file", MaxLines+2))
	})
	t.Run("an amount without its unit", func(t *testing.T) {
		_, err := ReadLines(strings.NewReader("sku,amount\nA,15.00\n"), FormatCSV)
		wantFaults(t, err, "line 1, header", "line 1, header")
	})
	t.Run("what reading fails with", func(t *testing.T) {
		broken := errors.New("the client is gone")
		_, err := ReadLines(io.MultiReader(strings.NewReader("sku,amount_minor\nA,1\n"), iotest.ErrReader(broken)), FormatCSV)
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	})
}

// TestReadLines_Written reads back what was written, whatever it is.
func TestReadLines_Written(t *testing.T) {
	times := rapid.Custom(func(t *rapid.T) time.Time {
		return hours(0).Add(time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "microseconds")) * time.Microsecond)
	})
	rapid.Check(t, func(t *rapid.T) {
		format := rapid.SampledFrom([]Format{FormatCSV, FormatNDJSON}).Draw(t, "format")
		var file bytes.Buffer
		write, flush := entryWriter(&file, format)
		var want []Line
		for i := range rapid.IntRange(0, 10).Draw(t, "lines") {
			e := Entry{
				SKU:         rapid.StringMatching(`[A-Za-z0-9,"';{}\\é-]{1,20}`).Draw(t, "sku"),
				MinQuantity: rapid.Int64Range(1, maxMinQuantity).Draw(t, "quantity"),
				AmountMinor: rapid.Int64Range(0, maxAmountMinor).Draw(t, "minor"),
				Period:      pricing.Period{From: times.Draw(t, "from")},
			}
			if rapid.Bool().Draw(t, "ends") {
				e.Period.To = e.Period.From.Add(time.Duration(rapid.Int64Range(1, 1e15).Draw(t, "length")) * time.Microsecond)
			}
			testkit.NoError(t, write(e))
			no := int64(i + 1)
			if format == FormatCSV {
				no++ // the header
			}
			want = append(want, Line{No: no, SKU: e.SKU, MinQuantity: e.MinQuantity, AmountMinor: minor(e.AmountMinor), From: e.Period.From,
				To: e.Period.To})
		}
		testkit.NoError(t, flush())
		got := testkit.Must(ReadLines(&file, format))(t)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("read (-written +read):\n%s", diff)
		}
	})
}

// TestExport gives a list's file back to it, which changes nothing, and to another list, which
// then has what is in force.
func TestExport(t *testing.T) {
	s := newShop(t, func(c *Config) { c.ApproveAbove = ApproveAbove{ChangeBP: 1 << 40, SKUs: 1 << 20} })
	ctx := t.Context()
	list := s.list(t, "regular", pricing.Regular)
	s.set(t, "regular", price("A", 900), price("A", 850).atLeast(10), price("B", 1900).to(hours(1)), price("C", 2900).from(hours(8)))
	s.clock.Set(hours(2))
	s.set(t, "regular", price("A", 800), endOf("C"), price("B", 1800).from(hours(4)))
	s.clock.Set(hours(3))
	export := func(format Format, at time.Time) string {
		t.Helper()
		var file bytes.Buffer
		testkit.NoError(t, s.Export(ctx, &file, format, list, at))
		return file.String()
	}
	wantNow := "sku,min_quantity,amount_minor,valid_from,valid_to\nA,1,800,2026-05-01T14:00:00Z,\nA,10,850,2026-05-01T12:00:00Z,\n"
	if diff := cmp.Diff(wantNow, export(FormatCSV, s.clock.Now())); diff != "" {
		t.Errorf("in force now (-want +got):\n%s", diff)
	}
	wantThen := `{"sku":"A","min_quantity":1,"amount_minor":900,"valid_from":"2026-05-01T12:00:00Z","valid_to":"2026-05-01T14:00:00Z"}
{"sku":"A","min_quantity":10,"amount_minor":850,"valid_from":"2026-05-01T12:00:00Z"}
{"sku":"B","min_quantity":1,"amount_minor":1900,"valid_from":"2026-05-01T12:00:00Z","valid_to":"2026-05-01T13:00:00Z"}
`
	if diff := cmp.Diff(wantThen, export(FormatNDJSON, opening)); diff != "" {
		t.Errorf("in force then (-want +got):\n%s", diff)
	}
	before := s.image(t)
	for _, format := range []Format{FormatCSV, FormatNDJSON} {
		for _, at := range []time.Time{{}, s.clock.Now(), opening} {
			lines := testkit.Must(ReadLines(strings.NewReader(export(format, at)), format))(t)
			p := testkit.Must(s.SetPrices(ctx, PricesInput{By: by("ben"), List: "regular", Lines: lines}))(t)
			if p.Effect.Unchanged != len(lines) || len(lines) == 0 {
				t.Errorf("%s at %s: %+v", format, at, p.Effect)
			}
		}
	}
	s.wantUnchanged(t, before)
	if all := export(FormatCSV, time.Time{}); strings.Count(all, "\n") != 6 || strings.Contains(all, "C,") {
		t.Errorf("all there ever was:\n%s", all)
	}
}

// TestExport_Pages: a list longer than a page comes whole, each price once.
func TestExport_Pages(t *testing.T) {
	s := newShop(t)
	skus := make([]string, linesAtOnce+7)
	for i := range skus {
		skus[i] = fmt.Sprintf("S%05d", i)
	}
	s.addGoods(t, skus...)
	var file bytes.Buffer
	testkit.NoError(t, s.Export(t.Context(), &file, FormatNDJSON, testkit.Must(s.List(t.Context(), "catalogue-EUR"))(t), s.clock.Now()))
	var got []string
	for _, l := range testkit.Must(ReadLines(&file, FormatNDJSON))(t) {
		got = append(got, l.SKU)
	}
	want := append([]string{"A", "B", "C", "D", "E"}, skus...)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("SKUs (-want +got):\n%s", diff)
	}
}

// FuzzReadLines: whatever a file holds, it is refused with faults, or is lines that can be
// written and read back.
func FuzzReadLines(f *testing.F) {
	for _, seed := range []string{
		"sku,min_quantity,amount_minor,valid_from,valid_to\nA,10,1250,2026-05-01T12:00:00Z,\n", "sku,amount_minor\nA,\n", "\ufeffsku,amount\r\n\"A\"\"\",1\r\n",
		"amount_minor,sku\n,\n", "sku,amount_minor\n\"A\n", `{"sku":"A","amount_minor":1}`, `{"sku":"A","amount_minor":null,"valid_to":"2026-05-01T12:00:00.000001+01:30"}`,
		`{"sku":"\u0000","amount_minor":-1,"min_quantity":1e3}`, "{}\n[]\nnull\n", "\xff\xfe", "sku,amount_minor\n" + strings.Repeat("A,1\n", 30),
		"sku,amount_minor\nA,0.000000000000000000001\n", "sku,amount_minor,valid_from\nA,1,9999-12-31T23:59:59.999999999Z\n",
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	f.Fuzz(func(t *testing.T, file []byte, isCSV bool) {
		format := FormatNDJSON
		if isCSV {
			format = FormatCSV
		}
		lines, err := ReadLines(bytes.NewReader(file), format)
		if err != nil {
			var invalid *invalid.Error
			if !errors.As(err, &invalid) || len(invalid.Fields) == 0 || len(invalid.Fields) > 20 {
				t.Fatalf("refused with %v", err)
			}
			return
		}
		var again bytes.Buffer
		write, flush := entryWriter(&again, format)
		var want []Line
		for _, l := range lines {
			if l.AmountMinor == nil || *l.AmountMinor < 0 || l.From.IsZero() {
				continue // no price of a list is so
			}
			if err := write(Entry{SKU: l.SKU, MinQuantity: l.MinQuantity, AmountMinor: *l.AmountMinor,
				Period: pricing.Period{From: l.From, To: l.To}}); err != nil {
				t.Fatal(err)
			}
			l.No = 0
			want = append(want, l)
		}
		testkit.NoError(t, flush())
		got := testkit.Must(ReadLines(&again, format))(t)
		for i := range got {
			got[i].No = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("read back (-first +second):\n%s", diff)
		}
	})
}
