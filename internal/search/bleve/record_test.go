package bleve

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// TestRecord: what is stored of a document is the card that the document itself makes.
func TestRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDocument(t)
		var r record
		testkit.NoError(t, decodeRecord(encodeRecord(d, 7), &r))
		if diff := cmp.Diff(d.Card(), r.card(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the card (-want +got):\n%s", diff)
		}
		if hex.EncodeToString(r.fingerprint) != d.Fingerprint() || r.length != 7 || len(r.attributes) != len(d.AttributeValues()) {
			t.Errorf("%+v is stored as %+v", d, r)
		}
	})
}

// TestRecordBroken: bytes that are no record, or part of one, are refused and harm nothing.
func TestRecordBroken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := encodeRecord(drawDocument(t), 3)
		cut := b[:rapid.IntRange(0, len(b)-1).Draw(t, "cut")]
		var r record
		if err := decodeRecord(cut, &r); err == nil {
			t.Errorf("%d of %d bytes are taken for a record", len(cut), len(b))
		}
		_ = decodeRecord(rapid.SliceOf(rapid.Byte()).Draw(t, "noise"), &r)
	})
}

func drawDocument(t *rapid.T) search.Document {
	text, number := rapid.String(), rapid.Int64Range(0, 1<<40)
	d := search.Document{ID: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")), Version: number.Draw(t, "version"),
		Slug:  text.Draw(t, "slug"),
		Title: text.Draw(t, "title"), Brand: text.Draw(t, "brand"), Image: text.Draw(t,
			"image"), Stock: search.StockLow, RatingMilli: 4100, Ratings: number.Draw(t, "ratings"),
		CategoryIDs: rapid.SliceOfN(text, 0, 4).Draw(t, "categories"), Popularity: number.Draw(t,
			"popularity"), Prices: map[string]int64{}, Attributes: map[string][]string{}}
	for _, market := range rapid.SliceOfN(text, 0, 4).Draw(t, "markets") {
		d.Prices[market] = number.Draw(t, "price")
	}
	for _, name := range rapid.SliceOfN(text, 0, 4).Draw(t, "names") {
		d.Attributes[name] = rapid.SliceOfN(text, 1, 3).Draw(t, "values")
	}
	if rapid.Bool().Draw(t, "listed") {
		d.ListedAt = time.UnixMicro(1 + number.Draw(t, "listed at")).UTC()
	}
	return d
}

func TestCursor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := cursor{last: ranked{key: rapid.Int64().Draw(t, "key"), score: rapid.Float64().Draw(t, "score"),
			row: &row{popularity: rapid.Int64().Draw(t, "popularity"),
				id: uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))}}, weights: rapid.SliceOf(rapid.Float64()).Draw(t, "weights")}
		got := testkit.Must(decodeCursor(c.encode()))(t)
		if diff := cmp.Diff(c, *got, cmp.AllowUnexported(cursor{}, ranked{}, place{}, row{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("the cursor (-want +got):\n%s", diff)
		}
	})
	whole := cursor{last: ranked{row: new(row)}, weights: []float64{1, 0.5}}.encode()
	for n := 1; n < len(whole); n++ {
		if c, err := decodeCursor(whole[:n]); err == nil {
			t.Errorf("the position %x is taken for %+v", whole[:n], c)
		}
	}
	if c, err := decodeCursor(append(whole, 0)); err == nil {
		t.Errorf("a position with a byte too many is taken for %+v", c)
	}
}
