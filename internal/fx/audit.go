package fx

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/money"
)

// A change is a row of price_changes: who changed what about the rates, and why. Nobody else
// needs to agree.
type change struct {
	id       uuid.UUID
	subject  string // a currency, or a source for an import
	rejected bool
	reason   string
	old, new any // what encoding/json writes as objects
	actor    string
	at       time.Time
}

// queue adds the row to a batch, and what makes every pod read the rules again.
func (c change) queue(b *database.Batch) error {
	before, err := json.Marshal(c.old)
	if err != nil {
		return fmt.Errorf("write what the rate was: %w", err)
	}
	after, err := json.Marshal(c.new)
	if err != nil {
		return fmt.Errorf("write what the rate becomes: %w", err)
	}
	status := "applied"
	if c.rejected {
		status = "rejected"
	}
	// $1 = id, $2 = subject, $3 = status, $4 = reason, $5 = old, $6 = new, $7 = actor, $8 = at
	b.Queue(`
INSERT INTO price_changes (id, kind, subject, status, needs_approval, reason, old, new, requested_by, requested_at, decided_by, decided_at)
VALUES ($1, 'rate', $2, $3, false, $4, $5, $6, $7, $8, $7, $8)`,
		c.id, c.subject, status, c.reason, string(before), string(after), c.actor, c.at)
	b.Queue(`UPDATE pricing_state SET version = version + 1, changed_at = now() WHERE id = 'rules'`)
	return nil
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

// checkWhy wants to know who changes a rate, and why.
func checkWhy(faults *invalid.List, actor, reason string) (checkedActor, checkedReason string) {
	return faults.Line("actor", actor, 1, 200), faults.Line("reason", reason, 1, 500)
}
