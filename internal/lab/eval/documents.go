package eval

import (
	"errors"

	"meridian/internal/search"
)

// ReadDocuments reads the documents of a CSV or NDJSON file, compressed or not. Of its columns only these are read:
// id (or offer_id, or sku), title, brand, category and description; no other may tell which belong together.
func ReadDocuments(path string) (*Corpus, error) {
	corpus := NewCorpus()
	err := readRows(path, func(r row) error {
		name := r.first("id", "offer_id", "sku")
		if name == "" {
			return errors.New("it has no id: it belongs into the column id, offer_id or sku")
		}
		d := search.Document{Title: r.first("title"), Brand: r.first("brand"), Description: r.first("description")}
		if category := r.first("category"); category != "" {
			d.CategoryIDs, d.CategoryNames = []string{category}, []string{category}
		}
		return corpus.Add(name, d)
	})
	if err != nil {
		return nil, err
	}
	if corpus.Len() == 0 {
		return nil, errors.New(path + " has no documents")
	}
	return corpus, nil
}
