package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// Store is a region's indexes on its own server. It implements search.Store, and is safe for use by many goroutines, of
// which one at a time writes.
type Store struct {
	server *server
	live   *index
	begun  *index // where one is begun
}

var _ search.Store = (*Store)(nil)

// Open makes the index with its settings where it is missing. Other settings than an index has are applied by the first
// Apply, by the one who writes: while programs of two versions run beside each other, those that only search change
// nothing. A server that does not answer is no error: it may come later, and Apply then does what Open could not.
//
// The key needs search, documents.*, indexes.*, settings.*, stats.get and tasks.get on PREFIX and PREFIX_*.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Store{server: newServer(cfg)}
	engine, settings := newEngine(s.server, cfg), settingsOf(cfg.Words)
	fingerprint := settingsFingerprint(settings)
	s.live = &index{Engine: engine, uid: cfg.Index, settings: settings, fingerprint: fingerprint}
	next := cfg.Index + "_next"
	s.begun = &index{Engine: engine.of(next), uid: next, settings: settings, fingerprint: fingerprint}

	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := s.live.ensure(ctx); errors.Is(err, search.ErrUnavailable) {
		cfg.Log.Warn("the search engine is not ready", "engine", s.Kind(), "error", err)
	} else if err != nil {
		s.server.close()
		return nil, fmt.Errorf("open the search index: %w", err)
	}
	return s, nil
}

// openTimeout bounds Open, which others wait for.
const openTimeout = 10 * time.Second

// Kind implements search.Store.
func (s *Store) Kind() string { return "meilisearch" }

// Live implements search.Store.
func (s *Store) Live() search.Index { return s.live }

// Begin implements search.Store.
func (s *Store) Begin(ctx context.Context) (search.Index, error) {
	if err := s.live.prepare(ctx); err != nil { // it is what will be replaced
		return nil, err
	}
	replaced, err := s.live.created(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.begun.drop(ctx); err != nil {
		return nil, err
	}
	if err := s.begun.prepare(ctx); err != nil {
		return nil, err
	}
	if err := s.begun.writeState(ctx, []row{newRow(kindAbout, aboutReplaces, replaced)}); err != nil {
		return nil, err
	}
	return s.begun, nil
}

// Resume implements search.Store. What is beside the live index counts if it was begun in order to replace this very
// one: an index that was replaced, and not deleted since the program was killed, was begun to replace another.
func (s *Store) Resume(ctx context.Context) (search.Index, error) {
	live, err := s.live.created(ctx)
	if err != nil {
		return nil, err
	}
	begun, err := s.begun.created(ctx)
	if err != nil {
		return nil, err
	}
	state, err := s.begun.readState(ctx)
	if err != nil {
		return nil, err
	}
	if live == "" || begun == "" || state.about[aboutIndex] != begun || state.about[aboutReplaces] != live {
		return nil, search.ErrNotBegun
	}
	return s.begun, nil
}

// Swap implements search.Store. Tasks keep the name of the index that they were accepted for, so all of them are
// finished first; then both indexes and their states change places in one task.
func (s *Store) Swap(ctx context.Context) error {
	ctx, cancel := s.server.bounded(ctx)
	defer cancel()
	if err := s.server.settle(ctx, s.live.uid, s.begun.uid, stateOf(s.live.uid), stateOf(s.begun.uid)); err != nil {
		return err
	}
	if _, err := s.Resume(ctx); err != nil {
		return err
	}
	if err := s.exchange(ctx); err != nil {
		return err
	}
	if err := s.begun.drop(ctx); err != nil {
		s.server.log.Warn("a search index that was replaced is not deleted yet", "index", s.begun.uid, "error", err)
	}
	return nil
}

// exchange asks once: done twice, the indexes would be back where they were. Where the answer is lost, the next Swap
// first lets the task finish, if it was accepted, and then finds that nothing is begun any more.
func (s *Store) exchange(ctx context.Context) error {
	const what = "swap the search indexes"
	pairs := []*meili.SwapIndexesParams{
		{Indexes: []string{s.live.uid, s.begun.uid}},
		{Indexes: []string{stateOf(s.live.uid), stateOf(s.begun.uid)}},
	}
	var task int64
	err := s.server.do(ctx, 1, what, func(ctx context.Context) error {
		info, err := s.server.SwapIndexesWithContext(ctx, pairs)
		if err == nil {
			task = info.TaskUID
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.server.wait(ctx, what, task)
}

// Close implements search.Store.
func (s *Store) Close() error {
	s.server.close()
	return nil
}
