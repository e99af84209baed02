package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// An index is an index of a server with the companion index that holds its state. It implements search.Index.
type index struct {
	*Engine
	uid         string
	settings    *meili.Settings
	fingerprint string // of the settings
}

var _ search.Index = (*index)(nil)

// stateOf returns the name of the index that holds another's state.
func stateOf(uid string) string { return uid + "_state" }

// primaryKey is the field of a document's id.
const primaryKey = "id"

// ensure creates the index with its settings if it is missing.
func (x *index) ensure(ctx context.Context) error {
	created, err := x.created(ctx)
	if err != nil || created != "" {
		return err
	}
	return x.prepare(ctx)
}

// prepare creates the index if it is missing, and applies this program's settings if they differ. It first deletes the
// positions of an index that no longer exists.
func (x *index) prepare(ctx context.Context) error {
	created, err := x.created(ctx)
	if err == nil && created == "" {
		created, err = x.create(ctx)
	}
	if err != nil {
		return err
	}
	known, err := x.readState(ctx)
	if err != nil {
		return err
	}
	if known.about[aboutIndex] == created && known.about[aboutSettings] == x.fingerprint {
		return nil
	}
	if known.about[aboutIndex] != created && len(known.about)+len(known.positions) > 0 {
		if err := x.server.deleteIndex(ctx, stateOf(x.uid)); err != nil {
			return err
		}
	}
	x.server.log.Info("applying the settings of a search index", "index", x.uid)
	if err := x.server.applySettings(ctx, x.uid, x.settings); err != nil {
		return err
	}
	return x.writeState(ctx, []row{newRow(kindAbout, aboutIndex, created), newRow(kindAbout, aboutSettings, x.fingerprint)})
}

// created returns a text that identifies the index by its creation time and the format of its documents, or "" if there
// is no index.
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
	return info.CreatedAt.UTC().Format(time.RFC3339Nano) + " form " + recordFormat, nil
}

// create creates the index unless it exists.
func (x *index) create(ctx context.Context) (string, error) {
	what := "create the index " + x.uid
	err := x.server.carryOut(ctx, what, func(ctx context.Context) (*meili.TaskInfo, error) {
		return x.server.CreateIndexWithContext(ctx, &meili.IndexConfig{Uid: x.uid, PrimaryKey: primaryKey})
	})
	if err != nil && !saidCode(err, "index_already_exists") {
		return "", err
	}
	created, err := x.created(ctx)
	if err == nil && created == "" {
		return "", fmt.Errorf("%s: %w: it is gone again", what, search.ErrUnavailable)
	}
	return created, err
}

// drop deletes the index and its state if they exist.
func (x *index) drop(ctx context.Context) error {
	return errors.Join(x.server.deleteIndex(ctx, x.uid), x.server.deleteIndex(ctx, stateOf(x.uid)))
}

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
	created, err := x.created(ctx)
	if err != nil || created == "" {
		return search.State{}, err
	}
	known, err := x.readState(ctx)
	if err != nil {
		return search.State{}, err
	}
	var stats *meili.StatsIndex
	err = x.server.do(ctx, writeTries, "count the documents of "+x.uid, func(ctx context.Context) (err error) {
		stats, err = x.server.Index(x.uid).GetStatsWithContext(ctx, nil)
		return err
	})
	if err != nil {
		return search.State{}, err
	}
	state := search.State{Documents: int(stats.NumberOfDocuments)}
	if known.about[aboutIndex] == created {
		state.Positions = known.positions
	}
	if bytes, ok := stats.RawDocumentDbSize.(float64); ok {
		state.Bytes = int64(bytes)
	}
	return state, nil
}

// Entries implements search.Index.
func (x *index) Entries(ctx context.Context, after uuid.UUID, limit int) ([]search.Entry, error) {
	query := &meili.DocumentsQuery{
		Filter: "id > " + quote(after.String()), Sort: []string{"id:asc"}, Fields: []string{"id", "version", "fingerprint"}, Limit: int64(limit),
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
