package eval

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// A Corpus is the documents that are searched.
type Corpus struct {
	documents []search.Document
	byName    map[string]uuid.UUID
}

// namespace makes identifiers of documents out of their names.
var namespace = uuid.MustParse("5eac4000-0000-4000-8000-000000000001")

// NewCorpus returns an empty corpus.
func NewCorpus() *Corpus { return &Corpus{byName: make(map[string]uuid.UUID)} }

// Add adds a document by the name that judgements call it, and makes its ID of that. The aliases are other names for it.
func (c *Corpus) Add(name string, d search.Document, aliases ...string) error {
	d.ID = uuid.NewSHA1(namespace, []byte(name))
	if err := d.Validate(); err != nil {
		return fmt.Errorf("document %q: %w", name, err)
	}
	if _, twice := c.byName[name]; twice {
		return fmt.Errorf("document %q is there twice: give each an id of its own", name)
	}
	c.byName[name] = d.ID
	for _, alias := range aliases {
		if other, taken := c.byName[alias]; taken && other != d.ID {
			return fmt.Errorf("two documents are called %q", alias)
		}
		c.byName[alias] = d.ID
	}
	c.documents = append(c.documents, d)
	return nil
}

// Len returns the number of documents.
func (c *Corpus) Len() int { return len(c.documents) }

// ID returns the id of the document with a name.
func (c *Corpus) ID(name string) (uuid.UUID, bool) {
	id, ok := c.byName[name]
	return id, ok
}

// Documents returns all documents by ID. That order says nothing, unlike that of a file, which may put together what belongs
// together: equal scores must not be told apart by it.
func (c *Corpus) Documents() []search.Document {
	sorted := slices.Clone(c.documents)
	slices.SortFunc(sorted, func(a, b search.Document) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return sorted
}
