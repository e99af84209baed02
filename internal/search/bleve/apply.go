package bleve

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	library "github.com/blevesearch/bleve/v2"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// partBytes bounds the text bytes of one library batch, so that a batch of long descriptions is not held in memory at
// once. The positions are written with the last one.
const partBytes = 8 << 20

// apply writes changes and makes them searchable.
func (i *index) apply(ctx context.Context, c search.Changes) error {
	i.writing.Lock()
	defer i.writing.Unlock()
	v, err := i.use()
	if err != nil {
		return err
	}
	err = i.write(ctx, v, c)
	if released := v.release(); err == nil {
		err = released
	}
	if err != nil {
		return err
	}
	return i.refresh()
}

func (i *index) write(ctx context.Context, v *view, c search.Changes) error {
	documents, err := newest(v, c.Put)
	if err != nil {
		return err
	}
	batch, bytes := i.library.NewBatch(), 0
	for _, id := range c.Delete {
		if _, put := documents[id]; !put {
			batch.Delete(id.String())
		}
	}
	for _, d := range documents {
		if err := batch.IndexAdvanced(libraryDocument(d)); err != nil {
			return fmt.Errorf("write document %s: %w", d.ID, err)
		}
		if bytes += len(d.Title) + len(d.Description); bytes > partBytes {
			if err := i.commit(ctx, batch); err != nil {
				return err
			}
			batch, bytes = i.library.NewBatch(), 0
		}
	}
	if err := setPositions(v, batch, c.Positions); err != nil {
		return err
	}
	return i.commit(ctx, batch)
}

func (i *index) commit(ctx context.Context, batch *library.Batch) error {
	if err := ctx.Err(); err != nil {
		return unavailable(err)
	}
	if err := i.library.Batch(batch); err != nil {
		return unavailable(fmt.Errorf("%w: %w", errWrite, err))
	}
	return nil
}

// newest returns the documents to write, by id. It leaves out those that the index already has in a newer version.
func newest(v *view, put []search.Document) (map[uuid.UUID]search.Document, error) {
	l := newLexicon(v)
	documents := make(map[uuid.UUID]search.Document, len(put))
	for _, d := range put {
		version, err := l.version(d.ID)
		if err != nil {
			return nil, unavailable(err)
		}
		if before, twice := documents[d.ID]; d.Version >= version && (!twice || d.Version >= before.Version) {
			documents[d.ID] = d
		}
	}
	return documents, nil
}

func setPositions(v *view, batch *library.Batch, moved map[string]string) error {
	if len(moved) == 0 {
		return nil
	}
	positions, err := v.positions()
	if err != nil {
		return unavailable(err)
	}
	maps.Copy(positions, moved)
	text, err := json.Marshal(positions)
	if err != nil {
		return fmt.Errorf("write the positions of the feed: %w", err)
	}
	batch.SetInternal(internalPositions, text)
	return nil
}
