package api

import (
	"testing"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/search"
	"meridian/internal/search/plain"
)

// plainSearch is the search of a shop without an engine.
func plainSearch(t testing.TB, db *database.DB, shelves *catalog.Catalog) *search.Searcher {
	t.Helper()
	s, err := search.New(search.Config{DB: db, Sources: []search.Source{{Name: "database", Engine: plain.Engine{Catalog: shelves}, Degraded: search.FromDatabase}}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
