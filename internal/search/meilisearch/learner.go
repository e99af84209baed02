package meilisearch

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// A learner reads what is written to an index into its lexicon, so that every process that searches knows the words of
// documents, and not only the one that writes them.
type learner struct {
	index *index
	// created identifies the index that was read: a swap puts another in its place.
	created string
	// reached is the time of the last document that was read, in microseconds since 1970.
	reached int64
	// read are the documents within the overlap that were read already.
	read map[uuid.UUID]reading
}

// A reading is the state in which a document was read.
type reading struct {
	fingerprint string
	writtenAt   int64
}

const (
	learnEvery = 2 * time.Second
	// learnOverlap is how far each pass looks back: a document becomes readable a while after the time that it carries, and
	// the clocks of writers differ.
	learnOverlap = 10 * time.Second
	learnPage    = 1000
)

// wordFields are the fields that a lexicon learns from.
var wordFields = []string{"id", "title", "brand", "categoryNames", "attributes", "descriptionWords", "codes"}

// follow reads every learnEvery until ctx ends. A server that does not answer is asked again.
func (l *learner) follow(ctx context.Context) {
	tick := time.NewTicker(learnEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := l.pass(ctx); err != nil && ctx.Err() == nil {
			l.index.server.log.Debug("the words of a search index cannot be read now", "index", l.index.uid, "error", err)
		}
	}
}

// pass reads the documents that were written since the last one.
func (l *learner) pass(ctx context.Context) error {
	created, err := l.index.created(ctx)
	if err != nil || created == "" {
		return err
	}
	if created != l.created {
		l.created, l.reached, l.read = created, 0, make(map[uuid.UUID]reading)
	}
	behind := l.reached - learnOverlap.Microseconds()
	for {
		records, err := l.index.list(ctx, "look for words of "+l.index.uid, &meili.DocumentsQuery{
			Filter: fmt.Sprintf("writtenAt > %d", behind), Sort: []string{"writtenAt:asc"},
			Fields: []string{"id", "fingerprint", "writtenAt"}, Limit: learnPage,
		})
		if err != nil {
			return err
		}
		if err := l.learn(ctx, records); err != nil {
			return err
		}
		if len(records) > 0 {
			behind = records[len(records)-1].WrittenAt
		}
		// A writer whose clock is ahead must not hide what the others write.
		l.reached = max(l.reached, min(behind, time.Now().UnixMicro()))
		if len(records) < learnPage {
			break
		}
	}
	maps.DeleteFunc(l.read, func(_ uuid.UUID, r reading) bool { return r.writtenAt <= l.reached-learnOverlap.Microseconds() })
	l.index.lexicon.Completed()
	return nil
}

// learn reads the words of the documents that were not read in this state.
func (l *learner) learn(ctx context.Context, records []record) error {
	var fresh []string
	for _, r := range records {
		if l.read[r.ID].fingerprint != r.Fingerprint {
			fresh = append(fresh, r.ID.String())
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	found, err := l.index.list(ctx, "read the words of "+l.index.uid, &meili.DocumentsQuery{
		Filter: oneOf("id", fresh), Fields: wordFields, Limit: int64(len(fresh)),
	})
	if err != nil {
		return err
	}
	documents := make([]search.Document, len(found))
	for i, r := range found {
		documents[i] = r.words()
	}
	l.index.lexicon.Learn(documents)
	for _, r := range records {
		l.read[r.ID] = reading{r.Fingerprint, r.WrittenAt}
	}
	return nil
}

// words returns the parts of a document that its words are in.
func (r record) words() search.Document {
	d := search.Document{ID: r.ID, Title: r.Title, Brand: r.Brand, CategoryNames: r.CategoryNames, Codes: r.Codes,
		Description: strings.Join(r.DescriptionWords, " "), Attributes: make(map[string][]string)}
	for _, attribute := range r.Attributes {
		name, value, _ := strings.Cut(attribute, search.AttributeSeparator)
		d.Attributes[name] = append(d.Attributes[name], value)
	}
	return d
}
