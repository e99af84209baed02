package bleve

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// format identifies the stored form of documents: their records and terms. An index of another format is rebuilt.
const format = "2"

// A record is a document as it is stored: the values of its row in memory, and those that a hit shows. Its texts alias
// the bytes that it was decoded from.
type record struct {
	id                          uuid.UUID
	fingerprint                 []byte
	version                     int64
	length                      int // of the title, in words
	slug, title, brand, image   []byte
	categories, claims          [][]byte
	attributes                  [][]byte
	prices                      []storedPrice
	bands                       [][]byte
	stock                       []byte
	ratingMilli, ratings        int64
	popularity                  int64
	listedMicro, goodUntilMicro int64
}

type storedPrice struct {
	market []byte
	minor  int64
}

// encodeRecord encodes a document: numbers as varints, texts prefixed with their length.
func encodeRecord(d search.Document, length int) []byte {
	w := writer{b: make([]byte, 0, 512)}
	w.b = append(w.b, d.ID[:]...)
	fingerprint, _ := hex.DecodeString(d.Fingerprint())
	w.text(string(fingerprint))
	w.number(d.Version)
	w.number(int64(length))
	for _, text := range []string{d.Slug, d.Title, d.Brand, d.Image, string(d.Stock)} {
		w.text(text)
	}
	w.texts(d.CategoryIDs)
	w.texts(d.Claims)
	w.texts(d.AttributeValues())
	w.texts(d.PriceBands)
	w.number(int64(len(d.Prices)))
	for market, minor := range d.Prices {
		w.text(market)
		w.number(minor)
	}
	for _, n := range []int64{d.RatingMilli, d.Ratings, d.Popularity, micro(d.ListedAt), micro(d.GoodUntil)} {
		w.number(n)
	}
	return w.b
}

// micro returns a time in microseconds, the precision of the database, and 0 for the zero time.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

type writer struct{ b []byte }

func (w *writer) number(n int64) { w.b = binary.AppendVarint(w.b, n) }
func (w *writer) text(s string)  { w.number(int64(len(s))); w.b = append(w.b, s...) }
func (w *writer) texts(all []string) {
	w.number(int64(len(all)))
	for _, s := range all {
		w.text(s)
	}
}

var errRecord = errors.New("a stored document cannot be read")

// decodeRecord decodes a record into r, reusing its slices.
func decodeRecord(b []byte, r *record) error {
	if len(b) < len(r.id) {
		return errRecord
	}
	copy(r.id[:], b)
	in := reader{b: b[len(r.id):]}
	r.fingerprint = in.text()
	r.version, r.length = in.number(), int(in.number())
	r.slug, r.title, r.brand, r.image, r.stock = in.text(), in.text(), in.text(), in.text(), in.text()
	r.categories = in.texts(r.categories[:0])
	r.claims = in.texts(r.claims[:0])
	r.attributes = in.texts(r.attributes[:0])
	r.bands = in.texts(r.bands[:0])
	r.prices = r.prices[:0]
	for range in.count() {
		r.prices = append(r.prices, storedPrice{market: in.text(), minor: in.number()})
	}
	r.ratingMilli, r.ratings, r.popularity = in.number(), in.number(), in.number()
	r.listedMicro, r.goodUntilMicro = in.number(), in.number()
	if in.failed {
		return errRecord
	}
	return nil
}

type reader struct {
	b      []byte
	failed bool
}

func (r *reader) number() int64 {
	n, size := binary.Varint(r.b)
	if size <= 0 {
		r.failed = true
		return 0
	}
	r.b = r.b[size:]
	return n
}

// count reads the number of items that follow, each at least one byte long.
func (r *reader) count() int {
	n := r.number()
	if n < 0 || n > int64(len(r.b)) {
		r.failed = true
		return 0
	}
	return int(n)
}

func (r *reader) text() []byte {
	n := r.count()
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

func (r *reader) texts(into [][]byte) [][]byte {
	for range r.count() {
		into = append(into, r.text())
	}
	return into
}

// card returns the part of the document that a hit shows.
func (r *record) card() search.Card {
	c := search.Card{ID: r.id, Version: r.version, Slug: string(r.slug), Title: string(r.title), Brand: string(r.brand),
		Image: string(r.image), Stock: search.Stock(r.stock), RatingMilli: r.ratingMilli, Ratings: r.ratings, Popularity: r.popularity}
	if n := len(r.categories); n > 0 {
		c.CategoryID = string(r.categories[n-1])
	}
	if r.listedMicro != 0 {
		c.ListedAt = time.UnixMicro(r.listedMicro).UTC()
	}
	if len(r.prices) > 0 {
		c.Prices = make(map[string]int64, len(r.prices))
		for _, p := range r.prices {
			c.Prices[string(p.market)] = p.minor
		}
	}
	return c
}

// A cursor marks the end of a page: the position of its last hit, and the weights of the words, without which scores
// would change whenever a document is written.
type cursor struct {
	last    ranked
	popular int64 // the popularity that scores are relative to
	weights []float64
}

// encode returns the cursor as search.Result.Next.
func (c cursor) encode() []byte {
	w := writer{b: append(make([]byte, 0, 64), c.last.row.id[:]...)}
	w.number(c.last.key)
	w.float(c.last.score)
	w.number(c.last.row.popularity)
	w.number(c.popular)
	w.number(int64(len(c.weights)))
	for _, weight := range c.weights {
		w.float(weight)
	}
	return w.b
}

var errCursor = errors.New("the position of a page cannot be read")

// decodeCursor is the inverse of encode. It returns nil for an empty position.
func decodeCursor(position []byte) (*cursor, error) {
	if len(position) == 0 {
		return nil, nil
	}
	c := &cursor{last: ranked{row: new(row)}}
	if len(position) < len(c.last.row.id) {
		return nil, errCursor
	}
	in := reader{b: position[copy(c.last.row.id[:], position):]}
	c.last.key, c.last.score = in.number(), in.float()
	c.last.row.popularity, c.popular = in.number(), in.number()
	for range in.count() {
		c.weights = append(c.weights, in.float())
	}
	if in.failed || len(in.b) > 0 {
		return nil, errCursor
	}
	return c, nil
}

func (w *writer) float(f float64) { w.number(int64(math.Float64bits(f))) }

func (r *reader) float() float64 { return math.Float64frombits(uint64(r.number())) }
