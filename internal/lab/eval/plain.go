package eval

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/mapping"
	index "github.com/blevesearch/bleve_index_api"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// A ranker answers the first documents that it finds for a query's text.
type ranker func(ctx context.Context, q Query) (ranking, error)

// A ranking is documents, the best first. It is loosened where nothing was found as it was asked.
type ranking struct {
	ids      []uuid.UUID
	loosened bool
}

// plainSystem configures bleve without any of our engine, for comparison.
type plainSystem struct {
	name string
	// mapping is of bleve's own making, but for what is named.
	mapping func() mapping.IndexMapping
	// fields are a document's texts.
	fields func(d search.Document) map[string]any
}

// plainSystems lists what the shop's engine is compared with; gains are over the first.
var plainSystems = []plainSystem{
	{name: "plain", mapping: plainMapping, fields: allTexts},
	{name: "plain titles", mapping: titleMapping, fields: func(d search.Document) map[string]any { return map[string]any{"title": d.Title} }},
}

func plainMapping() mapping.IndexMapping {
	m := bleve.NewIndexMapping()
	m.StoreDynamic, m.DocValuesDynamic = false, false // room on the disk, nothing else
	return m
}

func titleMapping() mapping.IndexMapping {
	m := plainMapping().(*mapping.IndexMappingImpl)
	m.ScoringModel = index.BM25Scoring
	return m
}

// allTexts lists the text fields that the shop's engine has too.
func allTexts(d search.Document) map[string]any {
	var values []string
	for _, v := range d.Attributes {
		values = append(values, v...)
	}
	return map[string]any{
		"title": d.Title, "brand": d.Brand, "category": d.CategoryNames, "attributes": values, "description": d.Description, "codes": d.Codes,
	}
}

// fillBatch bounds the documents written at a time.
const fillBatch = 1000

// fill makes the system's index in a folder. The caller closes it.
func (s plainSystem) fill(ctx context.Context, dir string, documents []search.Document, progress func(done int)) (bleve.Index, error) {
	index, err := bleve.New(filepath.Join(dir, s.name), s.mapping())
	if err != nil {
		return nil, fmt.Errorf("make the index of %s: %w", s.name, err)
	}
	batch := index.NewBatch()
	for i, d := range documents {
		err := errors.Join(ctx.Err(), batch.Index(d.ID.String(), s.fields(d)))
		if err == nil && (batch.Size() == fillBatch || i == len(documents)-1) {
			err = index.Batch(batch)
			batch.Reset()
			progress(i + 1)
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("fill the index of %s: %w", s.name, err), index.Close())
		}
	}
	return index, nil
}

// plainRanker asks bleve's one match query, over its own default field of all texts.
func plainRanker(index bleve.Index) ranker {
	return func(ctx context.Context, q Query) (found ranking, err error) {
		request := bleve.NewSearchRequestOptions(bleve.NewMatchQuery(q.Text), depth, 0, false)
		request.SortBy([]string{"-_score", "_id"})
		result, err := index.SearchInContext(ctx, request)
		if err != nil {
			return found, err
		}
		found.ids = make([]uuid.UUID, len(result.Hits))
		for i, hit := range result.Hits {
			if found.ids[i], err = uuid.Parse(hit.ID); err != nil {
				return found, fmt.Errorf("hit %q: %w", hit.ID, err)
			}
		}
		return found, nil
	}
}
