package meilisearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// maxPayloadBytes bounds a request with documents, well below the 100 MB that Meilisearch accepts: both sides hold it
// in memory.
const maxPayloadBytes = 20 << 20

// Apply implements search.Index. The documents and the positions that they reach are one task, unless documents are
// deleted too or do not fit into one request: then the positions are in the last one, which is sent once the others have
// succeeded.
func (x *index) Apply(ctx context.Context, c search.Changes) error {
	if x.server.closed.Load() {
		return fmt.Errorf("apply changes to %s: %w", x.uid, errClosed)
	}
	if err := c.Validate(); err != nil {
		return err
	}
	ctx, cancel := x.server.bounded(ctx)
	defer cancel()
	known, err := x.prepare(ctx)
	if err != nil {
		return err
	}
	payloads, err := pack(c.Put, maxPayloadBytes)
	if err != nil {
		return err
	}
	if len(c.Positions) > 0 {
		moved, err := known.moved(c.Positions)
		if err != nil {
			return err
		}
		if payloads, err = withState(payloads, moved); err != nil {
			return err
		}
	}
	if len(c.Delete) > 0 {
		if err := x.deleteDocuments(ctx, texts(c.Delete)); err != nil {
			return err
		}
	}
	for _, p := range payloads {
		if err := x.put(ctx, p); err != nil {
			return err
		}
	}
	x.lexicon.Learn(c.Put)
	return nil
}

// withState adds the state to the last payload.
func withState(payloads []payload, s state) ([]payload, error) {
	s.ID, s.Format = stateID, recordFormat
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("send the state: %w", err)
	}
	if len(payloads) == 0 {
		payloads = []payload{{}}
	}
	last := &payloads[len(payloads)-1]
	last.documents = append(last.documents, text)
	return payloads, nil
}

// A payload is the part of a batch that is sent in one request.
type payload struct {
	ids       []uuid.UUID       // of the products
	documents []json.RawMessage // of the products, and of the state at the end of the last payload
	bytes     int
}

// pack splits documents into payloads of at most maxBytes, each of at least one document.
func pack(documents []search.Document, maxBytes int) ([]payload, error) {
	var all []payload
	now := time.Now()
	for i, d := range documents {
		text, err := json.Marshal(newRecord(d, now.Add(time.Duration(i)*time.Microsecond)))
		if err != nil {
			return nil, fmt.Errorf("send the document %s: %w", d.ID, err)
		}
		if n := len(all); n == 0 || all[n-1].bytes+len(text) > maxBytes {
			all = append(all, payload{})
		}
		p := &all[len(all)-1]
		p.ids, p.documents, p.bytes = append(p.ids, d.ID), append(p.documents, text), p.bytes+len(text)+1
	}
	return all, nil
}

// deleteDocuments deletes documents and waits until they are gone.
func (x *index) deleteDocuments(ctx context.Context, ids []string) error {
	return x.server.carryOut(ctx, "delete documents of "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		return x.server.Index(x.uid).DeleteDocumentsWithContext(ctx, ids, nil)
	})
}

// put writes a payload and waits until it is searchable. If it is too large for the server or a proxy, it is written in
// halves, the last one with the state.
func (x *index) put(ctx context.Context, p payload) error {
	body, err := json.Marshal(p.documents)
	if err != nil {
		return fmt.Errorf("send documents: %w", err)
	}
	tooLarge := false
	err = x.server.carryOut(ctx, "write documents to "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		key := primaryKey
		info, err := x.server.Index(x.uid).AddDocumentsWithContext(ctx, body, &meili.DocumentOptions{PrimaryKey: &key})
		said, ok := errors.AsType[*meili.Error](err)
		tooLarge = ok && said.StatusCode == 413
		return info, err
	})
	half := len(p.ids) / 2
	if !tooLarge || half == 0 {
		return naming(err, p.ids)
	}
	if err := x.put(ctx, payload{ids: p.ids[:half], documents: p.documents[:half]}); err != nil {
		return err
	}
	return x.put(ctx, payload{ids: p.ids[half:], documents: p.documents[half:]})
}

// naming adds the id to a *search.RejectedError if the document was sent alone.
func naming(err error, ids []uuid.UUID) error {
	if rejected, ok := errors.AsType[*search.RejectedError](err); ok && len(ids) == 1 {
		return &search.RejectedError{IDs: ids, Reason: rejected.Reason}
	}
	return err
}
