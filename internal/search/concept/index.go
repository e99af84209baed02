package concept

import (
	"math"
	"slices"

	"github.com/blevesearch/vellum"
)

// An Index tells which terms documents have.
type Index interface {
	// Complete reports whether the index tells of all documents. A word that an incomplete one does not have may be right.
	Complete() bool
	// Documents returns the approximate number of documents that have a term.
	Documents(f Field, term string) (int, error)
	// Scan returns terms between two keys that an automaton accepts, most frequent first. A nil automaton accepts all, and
	// nil keys bound nothing. It need not look at more than limit terms at once.
	Scan(f Field, a vellum.Automaton, from, below []byte, limit int) ([]Found, error)
}

// A Found term is a term of the index, with the approximate number of documents that have it.
type Found struct {
	Term      string
	Documents int
}

// After returns the least key above all keys with a prefix, or nil if there is none.
func After(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < math.MaxUint8 {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}
