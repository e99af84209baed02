package fx

import (
	"time"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing/changes"
)

// newChange returns the audit's entry for a change of rates: applied, since nobody else has to
// agree. subject is a currency, or the source of an import; a nil old stands for nothing.
func newChange(subject, actor, reason string, at time.Time, old, new any) (changes.Change, error) {
	c, err := changes.New("rate", subject, actor, reason, at, old, new)
	return c.Decided(changes.Applied, actor, at), err
}

// queueChange adds a change to the batch of its effect, and tells every pod of it.
func queueChange(b *database.Batch, c changes.Change) {
	c.Queue(b)
	changes.QueueRulesChanged(b)
}

// rateRecord is a rate as the audit keeps it.
type rateRecord struct {
	Source    string        `json:"source"`
	Day       string        `json:"day"`
	Rate      money.Decimal `json:"rate"`
	Status    Status        `json:"status"`
	ValidFrom *time.Time    `json:"valid_from,omitzero"`
	ValidTo   *time.Time    `json:"valid_to,omitzero"`
}

func newRateRecord(e Entry) rateRecord {
	return rateRecord{Source: e.Source, Day: e.Day, Rate: e.Rate, Status: e.Status, ValidFrom: e.ValidFrom, ValidTo: e.ValidTo}
}

// checkWhy checks who changes a rate, and why, and returns both in form.
func checkWhy(faults *invalid.List, actor, reason string) (checkedActor, checkedReason string) {
	return faults.Line("actor", actor, 1, 200), faults.Line("reason", reason, 1, 500)
}
