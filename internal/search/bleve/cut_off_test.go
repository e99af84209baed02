package bleve

import (
	"os"
	"path/filepath"
	"testing"

	"meridian/internal/testkit"
)

// TestOpen_CutOff cuts the library's root file off at each of its pages: it maps the whole that it was, and faults where
// nothing is any more.
func TestOpen_CutOff(t *testing.T) {
	for page := int64(1); ; page++ {
		dir := t.TempDir()
		store, _ := openStore(t, dir)
		put(t, store.Live(), "1", product("red lantern"), product("blue candle"))
		testkit.NoError(t, store.Close())
		roots, err := filepath.Glob(filepath.Join(dir, indexPrefix+"*", "store", "root.bolt"))
		if err != nil || len(roots) != 1 {
			t.Fatalf("%v, %v", roots, err)
		}
		info := testkit.Must(os.Stat(roots[0]))(t)
		cut := page * int64(os.Getpagesize())
		if cut >= info.Size() {
			return
		}
		testkit.NoError(t, os.Truncate(roots[0], cut))
		again, _ := openStore(t, dir)
		state, err := again.Live().State(t.Context())
		if whole := state.Documents == 2 && state.Positions["feed"] == "1"; err != nil || !whole &&
			(state.Documents != 0 || len(state.Positions) != 0) {
			t.Errorf("cut off after %d pages the index has %+v, %v", page, state, err)
		}
		put(t, again.Live(), "2", product("green vase"))
	}
}
