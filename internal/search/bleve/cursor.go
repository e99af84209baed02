package bleve

import (
	"fmt"
	"math"
	"strconv"

	"github.com/google/uuid"
)

// A cursor is where a page ended: the place of its last hit in the order, and the weights that the words had, without
// which scores would move whenever a document is written.
type cursor struct {
	last    ranked
	popular int64 // what the popularity of documents was held against
	weights []float64
}

// texts writes the cursor: order, score, popularity, id, the highest popularity, and the weights.
func (c cursor) texts() []string {
	texts := []string{strconv.FormatInt(c.last.key, 36), floatText(c.last.score), strconv.FormatInt(c.last.row.popularity, 36), c.last.row.id.String(), strconv.FormatInt(c.popular, 36)}
	for _, w := range c.weights {
		texts = append(texts, floatText(w))
	}
	return texts
}

func floatText(f float64) string { return strconv.FormatUint(math.Float64bits(f), 36) }

// parseCursor reads what texts wrote; nil without any.
func parseCursor(texts []string) (*cursor, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	if len(texts) < 5 {
		return nil, fmt.Errorf("read a position: it has %d parts", len(texts))
	}
	c := &cursor{last: ranked{row: new(row)}}
	var err error
	read := func(text string) float64 {
		n, parseErr := strconv.ParseUint(text, 36, 64)
		if parseErr != nil {
			err = parseErr
		}
		return math.Float64frombits(n)
	}
	c.last.score = read(texts[1])
	for _, text := range texts[5:] {
		c.weights = append(c.weights, read(text))
	}
	if err == nil {
		c.last.key, err = strconv.ParseInt(texts[0], 36, 64)
	}
	if err == nil {
		c.last.row.popularity, err = strconv.ParseInt(texts[2], 36, 64)
	}
	if err == nil {
		c.last.row.id, err = uuid.Parse(texts[3])
	}
	if err == nil {
		c.popular, err = strconv.ParseInt(texts[4], 36, 64)
	}
	if err != nil {
		return nil, fmt.Errorf("read a position: %w", err)
	}
	return c, nil
}
