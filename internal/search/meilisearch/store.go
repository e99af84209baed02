package meilisearch

import (
	"context"
	"errors"
	"fmt"
	"time"

	meili "github.com/meilisearch/meilisearch-go"

	"meridian/internal/search"
)

// A Store holds a region's indexes on its own server. It implements search.Store and is safe for concurrent use, with
// one writer at a time.
type Store struct {
	server *server
	live   *index
	begun  *index // the index beside the live one
	// learner fills the lexicon with what other processes write.
	learner learner
	stop    context.CancelFunc
	stopped chan struct{}
}

var _ search.Store = (*Store)(nil)

// Open returns a Store, and creates the index with its settings if it is missing. If an existing index has other
// settings, the first Apply changes them, not Open, and empties an index of another format: while two versions of the
// program run side by side, processes that only search change nothing. A server that does not answer is not an error: Apply
// later does what Open could not.
//
// The key needs search, documents.*, indexes.*, settings.*, stats.get and tasks.get on PREFIX and PREFIX_*.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	s := &Store{server: newServer(cfg)}
	engine := newEngine(s.server, cfg)
	settings := settingsOf(cfg.Words, engine.words)
	fingerprint := settingsFingerprint(settings)
	s.live = &index{Engine: engine, uid: cfg.Index, settings: settings, fingerprint: fingerprint}
	next := cfg.Index + "_next"
	s.begun = &index{Engine: engine.of(next), uid: next, settings: settings, fingerprint: fingerprint}
	s.learner = learner{index: s.live}

	opening, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := s.live.ensure(opening); errors.Is(err, search.ErrUnavailable) {
		cfg.Log.Warn("the search engine is not ready", "engine", s.Kind(), "error", err)
	} else if err != nil {
		s.server.close()
		return nil, fmt.Errorf("open the search index: %w", err)
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop, s.stopped = stop, make(chan struct{})
	go func() {
		defer close(s.stopped)
		s.learner.follow(following)
	}()
	return s, nil
}

// openTimeout bounds the calls of Open, which delays the start of the process.
const openTimeout = 10 * time.Second

// Kind implements search.Store.
func (s *Store) Kind() string { return "meilisearch" }

// Live implements search.Store.
func (s *Store) Live() search.Index { return s.live }

// Begin implements search.Store.
func (s *Store) Begin(ctx context.Context) (search.Index, error) {
	if err := s.live.ensure(ctx); err != nil {
		return nil, err
	}
	replaced, err := s.live.created(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.begun.drop(ctx); err != nil {
		return nil, err
	}
	known, err := s.begun.prepare(ctx)
	if err != nil {
		return nil, err
	}
	known.Replaces = replaced
	if err := s.begun.writeState(ctx, known); err != nil {
		return nil, err
	}
	return s.begun, nil
}

// Resume implements search.Store. The index beside the live one counts if it was begun to replace this very live index.
// An index that was replaced, but not deleted because the process was killed, was begun to replace another.
func (s *Store) Resume(ctx context.Context) (search.Index, error) {
	live, err := s.live.created(ctx)
	if err != nil {
		return nil, err
	}
	known, err := s.begun.readState(ctx)
	if err != nil {
		return nil, err
	}
	if live == "" || known.Replaces != live {
		return nil, search.ErrNotBegun
	}
	return s.begun, nil
}

// Swap implements search.Store. Tasks run under the index name they were accepted for, so Swap first waits for all of
// them. Both indexes then change places in one task.
func (s *Store) Swap(ctx context.Context) error {
	ctx, cancel := s.server.bounded(ctx)
	defer cancel()
	for _, x := range []*index{s.live, s.begun} {
		if err := x.settle(ctx); err != nil {
			return err
		}
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

// exchange sends the swap once: sent twice, it would be undone. If the response is lost, the next Swap waits for the
// task, if it was accepted, and then finds that no index is begun any more. A key for some indexes only is not shown the
// tasks of swaps, so exchange waits for a later task, and then looks at which index is live.
func (s *Store) exchange(ctx context.Context) error {
	const what = "swap the search indexes"
	begun, err := s.begun.created(ctx)
	if err != nil {
		return err
	}
	pairs := []*meili.SwapIndexesParams{{Indexes: []string{s.live.uid, s.begun.uid}}}
	_, err = s.server.enqueue(ctx, 1, what, func(ctx context.Context) (*meili.TaskInfo, error) {
		return s.server.SwapIndexesWithContext(ctx, pairs)
	})
	if err != nil {
		return err
	}
	if err := s.live.settle(ctx); err != nil {
		return err
	}
	live, err := s.live.created(ctx)
	if err == nil && live != begun {
		return fmt.Errorf("%s: %w: the server has not done it", what, search.ErrUnavailable)
	}
	return err
}

// Close implements search.Store.
func (s *Store) Close() error {
	s.stop()
	<-s.stopped
	s.server.close()
	return nil
}
