package catalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

const importColumns = `region, id, seller_id, format, policy, status, lines_done, products_written, products_unchanged,
  lines_bad, created_at, updated_at, finished_at`

func scanImport(row pgx.CollectableRow) (i ImportRecord, err error) {
	err = row.Scan(&i.Ref.Region, &i.Ref.ID, &i.Seller, &i.Format, &i.Policy, &i.Status, &i.LinesDone,
		&i.ProductsWritten, &i.ProductsUnchanged, &i.LinesBad, &i.CreatedAt, &i.UpdatedAt, &i.FinishedAt)
	return i, err
}

// GetImport returns an import of the seller, or ErrNotFound. One round trip.
func (c *Catalog) GetImport(ctx context.Context, seller uuid.UUID, ref regions.Ref) (ImportRecord, error) {
	i, err := database.One(ctx, c.db, scanImport, `
SELECT `+importColumns+`
FROM imports
WHERE region = $1 AND id = $2 AND seller_id = $3`, ref.Region, ref.ID, seller)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return ImportRecord{}, ErrNotFound
	case err != nil:
		return ImportRecord{}, fmt.Errorf("get import: %w", err)
	}
	return i, nil
}

// ImportFilter says which of a seller's imports to list.
type ImportFilter struct {
	Seller uuid.UUID
	// After is the last import of the page before; nil begins at the newest.
	After *ImportPosition
	// Limit is how many to return at most, 1 or more.
	Limit int
}

// An ImportPosition is where a page of imports ends.
type ImportPosition struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

// ListImports returns the seller's imports of this process's region, newest first, and
// whether there are more. One round trip.
func (c *Catalog) ListImports(ctx context.Context, f ImportFilter) (imports []ImportRecord, more bool, err error) {
	args := []any{c.db.Region(), f.Seller, f.Limit + 1}
	after := ""
	if f.After != nil {
		after = "AND (created_at, id) < ($4, $5)"
		args = append(args, f.After.CreatedAt, f.After.ID)
	}
	imports, err = database.List(ctx, c.db, scanImport, `
SELECT `+importColumns+`
FROM imports
WHERE region = $1 AND seller_id = $2 `+after+`
ORDER BY created_at DESC, id DESC
LIMIT $3`, args...)
	if err != nil {
		return nil, false, fmt.Errorf("list imports: %w", err)
	}
	if len(imports) > f.Limit {
		return imports[:f.Limit], true, nil
	}
	return imports, false, nil
}

// ImportErrorFilter says which bad lines of an import to list.
type ImportErrorFilter struct {
	Seller uuid.UUID
	Import regions.Ref
	// AfterLine and AfterField are those of the last one of the page before.
	AfterLine  int64
	AfterField string
	// Limit is how many to return at most, 1 or more.
	Limit int
}

// ListImportErrors returns what is wrong with an import's lines, in the file's order, and
// whether there is more, or ErrNotFound for an import of another seller. Of an import with
// very many bad lines the first 10,000 faults are kept. One round trip.
func (c *Catalog) ListImportErrors(ctx context.Context, f ImportErrorFilter) (list []BadLine, more bool, err error) {
	scan := func(row pgx.CollectableRow) (e BadLine, err error) {
		err = row.Scan(&e.Line, &e.Field, &e.Reason)
		return e, err
	}
	// $1 = region, $2 = import, $3 = seller, $4 = line, $5 = field, $6 = limit
	list, err = database.List(ctx, c.db, scan, `
SELECT coalesce(e.line, 0), coalesce(e.field, ''), coalesce(e.reason, '')
FROM imports i
-- an import whose lines are all good is one row without a line
LEFT JOIN import_errors e ON e.region = i.region AND e.import_id = i.id AND (e.line, e.field) > ($4::int8, $5::text)
WHERE i.region = $1 AND i.id = $2 AND i.seller_id = $3
ORDER BY e.line, e.field
LIMIT $6`, f.Import.Region, f.Import.ID, f.Seller, f.AfterLine, f.AfterField, f.Limit+1)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("list import errors: %w", err)
	case len(list) == 0:
		return nil, false, ErrNotFound
	case list[0].Line == 0:
		return nil, false, nil
	case len(list) > f.Limit:
		return list[:f.Limit], true, nil
	}
	return list, false, nil
}
