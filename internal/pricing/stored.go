package pricing

import "time"

// StoredEntries are price_entries as the database makes JSON of them: jsonb_agg of
// jsonb_build_object of list, min_quantity, amount_minor, valid_from and valid_to.
type StoredEntries []struct {
	List        string    `json:"list"`
	MinQuantity int64     `json:"min_quantity"`
	AmountMinor int64     `json:"amount_minor"`
	ValidFrom   time.Time `json:"valid_from"`
	ValidTo     time.Time `json:"valid_to"` // null is the zero time: no end
}

// Entries returns the entries.
func (s StoredEntries) Entries() []Entry {
	var entries []Entry
	for _, e := range s {
		entries = append(entries, Entry{List: shared(e.List), MinQuantity: e.MinQuantity, AmountMinor: e.AmountMinor,
			Period: Period{From: e.ValidFrom, To: e.ValidTo}})
	}
	return entries
}
