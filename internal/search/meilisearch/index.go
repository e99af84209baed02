package meilisearch

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// An index is an index of a server. One document of it holds its state. It implements search.Index.
type index struct {
	*Engine
	uid         string
	settings    *meili.Settings
	fingerprint string // of the settings
}

var _ search.Index = (*index)(nil)

// primaryKey is the field of a document's id.
const primaryKey = "id"

// ensure creates the index with its settings if it is missing. All of an empty index is known.
func (x *index) ensure(ctx context.Context) error {
	created, err := x.created(ctx)
	if err != nil || created != "" {
		return err
	}
	if _, err = x.prepare(ctx); err == nil {
		x.lexicon.Completed()
	}
	return err
}

// prepare creates the index if it is missing, applies this program's settings if they differ, and returns its state. It
// begins an index anew whose records have another format, since they are not found by these settings.
func (x *index) prepare(ctx context.Context) (state, error) {
	known, err := x.readState(ctx)
	if err != nil || known.Settings == x.fingerprint {
		return known, err
	}
	if known.Format != "" && known.Format != recordFormat {
		x.server.log.Info("a search index of another version is filled anew", "index", x.uid, "format", known.Format)
		if err := x.drop(ctx); err != nil {
			return state{}, err
		}
		known = state{}
	}
	created, err := x.created(ctx)
	if err == nil && created == "" {
		err = x.create(ctx)
	}
	if err != nil {
		return state{}, err
	}
	x.server.log.Info("applying the settings of a search index", "index", x.uid)
	if err := x.server.applySettings(ctx, x.uid, x.settings); err != nil {
		return state{}, err
	}
	known.Settings = x.fingerprint
	return known, x.writeState(ctx, known)
}

// created returns the creation time of the index, which identifies it, or "" if there is no index.
func (x *index) created(ctx context.Context) (string, error) {
	var info *meili.IndexResult
	err := x.server.do(ctx, writeTries, "look for the index "+x.uid, func(ctx context.Context) (err error) {
		info, err = x.server.Index(x.uid).FetchInfoWithContext(ctx)
		return err
	})
	if saidCode(err, "index_not_found") {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	return info.CreatedAt.UTC().Format(time.RFC3339Nano), nil
}

// create creates the index unless it exists.
func (x *index) create(ctx context.Context) error {
	err := x.server.carryOut(ctx, "create the index "+x.uid, func(ctx context.Context) (*meili.TaskInfo, error) {
		return x.server.CreateIndexWithContext(ctx, &meili.IndexConfig{Uid: x.uid, PrimaryKey: primaryKey})
	})
	if saidCode(err, "index_already_exists") {
		return nil
	}
	return err
}

// drop deletes the index if it exists.
func (x *index) drop(ctx context.Context) error { return x.server.deleteIndex(ctx, x.uid) }

// deleteIndex deletes an index if it exists. Deleting a missing index would create a task that fails.
func (s *server) deleteIndex(ctx context.Context, uid string) error {
	what := "delete the index " + uid
	err := s.do(ctx, writeTries, what, func(ctx context.Context) error {
		_, err := s.Index(uid).FetchInfoWithContext(ctx)
		return err
	})
	if err == nil {
		err = s.carryOut(ctx, what, func(ctx context.Context) (*meili.TaskInfo, error) { return s.DeleteIndexWithContext(ctx, uid) })
	}
	if saidCode(err, "index_not_found") {
		return nil
	}
	return err
}

// State implements search.Index. A missing index is empty and has no positions.
func (x *index) State(ctx context.Context) (search.State, error) {
	known, err := x.readState(ctx)
	if err != nil {
		return search.State{}, err
	}
	positions, err := known.positions()
	if err != nil {
		return search.State{}, err
	}
	var stats *meili.StatsIndex
	err = x.server.do(ctx, writeTries, "count the documents of "+x.uid, func(ctx context.Context) (err error) {
		stats, err = x.server.Index(x.uid).GetStatsWithContext(ctx, nil)
		return err
	})
	if saidCode(err, "index_not_found") {
		return search.State{}, nil
	}
	if err != nil {
		return search.State{}, err
	}
	found := search.State{Documents: int(stats.NumberOfDocuments), Positions: positions}
	if known.ID != "" {
		found.Documents--
	}
	if bytes, ok := stats.RawDocumentDbSize.(float64); ok {
		found.Bytes = int64(bytes)
	}
	return found, nil
}

// Entries implements search.Index.
func (x *index) Entries(ctx context.Context, after uuid.UUID, limit int) ([]search.Entry, error) {
	query := &meili.DocumentsQuery{
		Filter: []string{"id > " + quote(after.String()), isProduct},
		Sort:   []string{"id:asc"}, Fields: []string{"id", "version", "fingerprint"}, Limit: int64(limit),
	}
	records, err := x.list(ctx, "list the entries of "+x.uid, query)
	if err != nil {
		return nil, err
	}
	entries := make([]search.Entry, 0, len(records))
	for _, r := range records {
		entries = append(entries, search.Entry{ID: r.ID, Version: r.Version, Fingerprint: r.Fingerprint})
	}
	return entries, nil
}

// Due implements search.Index.
func (x *index) Due(ctx context.Context, at time.Time, limit int) ([]uuid.UUID, error) {
	query := &meili.DocumentsQuery{
		Filter: fmt.Sprintf("goodUntil <= %d", at.UnixMicro()), Sort: []string{"goodUntil:asc", "id:asc"},
		Fields: []string{"id"}, Limit: int64(limit),
	}
	records, err := x.list(ctx, "list the due documents of "+x.uid, query)
	if err != nil {
		return nil, err
	}
	due := make([]uuid.UUID, 0, len(records))
	for _, r := range records {
		due = append(due, r.ID)
	}
	return due, nil
}

// list returns documents. A missing index has none.
func (x *index) list(ctx context.Context, what string, query *meili.DocumentsQuery) ([]record, error) {
	if query.Limit < 1 {
		return nil, nil
	}
	var found meili.DocumentsResult
	err := x.server.do(ctx, writeTries, what, func(ctx context.Context) error {
		found = meili.DocumentsResult{}
		return x.server.Index(x.uid).GetDocumentsWithContext(ctx, query, &found)
	})
	if saidCode(err, "index_not_found") {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	records := make([]record, len(found.Results))
	for i, hit := range found.Results {
		if err := hit.DecodeInto(&records[i]); err != nil {
			return nil, unreadable("a document", err)
		}
	}
	return records, nil
}
