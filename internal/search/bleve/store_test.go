package bleve

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/search"
	"meridian/internal/testkit"
)

// openStore opens a store that is closed with the test, and what it logs.
func openStore(t *testing.T, dir string) (*Store, *bytes.Buffer) {
	t.Helper()
	var log bytes.Buffer
	store := testkit.Must(Open(Config{Dir: dir, Log: slog.New(slog.NewTextHandler(&log, nil))}))(t)
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return store, &log
}

func put(t *testing.T, index search.Index, position string, documents ...search.Document) {
	t.Helper()
	testkit.NoError(t, index.Apply(t.Context(), search.Changes{Put: documents, Positions: map[string]string{"feed": position}}))
}

func product(title string) search.Document {
	return search.Document{ID: uuid.NewSHA1(uuid.Nil, []byte(title)), Version: 1, Slug: strings.ReplaceAll(title, " ", "-"), Title: title,
		Stock: search.StockIn}
}

// titles are those of what a query finds, in order.
func titles(t *testing.T, engine search.Engine, q search.Query) []string {
	t.Helper()
	if q.Limit == 0 {
		q.Limit = 10
	}
	result := testkit.Must(engine.Search(t.Context(), q))(t)
	var all []string
	for _, hit := range result.Hits {
		all = append(all, hit.Document.Title)
	}
	return all
}

func wantState(t *testing.T, index search.Index, documents int, position string) {
	t.Helper()
	state := testkit.Must(index.State(t.Context()))(t)
	if state.Documents != documents || state.Positions["feed"] != position {
		t.Errorf("the index has %d documents at position %q, want %d at %q", state.Documents, state.Positions["feed"], documents, position)
	}
}

func TestOpenAgain(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	live := store.Live()
	put(t, live, "1", product("red lantern"))
	testkit.NoError(t, store.Close())
	if _, err := live.Search(t.Context(), search.Query{}); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a search of a closed store: %v, want ErrUnavailable", err)
	}
	if _, err := store.Begin(t.Context()); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("Begin in a closed store: %v, want ErrUnavailable", err)
	}
	testkit.NoError(t, store.Open())
	wantState(t, live, 1, "1")
	if diff := cmp.Diff([]string{"red lantern"}, titles(t, live, search.Query{Text: "lantern"})); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
}

func TestOpenInUse(t *testing.T) {
	dir := t.TempDir()
	first, _ := openStore(t, dir)
	if _, err := Open(Config{Dir: dir}); !errors.Is(err, ErrInUse) {
		t.Errorf("a second store in one folder: %v, want ErrInUse", err)
	}
	testkit.NoError(t, first.Close())
	openStore(t, dir)
}

// TestOpenBroken damages each file of an index in turn, in several ways. What is opened is whole: all of the documents
// with their position, or nothing of both.
func TestOpenBroken(t *testing.T) {
	damages := map[string]func(path string, size int64) error{
		"empty":   func(path string, _ int64) error { return os.Truncate(path, 0) },
		"half":    func(path string, size int64) error { return os.Truncate(path, size/2) },
		"missing": func(path string, _ int64) error { return os.Remove(path) },
		"noise": func(path string, size int64) error {
			return os.WriteFile(path, bytes.Repeat([]byte("noise"), int(size/5+1)), 0o600)
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				if !damageOne(t, n, damage) {
					return
				}
			}
		})
	}
}

// damageOne damages the file with a number, or tells that there is none.
func damageOne(t *testing.T, n int, damage func(string, int64) error) bool {
	dir := t.TempDir()
	store, _ := openStore(t, dir)
	put(t, store.Live(), "1", product("red lantern"), product("blue candle"))
	testkit.NoError(t, store.Close())
	files := testkit.Must(filepath.Glob(filepath.Join(dir, indexPrefix+"*", "*.json")))(t)
	more := testkit.Must(filepath.Glob(filepath.Join(dir, indexPrefix+"*", "store", "*")))(t)
	files = append(append(files, more...), filepath.Join(dir, liveFile))
	if n >= len(files) {
		return false
	}
	info := testkit.Must(os.Stat(files[n]))(t)
	testkit.NoError(t, damage(files[n], info.Size()))
	again, _ := openStore(t, dir)
	state, err := again.Live().State(t.Context())
	if err != nil {
		t.Fatalf("with %s: %v", filepath.Base(files[n]), err)
	}
	if whole := state.Documents == 2 && state.Positions["feed"] == "1"; !whole && (state.Documents != 0 || len(state.Positions) != 0) {
		t.Errorf("with %s the index has %+v", filepath.Base(files[n]), state)
	}
	put(t, again.Live(), "2", product("green vase"))
	return true
}

func TestOtherFormat(t *testing.T) {
	dir := t.TempDir()
	store, _ := openStore(t, dir)
	put(t, store.Live(), "1", product("red lantern"))
	testkit.NoError(t, store.live.index.Load().library.SetInternal(internalFormat, []byte("0")))
	testkit.NoError(t, store.Close())
	again, log := openStore(t, dir)
	wantState(t, again.Live(), 0, "")
	if !strings.Contains(log.String(), "format") {
		t.Errorf("the log does not say why: %q", log)
	}
}

// TestFolderGone takes the folder away from under a store: it says so, and begins anew.
func TestFolderGone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "search")
	store, _ := openStore(t, dir)
	put(t, store.Live(), "1", product("red lantern"))
	testkit.NoError(t, os.RemoveAll(dir))
	if _, err := store.Live().Search(t.Context(), search.Query{}); !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("a search without the folder: %v, want ErrUnavailable", err)
	}
	err := store.Live().Apply(t.Context(), search.Changes{Put: []search.Document{product("blue candle")},
		Positions: map[string]string{"feed": "2"}})
	if !errors.Is(err, search.ErrUnavailable) {
		t.Errorf("Apply without the folder: %v, want ErrUnavailable", err)
	}
	wantState(t, store.Live(), 0, "")
	put(t, store.Live(), "1", product("red lantern"))
	wantState(t, store.Live(), 1, "1")
}

func TestWipe(t *testing.T) {
	store, _ := openStore(t, t.TempDir())
	put(t, store.Live(), "1", product("red lantern"))
	begun := testkit.Must(store.Begin(t.Context()))(t)
	put(t, begun, "1", product("red lantern"))
	testkit.NoError(t, store.Wipe())
	wantState(t, store.Live(), 0, "")
	if _, err := store.Resume(t.Context()); !errors.Is(err, search.ErrNotBegun) {
		t.Errorf("Resume after a wipe: %v, want ErrNotBegun", err)
	}
}

// TestSwapTidies: after a swap, and after opening, no folder is left that nothing needs.
func TestSwapTidies(t *testing.T) {
	dir := t.TempDir()
	store, _ := openStore(t, dir)
	for range 3 {
		begun := testkit.Must(store.Begin(t.Context()))(t)
		put(t, begun, "1", product("red lantern"))
	}
	testkit.NoError(t, store.Swap(t.Context()))
	if folders := store.folders(indexPrefix); len(folders) != 1 {
		t.Errorf("the folders %v are left, want one", folders)
	}
	wantState(t, store.Live(), 1, "1")
}

// TestResumeAfterOpen: an index that was begun outlives the process.
func TestResumeAfterOpen(t *testing.T) {
	dir := t.TempDir()
	store, _ := openStore(t, dir)
	begun := testkit.Must(store.Begin(t.Context()))(t)
	put(t, begun, "7", product("red lantern"))
	testkit.NoError(t, store.Close())
	again, _ := openStore(t, dir)
	resumed := testkit.Must(again.Resume(t.Context()))(t)
	wantState(t, resumed, 1, "7")
	wantState(t, again.Live(), 0, "")
}
