package meilisearch

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"

	"meridian/internal/search"
	"meridian/internal/testkit"
	"meridian/internal/testkit/searchtest"
)

// TestConformance runs the suite of all engines on a real server: MEILI_URL is its address, and MEILI_API_KEY a key that
// may do everything with indexes called conformance-*. All of those that it makes are deleted again.
func TestConformance(t *testing.T) {
	url := os.Getenv("MEILI_URL")
	if url == "" {
		t.Skip("MEILI_URL is not set")
	}
	searchtest.Run(t, func(t *testing.T) search.Store {
		return openAway(t, Config{URL: url, APIKey: os.Getenv("MEILI_API_KEY")})
	})
}

// openAway returns a store of a server, in indexes that are deleted when the test has ended.
func openAway(t *testing.T, cfg Config) search.Store {
	cfg.Index = "conformance-" + strings.ToLower(rand.Text())
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		s.Close()
		deleteIndexes(t, cfg)
	})
	return s
}

// deleteIndexes deletes what a store made, by a connection of its own: the suite may have closed the store's, and the
// context of the test has ended.
func deleteIndexes(t *testing.T, cfg Config) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), testkit.Patience)
	defer cancel()
	s, err := Open(ctx, cfg)
	if err != nil {
		t.Errorf("open the store again: %v", err)
		return
	}
	defer s.Close()
	for _, x := range []*index{s.live, s.begun} {
		if err := x.drop(ctx); err != nil {
			t.Errorf("delete %s: %v", x.uid, err)
		}
	}
}

// TestConformance_CleansUp: the suite leaves nothing on a server, and its clean-up does not fail a test.
func TestConformance_CleansUp(t *testing.T) {
	f := newFake(t)
	ok := t.Run("a test", func(t *testing.T) {
		s := openAway(t, f.config())
		testkit.NoError(t, s.Live().Apply(t.Context(), changes(1, "1")))
		testkit.Must(s.Begin(t.Context()))(t)
	})
	if !ok || len(f.indexes) > 0 {
		t.Errorf("passed: %t, %d indexes are left", ok, len(f.indexes))
	}
}

// TestConformanceOfFake runs the suite on the fake: it holds this package to the suite as far as the fake does what a
// server does.
func TestConformanceOfFake(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Store { return newFake(t).open() })
}
