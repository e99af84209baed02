package inventory

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
)

// LevelFilter says which stock rows to list. SKU or Warehouse, or both, must be given.
type LevelFilter struct {
	SKU       string
	Warehouse string
	// After, if not zero, is the last row of the page before.
	After LevelPlace
	// Limit is the most rows to return, 1 or more.
	Limit int
}

// LevelPlace is where a stock row stands in a list.
type LevelPlace struct{ SKU, Warehouse string }

// List returns a page of stock rows by SKU and warehouse; none of a SKU that nobody has
// heard of. One round trip.
//
// Errors: *invalid.Error, ErrUnknownWarehouse.
func (s *Stock) List(ctx context.Context, f LevelFilter) ([]Level, error) {
	var where []string
	var args []any
	and := func(condition string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			condition = strings.Replace(condition, "?", "$"+strconv.Itoa(len(args)), 1)
		}
		where = append(where, condition)
	}
	switch {
	case f.SKU == "" && f.Warehouse == "":
		return nil, invalid.New("list of stock", "sku", "must be given unless there is a warehouse")
	case f.Warehouse != "":
		at, err := s.find(ctx, f.Warehouse, f.SKU)
		if err != nil {
			return nil, err
		}
		and("s.region = ? AND s.warehouse = ?", at.region, at.warehouse)
	default: // in every region: a visit to the primary key each
		and("s.region = ANY(?::text[]::crdb_internal_region[])", s.Regions.Names())
	}
	if f.SKU != "" {
		and("s.sku = ?", f.SKU)
	}
	if f.After != (LevelPlace{}) {
		and("(s.sku, s.warehouse) > (?, ?)", f.After.SKU, f.After.Warehouse)
	}
	args = append(args, f.Limit)
	levels, err := database.List(ctx, s.DB, scanLevel, `
SELECT `+levelColumns+`
FROM stock s
WHERE `+strings.Join(where, " AND ")+`
ORDER BY s.sku, s.warehouse
LIMIT $`+strconv.Itoa(len(args))+`::int8`, args...)
	if err != nil {
		return nil, fmt.Errorf("list stock: %w", err)
	}
	return levels, nil
}

// Movement is one entry of the ledger: how a stock row's counters changed, by whom, why.
type Movement struct {
	ID             uuid.UUID
	Kind           string // receive, adjust, transfer_in, transfer_out, reserve, release, allocate, deallocate, ship or return
	OnHandDelta    int64
	ReservedDelta  int64
	AllocatedDelta int64
	Reason         string
	Actor          string // a public id, "guest" or "system"
	Reference      string // an order's public id, the other warehouse, or the operator's own
	At             time.Time
}

// MovementFilter says which part of a stock row's ledger to list.
type MovementFilter struct {
	SKU       string
	Warehouse string
	// Before, if not zero, is the last movement of the page before.
	Before MovementPlace
	// Limit is the most movements to return, 1 or more.
	Limit int
}

// MovementPlace is where a movement stands in a ledger.
type MovementPlace struct {
	At time.Time
	ID uuid.UUID
}

// Movements returns a page of a stock row's ledger, the newest first; nothing where there
// is no such row. One round trip.
func (s *Stock) Movements(ctx context.Context, f MovementFilter) ([]Movement, error) {
	at, err := s.find(ctx, f.Warehouse, f.SKU)
	if err != nil {
		return nil, err
	}
	args := []any{at.region, at.sku, at.warehouse, f.Limit}
	after := ""
	if f.Before != (MovementPlace{}) {
		after = ` AND (at, id) < ($5, $6)`
		args = append(args, f.Before.At, f.Before.ID)
	}
	// $1 = region, $2 = SKU, $3 = warehouse, $4 = limit, $5 = time and $6 = id to begin after
	movements, err := database.List(ctx, s.DB, scanMovement, `
SELECT id, kind, on_hand_delta, reserved_delta, allocated_delta, reason, actor, reference, at
FROM stock_movements
WHERE region = $1 AND sku = $2 AND warehouse = $3`+after+`
ORDER BY at DESC, id DESC
LIMIT $4::int8`, args...)
	if err != nil {
		return nil, fmt.Errorf("list movements: %w", err)
	}
	return movements, nil
}

func scanMovement(row pgx.CollectableRow) (Movement, error) {
	var m Movement
	err := row.Scan(&m.ID, &m.Kind, &m.OnHandDelta, &m.ReservedDelta, &m.AllocatedDelta, &m.Reason, &m.Actor, &m.Reference, &m.At)
	return m, err
}
