package bleve

import (
	"errors"
	"math"
)

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
