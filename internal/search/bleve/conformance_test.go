package bleve

import (
	"testing"

	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/searchtest"
)

func TestConformance(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Store {
		store := testkit.Must(Open(Config{Dir: t.TempDir()}))(t)
		t.Cleanup(func() {
			if err := store.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		})
		return store
	})
}
