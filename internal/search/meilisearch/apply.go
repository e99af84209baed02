package meilisearch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// maxPayloadBytes bounds a request with documents, well below the 100 MB that Meilisearch accepts: both sides hold it
// in memory.
const maxPayloadBytes = 20 << 20

// Apply implements search.Index. The positions move once the tasks of all documents have succeeded.
func (x *index) Apply(ctx context.Context, c search.Changes) error {
	if x.server.closed.Load() {
		return fmt.Errorf("apply changes to %s: %w", x.uid, errClosed)
	}
	if err := c.Validate(); err != nil {
		return err
	}
	ctx, cancel := x.server.bounded(ctx)
	defer cancel()
	if err := x.prepare(ctx); err != nil {
		return err
	}
	payloads, err := pack(c.Put, maxPayloadBytes)
	if err != nil {
		return err
	}
	if err := x.write(ctx, payloads, c.Delete); err != nil {
		return err
	}
	return x.writePositions(ctx, c.Positions)
}

// A payload is the part of a batch that is sent in one request.
type payload struct {
	ids       []uuid.UUID
	documents []json.RawMessage
	bytes     int
}

// pack splits documents into payloads of at most maxBytes, each of at least one document.
func pack(documents []search.Document, maxBytes int) ([]payload, error) {
	var all []payload
	for _, d := range documents {
		text, err := json.Marshal(newRecord(d))
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

// write sends everything before it waits, so that the server can process it together: the tasks of an index run in the
// order in which they were accepted.
func (x *index) write(ctx context.Context, payloads []payload, deleted []uuid.UUID) error {
	var tasks []int64
	var ids [][]uuid.UUID
	for _, p := range payloads {
		sent, sentIDs, err := x.send(ctx, p)
		tasks, ids = append(tasks, sent...), append(ids, sentIDs...)
		if err != nil {
			return err
		}
	}
	if len(deleted) > 0 {
		task, err := x.server.enqueue(ctx, writeTries, "delete documents of "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
			return x.server.Index(x.uid).DeleteDocumentsWithContext(ctx, texts(deleted), nil)
		})
		if err != nil {
			return err
		}
		tasks, ids = append(tasks, task), append(ids, nil)
	}
	for i, task := range tasks {
		if err := x.server.wait(ctx, "write documents to "+x.uid, task); err != nil {
			return naming(err, ids[i])
		}
	}
	return nil
}

// send submits a payload, in halves if it is too large for the server or a proxy. It returns the tasks and the
// documents of each.
func (x *index) send(ctx context.Context, p payload) (tasks []int64, ids [][]uuid.UUID, err error) {
	body, err := json.Marshal(p.documents)
	if err != nil {
		return nil, nil, fmt.Errorf("send documents: %w", err)
	}
	tooLarge := false
	task, err := x.server.enqueue(ctx, writeTries, "send documents to "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		key := primaryKey
		info, err := x.server.Index(x.uid).AddDocumentsWithContext(ctx, body, &meili.DocumentOptions{PrimaryKey: &key})
		said, ok := errors.AsType[*meili.Error](err)
		tooLarge = ok && said.StatusCode == 413
		return info, err
	})
	if err == nil {
		return []int64{task}, [][]uuid.UUID{p.ids}, nil
	}
	if half := len(p.ids) / 2; tooLarge && half > 0 {
		for _, part := range []payload{{ids: p.ids[:half], documents: p.documents[:half]}, {ids: p.ids[half:], documents: p.documents[half:]}} {
			more, moreIDs, err := x.send(ctx, part)
			tasks, ids = append(tasks, more...), append(ids, moreIDs...)
			if err != nil {
				return tasks, ids, err
			}
		}
		return tasks, ids, nil
	}
	return nil, nil, naming(err, p.ids)
}

// naming adds the id to a *search.RejectedError if the document was sent alone.
func naming(err error, ids []uuid.UUID) error {
	if rejected, ok := errors.AsType[*search.RejectedError](err); ok && len(ids) == 1 {
		return &search.RejectedError{IDs: ids, Reason: rejected.Reason}
	}
	return err
}
