package bleve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// Config configures a Store.
type Config struct {
	// Dir is the folder of the store, which nothing else may use. It is created if missing.
	Dir string
	// Words are the synonyms and stop words; nil means search.ShippedWords.
	Words search.Words
	// Log receives errors of indexes that could not be opened; nil means slog.Default.
	Log *slog.Logger
}

// A Store is the folder of a region's index. It implements search.Store and is safe for concurrent use.
type Store struct {
	dir   string
	log   *slog.Logger
	words language.Dictionaries
	live  handle

	mu    sync.Mutex // serializes opening, closing and swapping
	lock  *os.File   // nil when closed
	begun *index
}

// ErrInUse is wrapped by errors of Open if another process, or another store of this one, uses the folder.
var ErrInUse = errors.New("another process is using the search index")

// errWrite is wrapped by errors of library writes. The index is then reopened.
var errWrite = errors.New("write to the index")

// Open opens the store in a folder, and creates an empty index if there is none. An unreadable index is logged, moved
// aside and replaced by an empty one. Open fails with ErrInUse if the folder is in use.
func Open(config Config) (*Store, error) {
	words := config.Words
	if words == nil {
		words = search.ShippedWords()
	}
	s := &Store{dir: config.Dir, log: config.Log, words: language.NewDictionaries(words)}
	if s.log == nil {
		s.log = slog.Default()
	}
	s.live.store = s
	return s, s.Open()
}

// Kind returns "bleve".
func (s *Store) Kind() string { return "bleve" }

// Open reopens a store that was closed. Its live index is the same value as before.
func (s *Store) Open() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		return nil
	}
	return s.open()
}

func (s *Store) open() (err error) {
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return fmt.Errorf("open the search index: %w", err)
	}
	if s.lock, err = lockFolder(s.dir); err != nil {
		return err
	}
	i, err := s.openLive()
	if err != nil {
		return errors.Join(err, s.unlock())
	}
	s.live.index.Store(i)
	s.tidy()
	return nil
}

// openLive opens the live index, or creates one.
func (s *Store) openLive() (*index, error) {
	name, err := s.pointer(liveFile)
	if err != nil {
		return nil, err
	}
	if name != "" {
		i, err := open(filepath.Join(s.dir, name), s.words)
		if err == nil {
			return i, nil
		}
		s.setAside(name, err)
	}
	name = newName()
	i, err := create(filepath.Join(s.dir, name), s.words)
	if err != nil {
		return nil, err
	}
	if err := s.point(liveFile, name); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

// Live returns the index that shoppers search.
func (s *Store) Live() search.Index { return &s.live }

// Begin creates an empty index beside the live one.
func (s *Store) Begin(context.Context) (search.Index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil, unavailable(errClosed)
	}
	if err := s.dropBegun(); err != nil {
		return nil, err
	}
	name := newName()
	i, err := create(filepath.Join(s.dir, name), s.words)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := s.point(begunFile, name); err != nil {
		return nil, errors.Join(unavailable(err), i.close())
	}
	s.begun = i
	return newHandle(i), nil
}

// dropBegun discards the index that was begun.
func (s *Store) dropBegun() error {
	if s.begun != nil {
		if err := s.begun.close(); err != nil {
			s.log.Warn("an index that was begun did not close", "error", err)
		}
		s.begun = nil
	}
	if err := s.point(begunFile, ""); err != nil {
		return err
	}
	s.tidy()
	return nil
}

// Resume returns the index that was begun and not yet swapped, or search.ErrNotBegun.
func (s *Store) Resume(context.Context) (search.Index, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.resume(); err != nil {
		return nil, err
	}
	return newHandle(s.begun), nil
}

func (s *Store) resume() error {
	if s.lock == nil {
		return unavailable(errClosed)
	}
	if s.begun != nil && s.begun.here() == nil {
		return nil
	}
	name, err := s.pointer(begunFile)
	if err != nil {
		return unavailable(err)
	}
	if name == "" {
		return search.ErrNotBegun
	}
	i, err := open(filepath.Join(s.dir, name), s.words)
	if err != nil {
		s.setAside(name, err)
		return errors.Join(search.ErrNotBegun, s.dropBegun())
	}
	s.begun = i
	return nil
}

// Swap replaces the live index with the one that was begun.
func (s *Store) Swap(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.resume(); err != nil {
		return err
	}
	if err := s.point(liveFile, filepath.Base(s.begun.folder)); err != nil {
		return unavailable(err)
	}
	old := s.live.index.Swap(s.begun)
	s.begun = nil
	if err := old.close(); err != nil {
		s.log.Warn("the replaced index did not close", "error", err)
	}
	if err := s.point(begunFile, ""); err != nil {
		return unavailable(err)
	}
	s.tidy()
	return nil
}

// Close releases the folder. Until Open is called, everything returns search.ErrUnavailable.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	return s.close()
}

func (s *Store) close() error {
	var errs []error
	if i := s.live.index.Swap(nil); i != nil {
		errs = append(errs, i.close())
	}
	if s.begun != nil {
		errs = append(errs, s.begun.close())
		s.begun = nil
	}
	return errors.Join(append(errs, s.unlock())...)
}

func (s *Store) unlock() error {
	f := s.lock
	s.lock = nil
	return f.Close()
}

// Wipe deletes everything: documents, positions and an index that was begun.
func (s *Store) Wipe() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return unavailable(errClosed)
	}
	if err := s.close(); err != nil {
		s.log.Warn("the index to be wiped did not close", "error", err)
	}
	if err := os.RemoveAll(s.dir); err != nil {
		return fmt.Errorf("wipe the search index: %w", err)
	}
	return s.open()
}

// mend reopens the store after its live index turned out to be gone or not writable.
func (s *Store) mend(broken *index, cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil || s.live.index.Load() != broken {
		return
	}
	s.log.Warn("the search index is opened anew", "error", cause)
	if err := s.close(); err != nil {
		s.log.Warn("the search index did not close", "error", err)
	}
	if err := s.open(); err != nil {
		s.log.Error("the search index does not open", "error", err)
	}
}

func newName() string { return indexPrefix + uuid.NewString()[:8] }
