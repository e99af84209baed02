package eval

import (
	"fmt"
	"strconv"
)

// knownSplit names the half of the file whose groups have names.
const knownSplit = "dev"

// ReadKnownItems makes a judged set of a file of offers: the name of a group of the split dev is a query, and the offers
// of all groups of that name are its relevant documents, each of grade 1. Its columns are offer_id (or id), split and
// group_name. The documents are all offers of the file, by ReadDocuments.
func ReadKnownItems(path string) (Set, error) {
	set := Set{Judgements: make(Judgements)}
	byName := make(map[string]string)
	err := readRows(path, func(r row) error {
		group, offer := r.first("group_name"), r.first("id", "offer_id", "sku")
		if r.first("split") != knownSplit || group == "" {
			return nil
		}
		id, known := byName[group]
		if !known {
			id = "g" + strconv.Itoa(len(byName)+1)
			byName[group] = id
			set.Queries = append(set.Queries, Query{ID: id, Text: group})
		}
		return set.Judgements.add(id, offer, 1)
	})
	if err == nil && len(set.Queries) == 0 {
		err = fmt.Errorf("%s has no groups: it needs the columns offer_id, split (of which %q is taken) and group_name", path, knownSplit)
	}
	return set, err
}
