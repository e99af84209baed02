package bleve

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"

	library "github.com/blevesearch/bleve/v2"
	"github.com/blevesearch/bleve/v2/index/scorch"

	"meridian/internal/search"
	"meridian/internal/search/language"
)

// An index is an open folder of the library.
type index struct {
	folder  string
	library library.Index
	scorch  *scorch.Scorch
	columns *dictionaries
	words   language.Dictionaries
	root    os.FileInfo // identifies the folder that was opened

	writing sync.Mutex // held to write and to close
	mu      sync.Mutex // guards current
	current *view      // nil when closed
}

// The reasons why an index cannot answer.
var (
	errClosed = errors.New("the index is closed")
	errGone   = errors.New("the folder of the index was taken away")
)

// unavailable wraps an error in search.ErrUnavailable.
func unavailable(err error) error { return fmt.Errorf("%w: %w", search.ErrUnavailable, err) }

// libraryRoot is the library's main file, within the folder of an index.
const libraryRoot = "store/root.bolt"

// internalFormat is the key of the documents' format, internalPositions that of the feed's positions.
var internalFormat, internalPositions = []byte("format"), []byte("positions")

// create creates an empty index in a new folder.
func create(folder string, words language.Dictionaries) (*index, error) {
	l, err := library.NewUsing(folder, library.NewIndexMapping(), scorch.Name, scorch.Name, nil)
	if err != nil {
		return nil, fmt.Errorf("make an index: %w", err)
	}
	if err := l.SetInternal(internalFormat, []byte(format)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("make an index: %w", err)
	}
	return newIndex(folder, l, words)
}

// open opens the index in a folder. Any error, or panic of the library, means that it is unusable.
func open(folder string, words language.Dictionaries) (i *index, err error) {
	var l library.Index
	// A truncated file is mapped at its recorded length: reading past its end is a fault, which would end the process
	// if it were not a panic.
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
	return newIndex(folder, l, words)
}

func newIndex(folder string, l library.Index, words language.Dictionaries) (*index, error) {
	advanced, err := l.Advanced()
	if err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	i := &index{folder: folder, library: l, scorch: advanced.(*scorch.Scorch), columns: newDictionaries(), words: words}
	if i.root, err = os.Stat(filepath.Join(folder, libraryRoot)); err != nil {
		return nil, fmt.Errorf("open an index: %w", err)
	}
	if i.current, err = newView(i.scorch, nil, i.columns); err != nil {
		return nil, err
	}
	return i, nil
}

// close closes the folder. Searches that have begun finish normally.
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

// use returns the current view, which the caller must release.
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

// here returns an error unless the folder is still the one that was opened. Mapped memory outlives deleted files, so an
// index that can no longer be written would otherwise go on answering.
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

// size returns the total size of a folder's files in bytes.
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
