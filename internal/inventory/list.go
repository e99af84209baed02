package inventory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
)

// LevelFilter says which stock rows to list: all, or those of a SKU, a warehouse or both.
type LevelFilter struct {
	// Regions are those to look in; none is all.
	Regions   []string
	SKU       string
	Warehouse string
	database.PageFilter[LevelPosition]
}

// LevelPage is a page of stock rows.
type LevelPage struct {
	database.Page[Level, LevelPosition]
	// Regions are those that were looked in: of a warehouse, its own.
	Regions []string
}

// A LevelPosition is where a stock row stands in a listing.
type LevelPosition struct{ SKU, Warehouse string }

func (l Level) position() LevelPosition { return LevelPosition{SKU: l.SKU, Warehouse: l.Warehouse} }

// List returns a page of stock rows by SKU and warehouse; none of a SKU that nobody has
// heard of. One round trip.
//
// Errors: ErrUnknownWarehouse, *invalid.Error for a warehouse that is not in the regions.
func (s *Stock) List(ctx context.Context, f LevelFilter) (page LevelPage, err error) {
	page.Regions = f.Regions
	if len(page.Regions) == 0 {
		page.Regions = s.Regions.Names()
	}
	var where []string
	args := database.Args{"limit": f.Rows()}
	if f.Warehouse != "" {
		at, err := s.find(ctx, f.Warehouse, f.SKU)
		if err != nil {
			return LevelPage{}, err
		}
		if !slices.Contains(page.Regions, at.Region) {
			return LevelPage{}, invalid.New("list of stock", "region", "must be "+at.Region+", where the warehouse is, or be left out")
		}
		page.Regions = []string{at.Region}
		where, args["warehouse"] = append(where, "s.warehouse = @warehouse"), at.Warehouse
	}
	if f.SKU != "" {
		where, args["sku"] = append(where, "s.sku = @sku"), f.SKU
	}
	if f.After != nil {
		where = append(where, "(s.sku, s.warehouse) > (@after_sku, @after_warehouse)")
		args["after_sku"], args["after_warehouse"] = f.After.SKU, f.After.Warehouse
	}
	of := database.PerHome(page.Regions, args, func(home string) string {
		return `
  SELECT ` + database.Select[Level]("s") + `
  FROM stock s
  WHERE ` + strings.Join(append(where, "s.region = "+home), " AND ") + `
  ORDER BY s.sku, s.warehouse
  LIMIT @limit::int8`
	})
	sql, values := args.Bind(`
SELECT ` + database.Select[Level]("s") + `
FROM ` + of + ` AS s
ORDER BY s.sku, s.warehouse
LIMIT @limit::int8`)
	levels, err := database.List(ctx, s.DB, database.Scan[Level], sql, values...)
	if err != nil {
		return LevelPage{}, fmt.Errorf("list stock: %w", err)
	}
	page.Page = database.NewPage(f.PageFilter, levels, Level.position)
	return page, nil
}

// Movement is one entry of the ledger: how a stock row's counters changed, by whom, why.
type Movement struct {
	Region         string
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
	database.PageFilter[MovementPosition]
}

// A MovementPosition is where a movement stands in a ledger.
type MovementPosition struct {
	At time.Time
	ID uuid.UUID
}

func (m Movement) position() MovementPosition { return MovementPosition{At: m.At, ID: m.ID} }

// Movements returns a page of a stock row's ledger, the newest first; nothing where there
// is no such row. One round trip.
func (s *Stock) Movements(ctx context.Context, f MovementFilter) (page database.Page[Movement, MovementPosition], err error) {
	at, err := s.find(ctx, f.Warehouse, f.SKU)
	if err != nil {
		return page, err
	}
	args := []any{at.Region, at.SKU, at.Warehouse, f.Rows()}
	after := ""
	if f.After != nil {
		after = ` AND (at, id) < ($5, $6)`
		args = append(args, f.After.At, f.After.ID)
	}
	// $1 = region, $2 = SKU, $3 = warehouse, $4 = limit, $5 = time and $6 = id to begin after
	movements, err := database.List(ctx, s.DB, database.Scan[Movement], `
SELECT `+database.Select[Movement]("m")+`
FROM stock_movements m
WHERE region = $1 AND sku = $2 AND warehouse = $3`+after+`
ORDER BY at DESC, id DESC
LIMIT $4::int8`, args...)
	if err != nil {
		return page, fmt.Errorf("list movements: %w", err)
	}
	return database.NewPage(f.PageFilter, movements, Movement.position), nil
}

// Rows returns the stock rows of all regions, by SKU and warehouse. It reads the whole table: it is for filling a shop.
func (s *Stock) Rows(ctx context.Context) (map[LevelPosition]bool, error) {
	rows := make(map[LevelPosition]bool)
	err := database.Each(ctx, s.DB, pgx.RowToStructByPos[LevelPosition], func(row LevelPosition) error {
		rows[row] = true
		return nil
	}, `
SELECT sku, warehouse
FROM stock`)
	if err != nil {
		return nil, fmt.Errorf("list stock rows: %w", err)
	}
	return rows, nil
}
