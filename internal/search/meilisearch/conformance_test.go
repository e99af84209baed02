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
		cfg := Config{URL: url, APIKey: os.Getenv("MEILI_API_KEY"), Index: "conformance-" + strings.ToLower(rand.Text())}
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatalf("Open: %v", err)
		}
		t.Cleanup(func() {
			s.Close()
			deleteIndexes(t, cfg)
		})
		return s
	})
}

// deleteIndexes deletes what a store made, by a connection of its own: the suite may have closed the store's.
func deleteIndexes(t *testing.T, cfg Config) {
	s, err := Open(t.Context(), Config{URL: cfg.URL, APIKey: cfg.APIKey, Index: cfg.Index})
	ctx, cancel := context.WithTimeout(context.Background(), testkit.Patience)
	defer cancel()
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

// TestConformanceOfFake runs the suite on the fake: it holds this package to the suite as far as the fake does what a
// server does.
func TestConformanceOfFake(t *testing.T) {
	searchtest.Run(t, func(t *testing.T) search.Store { return newFake(t).open() })
}
