package inventory

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/outbox"
)

// Receipt is a delivery: units that came into a warehouse.
type Receipt struct {
	SKU       string
	Warehouse string
	Quantity  int64
	Operation
}

// Validate returns *invalid.Error with everything that is wrong.
func (r Receipt) Validate() error {
	var f faults
	f.key("warehouse", r.Warehouse, r.SKU)
	f.quantity("quantity", r.Quantity, 1)
	r.check(&f)
	return f.err()
}

// Receive adds a delivery to the stock, making the stock row where there was none, and
// returns the row. One round trip.
//
// Errors: *invalid.Error, ErrUnknownSKU, ErrUnknownWarehouse, for a repetition
// *idempotency.Replay or idempotency.ErrReused.
func (s *Stock) Receive(ctx context.Context, in Receipt) (Level, error) {
	if err := in.Validate(); err != nil {
		return Level{}, err
	}
	at, err := s.find(ctx, in.Warehouse, in.SKU)
	if err != nil {
		return Level{}, err
	}
	var level Level
	err = s.write(ctx, in.Operation, at, 0, func(b *database.Batch) error {
		level = Level{}
		queueArrival(b, at, in.Quantity)
		event := stockEvent("stock.received", at, map[string]any{"quantity": in.Quantity})
		return in.queueRecord(b, at, "receive", in.Quantity, event, &level)
	})
	if err != nil {
		return Level{}, fmt.Errorf("receive stock: %w", err)
	}
	return level, nil
}

// queueArrival adds units to a stock row, which it makes if it must.
func queueArrival(b *database.Batch, at rowKey, quantity int64) {
	b.Queue(`
INSERT INTO stock AS s (region, sku, warehouse, on_hand)
VALUES ($1, $2, $3, $4)
ON CONFLICT (region, sku, warehouse) DO UPDATE
SET on_hand = s.on_hand + excluded.on_hand, updated_at = now()`+bandMoved(`+ excluded.on_hand`),
		at.Region, at.SKU, at.Warehouse, quantity)
}

// stockEvent returns an event about a stock row.
func stockEvent(topic string, at rowKey, payload map[string]any) outbox.Event {
	payload["warehouse"], payload["sku"] = at.Warehouse, at.SKU
	return outbox.Event{Region: at.Region, Topic: topic, Key: at.resource(), Payload: payload}
}

// receiptsAtOnce is how many receipts ReceiveMany writes in one batch.
const receiptsAtOnce = 500

// ReceiveMany adds many deliveries, for filling a shop: batches of 500, a round trip each,
// without events. Each batch happens wholly or not at all. If the receipts have an
// idempotency key, a repetition of the call with the same receipts passes over the batches
// that happened; Fingerprint is not read. A receipt without actor and reason is opening
// stock. Errors are those of Receive.
func (s *Stock) ReceiveMany(ctx context.Context, receipts []Receipt) error {
	receipts = slices.Clone(receipts)
	for i := range receipts {
		r := &receipts[i]
		r.Actor, r.Reason = cmp.Or(r.Actor, "system"), cmp.Or(r.Reason, "opening stock")
		if err := r.Validate(); err != nil {
			return fmt.Errorf("receipt %d: %w", i, err)
		}
	}
	n := 0
	for chunk := range slices.Chunk(receipts, receiptsAtOnce) {
		if err := s.receiveChunk(ctx, chunk, n); err != nil {
			return fmt.Errorf("receive stock, receipts %d to %d: %w", n*receiptsAtOnce, n*receiptsAtOnce+len(chunk)-1, err)
		}
		n++
	}
	return nil
}

// receiveChunk writes the n-th batch of receipts, unless it happened before.
func (s *Stock) receiveChunk(ctx context.Context, chunk []Receipt, n int) error {
	rows, err := s.receiptRows(ctx, chunk)
	if err != nil {
		return err
	}
	columns := database.Columns(rows)
	claim := chunk[0].claim(rows[0].Region)
	if claim.Key != "" {
		claim.Key += "/" + strconv.Itoa(n)
		digest := sha256.Sum256(fmt.Appendf(nil, "%q %q %v", columns["sku"], columns["warehouse"], columns["on_hand_delta"]))
		claim.Fingerprint = digest[:]
	}
	err = claim.Writer(s.DB)(ctx, func(b *database.Batch) error {
		claim.QueueClaim(b, idempotency.Answer{Status: http.StatusOK})
		b.QueueArgs(`
INSERT INTO stock AS s (region, sku, warehouse, on_hand)
SELECT n.region::crdb_internal_region, n.sku, n.warehouse, sum(n.on_hand_delta)::int8
FROM `+database.Unnest[movement]("n")+`
GROUP BY n.region, n.sku, n.warehouse
ORDER BY n.region::crdb_internal_region, n.sku, n.warehouse
ON CONFLICT (region, sku, warehouse) DO UPDATE SET on_hand = s.on_hand + excluded.on_hand, updated_at = now()`+
			bandMoved(`+ excluded.on_hand`), columns)
		queueMovements(b, rows...)
		return nil
	})
	if idempotency.Taken(err) {
		if err = idempotency.Find(ctx, s.DB, claim); errors.As(err, new(*idempotency.Replay)) {
			return nil
		}
	}
	return s.refusal(ctx, rowKey{}, 0, err)
}

// receiptRows returns the ledger's rows of receipts.
func (s *Stock) receiptRows(ctx context.Context, receipts []Receipt) ([]movement, error) {
	rows := make([]movement, len(receipts))
	for i, r := range receipts {
		at, err := s.find(ctx, r.Warehouse, r.SKU)
		if err != nil {
			return nil, err
		}
		rows[i] = movement{rowKey: at, Kind: "receive", OnHandDelta: r.Quantity, Reason: r.Reason, Actor: r.Actor, Reference: r.Reference}
	}
	return rows, nil
}
