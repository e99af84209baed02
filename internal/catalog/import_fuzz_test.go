package catalog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"meridian/internal/invalid"
)

// What encoding/csv reads from one record, splitCSV reads too.
func FuzzSplitCSV(f *testing.F) {
	for _, seed := range []string{``, `a,b`, `"a,""b""",c`, `a"b`, `"a"b`, `"a`, `,,`, `"",""`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if bytes.ContainsAny(text, "\r\n") || len(text) == 0 {
			return // lines are the line reader's matter
		}
		fields, fault := splitCSV(text)
		want, err := csv.NewReader(bytes.NewReader(text)).Read()
		if (fault == "") != (err == nil) {
			t.Fatalf("%q: fault %q, encoding/csv says %v", text, fault, err)
		}
		if fault == "" && !slices.Equal(fields, want) {
			t.Fatalf("%q: %q, encoding/csv reads %q", text, fields, want)
		}
	})
}

// Whatever is in a file, reading it ends, every line is dealt with in order, and what is
// said to be good is.
func FuzzReadFile(f *testing.F) {
	f.Add("key,title,category,sku,price_minor:GBP\na,T,fb,S,150\na,,,S2,\n\"b\"x,,,,\nc,\"x\ny\",fb,S3,2", false)
	f.Add("{\"key\":\"a\",\"title\":\"T\",\"category\":\"fb\",\"skus\":[{\"sku\":\"S\"}]}\n\nnot\n{}", true)
	f.Add("key,title,category,sku\n\"\n\"\"\n\"", false)
	f.Fuzz(func(t *testing.T, text string, isNDJSON bool) {
		in := ImportInput{Source: strings.NewReader(text), Size: int64(len(text)), Format: FormatCSV}
		if isNDJSON {
			in.Format = FormatNDJSON
		}
		reader, err := newChunkReader(in)
		var invalid *invalid.Error
		if errors.As(err, &invalid) {
			return
		}
		var last, end int64
		for {
			c, err := reader.next(0)
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if c.last <= last || c.end <= end || c.end > int64(len(text)) {
				t.Fatalf("a chunk to line %d, offset %d after line %d, offset %d", c.last, c.end, last, end)
			}
			last, end = c.last, c.end
			for _, record := range c.good {
				if err := record.in.Validate(); err != nil || record.in.Key == "" {
					t.Fatalf("%+v: %v", record.in, err)
				}
			}
		}
	})
}

func TestParsePrice(t *testing.T) {
	for _, test := range []struct {
		text string
		want int64
		bad  bool
	}{
		{"295", 295, false}, {"0", 0, false}, {"007", 7, false}, {"1000000000000", MaxPriceMinor, false}, {"1000000000001", 0, true},
		{"2.95", 0, true}, {"-1", 0, true}, {"+1", 0, true}, {"1,50", 0, true}, {"1e3", 0, true}, {"", 0, true}, {" 1", 0, true},
		{"99999999999999999999", 0, true},
	} {
		got, fault := parsePrice(test.text)
		if got != test.want && !test.bad || (fault != "") != test.bad {
			t.Errorf("parsePrice(%q) = %d, %q", test.text, got, fault)
		}
	}
}
