package meilisearch

import (
	"context"
	"fmt"
	"strings"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// A learner reads what is written to an index into its lexicon, so that every process that searches knows the words of
// documents, and not only the one that writes them.
type learner struct {
	index *index
	// reached is the time of the last document that was read, in microseconds since 1970.
	reached int64
}

const (
	learnEvery = 2 * time.Second
	// learnOverlap is how far each pass looks back: a document becomes readable a while after the time that it carries, and
	// the clocks of writers differ.
	learnOverlap = 10 * time.Second
	learnPage    = 1000
)

// wordFields are the fields that a lexicon learns from.
var wordFields = []string{"id", "version", "title", "brand", "categoryNames", "attributes", "codes", "writtenAt"}

// follow reads until ctx ends. A server that does not answer is asked again.
func (l *learner) follow(ctx context.Context) {
	for ctx.Err() == nil {
		if err := l.pass(ctx); err != nil && ctx.Err() == nil {
			l.index.server.log.Debug("the words of a search index cannot be read now", "index", l.index.uid, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(learnEvery):
		}
	}
}

// pass reads the documents that were written since the last one.
func (l *learner) pass(ctx context.Context) error {
	behind := l.reached - learnOverlap.Microseconds()
	for {
		records, err := l.index.list(ctx, "read the words of "+l.index.uid, &meili.DocumentsQuery{
			Filter: fmt.Sprintf("writtenAt > %d", behind), Sort: []string{"writtenAt:asc"}, Fields: wordFields, Limit: learnPage,
		})
		if err != nil {
			return err
		}
		documents := make([]search.Document, len(records))
		for i, r := range records {
			documents[i] = r.words()
		}
		l.index.lexicon.Learn(documents)
		if len(records) > 0 {
			behind = records[len(records)-1].WrittenAt
			l.reached = max(l.reached, behind)
		}
		if len(records) < learnPage {
			return nil
		}
	}
}

// words returns the parts of a document that its words are in.
func (r record) words() search.Document {
	d := search.Document{ID: r.ID, Version: r.Version, Title: r.Title, Brand: r.Brand, CategoryNames: r.CategoryNames, Codes: r.Codes,
		Attributes: make(map[string][]string)}
	for _, attribute := range r.Attributes {
		name, value, _ := strings.Cut(attribute, search.AttributeSeparator)
		d.Attributes[name] = append(d.Attributes[name], value)
	}
	return d
}
