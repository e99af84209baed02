package inventory

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/outbox"
)

// MaxQuantity is the most units one operation changes.
const MaxQuantity = 1_000_000_000

// maxReason is how many characters the reason of an operation may have.
const maxReason = 200

// Operation is who does something to the stock, and why: part of every operator's
// input.
type Operation struct {
	// Actor is the operator's public id, or "system".
	Actor string
	// Reason is for the ledger: 1 to 200 characters. It must not hold personal data.
	Reason string
	// Reference is what the operation belongs to, such as a delivery note: at most 100
	// characters, may be empty.
	Reference string
	// Idempotency makes the call safe to repeat; only Key and Fingerprint are read. Its
	// zero value claims nothing.
	Idempotency idempotency.Key
}

func (o Operation) check(f *faults) {
	f.text("reason", o.Reason, 1, maxReason)
	f.text("reference", o.Reference, 0, 100)
	if o.Actor == "" {
		f.Add("actor", "must be given")
	}
}

// claim returns the operation's key, in the place where the actor's keys for a region's stock
// stand.
func (o Operation) claim(region string) idempotency.Key {
	key := o.Idempotency
	key.Region, key.Scope = region, "stock:"+o.Actor
	return key
}

// resource names a stock row in events and idempotency records.
func (r rowKey) resource() string { return r.Warehouse + "/" + r.SKU }

// write sends an operation as one batch, its idempotency claim first, and says what a
// refusal means. taken are the units that it takes off the row at.
func (s *Stock) write(ctx context.Context, op Operation, at rowKey, taken int64, queue func(b *database.Batch) error) error {
	claim := op.claim(at.Region)
	err := claim.Writer(s.DB)(ctx, func(b *database.Batch) error {
		claim.QueueClaim(b, idempotency.Answer{Resource: at.resource(), Status: http.StatusOK})
		return queue(b)
	})
	if idempotency.Taken(err) {
		return idempotency.Find(ctx, s.DB, claim)
	}
	return s.refusal(ctx, at, taken, err)
}

// queueRecord adds what follows from the change of one stock row: its movement, its event,
// the alert if the row became low, and the row as it then is, which is read into level.
func (o Operation) queueRecord(b *database.Batch, at rowKey, kind string, delta int64, event outbox.Event, level *Level) error {
	queueMovements(b, movement{rowKey: at, Kind: kind, OnHandDelta: delta, Reason: o.Reason, Actor: o.Actor, Reference: o.Reference})
	if err := outbox.Queue(b, event); err != nil {
		return err
	}
	if err := queueAlerts(b, at); err != nil {
		return err
	}
	queueLevel(b, at, level)
	return nil
}

// refusal turns the constraint that a batch broke into the error it means.
func (s *Stock) refusal(ctx context.Context, at rowKey, taken int64, err error) error {
	switch {
	case err == nil:
		return nil
	case database.Violates(err, "stock_sku_fkey"):
		return ErrUnknownSKU
	case database.Violates(err, "stock_warehouse_fkey"):
		return ErrUnknownWarehouse
	case database.Violates(err, "stock_movements_stock_fkey"):
		return ErrNoStock
	case database.Violates(err, "stock_not_oversold"), database.Violates(err, "stock_not_negative"):
		level, readErr := s.Get(ctx, at.Warehouse, at.SKU)
		if readErr != nil {
			return errors.Join(err, readErr)
		}
		return &NotEnoughError{SKU: at.SKU, Warehouse: at.Warehouse, Wanted: taken, Free: level.Available()}
	}
	return err
}

// faults gathers what is wrong with an input.
type faults struct{ invalid.List }

// key checks the name of a stock row.
func (f *faults) key(warehouseField, warehouse, sku string) {
	f.text(warehouseField, warehouse, 1, 64)
	f.text("sku", sku, 1, 64)
}

func (f *faults) text(field, text string, least, most int) {
	n := utf8.RuneCountInString(text)
	if n < least || n > most || strings.ContainsFunc(text, unicode.IsControl) || strings.TrimSpace(text) != text {
		f.Add(field, "must be %d to %d characters on one line, without spaces around", least, most)
	}
}

func (f *faults) quantity(field string, n, least int64) {
	if n < least || n > MaxQuantity {
		f.Add(field, "must be a whole number from %d to %d", least, int64(MaxQuantity))
	}
}

// err returns what is wrong, or nil.
func (f faults) err() error { return f.Err("stock operation") }
