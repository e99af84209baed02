package bleve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	library "github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"
	"github.com/google/uuid"

	"meridian/internal/search"
)

// An index is one folder that the library has open.
type index struct {
	folder   string
	library  library.Index
	scorch   *scorch.Scorch
	columns  *dictionaries
	synonyms map[string]*synonyms
	root     os.FileInfo // the file that tells whether the folder is still the one that was opened

	writing sync.Mutex // held by what writes, and to close
	mu      sync.Mutex // of what follows
	current *view      // nil when closed
}

// What keeps an index from answering.
var (
	errClosed = errors.New("the index is closed")
	errGone   = errors.New("the folder of the index was taken away")
)

// unavailable says that the engine cannot answer, and why.
func unavailable(err error) error { return fmt.Errorf("%w: %w", search.ErrUnavailable, err) }

// The library's files, within the folder of an index.
const libraryRoot = "store/root.bolt"

// internalFormat is where an index keeps the format of its documents, internalPositions those of the feed.
var internalFormat, internalPositions = []byte("format"), []byte("positions")

// create makes an empty index in a folder that does not exist.
func create(folder string, synonyms map[string]*synonyms) (*index, error) {
	l, err := library.NewUsing(folder, library.NewIndexMapping(), scorch.Name, scorch.Name, nil)
	if err != nil {
		return nil, fmt.Errorf("make an index: %w", err)
	}
	if err := l.SetInternal(internalFormat, []byte(format)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("make an index: %w", err)
	}
	return newIndex(folder, l, synonyms)
}

// open opens the index of a folder. Every error, and whatever the library panics of, means that it cannot be used.
func open(folder string, synonyms map[string]*synonyms) (i *index, err error) {
	var l library.Index
	// A file that was cut off is mapped as long as it says it is: reading behind its end is a fault, which would end the
	// process if it were no panic.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("open an index: %v", r)
		}
		if err != nil && l != nil {
			_ = l.Close()
		}
	}()
	opened, err := library.OpenUsing(folder, map[string]any{"bolt_timeout": "1s"})
	if err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	l = opened
	stored, err := l.GetInternal(internalFormat)
	if err == nil && string(stored) != format {
		err = fmt.Errorf("its documents are of format %q, not %q", stored, format)
	}
	if err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	return newIndex(folder, l, synonyms)
}

func newIndex(folder string, l library.Index, synonyms map[string]*synonyms) (*index, error) {
	advanced, err := l.Advanced()
	if err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	i := &index{folder: folder, library: l, scorch: advanced.(*scorch.Scorch), columns: newDictionaries(), synonyms: synonyms}
	if i.root, err = os.Stat(filepath.Join(folder, libraryRoot)); err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	if i.current, err = newView(i.scorch, nil, i.columns); err != nil {
		return nil, err
	}
	return i, nil
}

// close lets go of the folder. Searches that have begun end as if nothing had happened.
func (i *index) close() error {
	i.writing.Lock()
	defer i.writing.Unlock()
	i.mu.Lock()
	last := i.current
	i.current = nil
	i.mu.Unlock()
	if last == nil {
		return nil
	}
	return errors.Join(last.release(), i.library.Close())
}

// use is the present view; the caller releases it.
func (i *index) use() (*view, error) {
	if err := i.here(); err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.current == nil {
		return nil, unavailable(errClosed)
	}
	i.current.users.Add(1)
	return i.current, nil
}

// here makes sure that the folder is the one that was opened: what is mapped into memory outlives its files, and an
// index nobody can write would answer for ever.
func (i *index) here() error {
	now, err := os.Stat(filepath.Join(i.folder, libraryRoot))
	if err != nil || !os.SameFile(now, i.root) {
		return unavailable(errGone)
	}
	return nil
}

// refresh makes what was written searchable.
func (i *index) refresh() error {
	fresh, err := newView(i.scorch, i.current, i.columns)
	if err != nil {
		return unavailable(err)
	}
	i.mu.Lock()
	before := i.current
	i.current = fresh
	i.mu.Unlock()
	return before.release()
}

// Search answers a query from the present view.
func (i *index) Search(ctx context.Context, q search.Query) (search.Result, error) {
	if err := q.Validate(); err != nil {
		return search.Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return search.Result{}, unavailable(err)
	}
	v, err := i.use()
	if err != nil {
		return search.Result{}, err
	}
	result, err := v.search(ctx, q, i.columns, i.synonyms[q.Language])
	return result, errors.Join(err, v.release())
}

// State tells how many documents there are and how far the feed is.
func (i *index) State(context.Context) (search.State, error) {
	v, err := i.use()
	if err != nil {
		return search.State{}, err
	}
	positions, err := v.positions()
	state := search.State{Documents: v.live, Positions: positions, Bytes: size(i.folder)}
	return state, errors.Join(err, v.release())
}

// size is how many bytes the files of a folder have.
func size(folder string) (bytes int64) {
	_ = filepath.WalkDir(folder, func(_ string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil // files come and go while the library merges
		}
		if info, err := entry.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// Entries lists what is in the index behind an id.
func (i *index) Entries(_ context.Context, after uuid.UUID, limit int) ([]search.Entry, error) {
	v, err := i.use()
	if err != nil {
		return nil, err
	}
	entries, err := v.entries(after, limit)
	return entries, errors.Join(err, v.release())
}

// Due lists the documents that are due first.
func (i *index) Due(_ context.Context, at time.Time, limit int) ([]uuid.UUID, error) {
	v, err := i.use()
	if err != nil {
		return nil, err
	}
	var due []*row
	v.each(func(_ place, r *row) {
		if r.goodUntilMicro <= at.UnixMicro() {
			due = append(due, r)
		}
	})
	slices.SortFunc(due, func(a, b *row) int { return int(min(1, max(-1, a.goodUntilMicro-b.goodUntilMicro))) })
	var ids []uuid.UUID
	for _, r := range due[:min(limit, len(due))] {
		ids = append(ids, r.id)
	}
	return ids, v.release()
}
