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

const (
	importColumns = `region, id, seller_id, format, policy,
  CASE WHEN status = 'running' AND alive_until < now() THEN 'interrupted' ELSE status END AS status, lines_done, products_written,
  products_unchanged, lines_bad, created_at, updated_at, finished_at`
	importNames = `i.region, i.id, i.seller_id, i.format, i.policy, i.status, i.lines_done, i.products_written, i.products_unchanged,
  i.lines_bad, i.created_at, i.updated_at, i.finished_at`
)

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
	database.PageFilter[ImportPosition]
}

// An ImportPosition is where an import stands in a listing.
type ImportPosition struct {
	CreatedAt time.Time
	ID        uuid.UUID
}

func (i ImportRecord) position() ImportPosition {
	return ImportPosition{CreatedAt: i.CreatedAt, ID: i.Ref.ID}
}

// ListImports returns a page of the seller's imports, newest first, whichever regions they run in. One round trip.
func (c *Catalog) ListImports(ctx context.Context, f ImportFilter) (database.Page[ImportRecord, ImportPosition], error) {
	args, after := database.Args{"seller": f.Seller, "limit": f.Rows()}, ""
	if f.After != nil {
		after = "AND (created_at, id) < (@after_created_at, @after_id)"
		args["after_created_at"], args["after_id"] = f.After.CreatedAt, f.After.ID
	}
	of := database.PerHome(c.regions.Names(), args, func(home string) string {
		return `
  SELECT ` + importColumns + `
  FROM imports
  WHERE region = ` + home + ` AND seller_id = @seller ` + after + `
  ORDER BY created_at DESC, id DESC
  LIMIT @limit::int8`
	})
	sql, values := args.Bind(`
SELECT ` + importNames + `
FROM ` + of + ` AS i
ORDER BY i.created_at DESC, i.id DESC
LIMIT @limit::int8`)
	imports, err := database.List(ctx, c.db, scanImport, sql, values...)
	if err != nil {
		return database.Page[ImportRecord, ImportPosition]{}, fmt.Errorf("list imports: %w", err)
	}
	return database.NewPage(f.PageFilter, imports, ImportRecord.position), nil
}

// ImportErrorFilter says which bad lines of an import to list.
type ImportErrorFilter struct {
	Seller uuid.UUID
	Import regions.Ref
	database.PageFilter[LinePosition]
}

// A LinePosition is where a bad line stands in a listing.
type LinePosition struct {
	Line  int64
	Field string
}

func (l BadLine) position() LinePosition { return LinePosition{Line: l.Line, Field: l.Field} }

// ListImportErrors returns a page of what is wrong with an import's lines, in the file's order, or ErrNotFound for an
// import of another seller. Of an import with very many bad lines the first 10,000 faults are kept. One round trip.
func (c *Catalog) ListImportErrors(ctx context.Context, f ImportErrorFilter) (page database.Page[BadLine, LinePosition], err error) {
	scan := func(row pgx.CollectableRow) (e BadLine, err error) {
		err = row.Scan(&e.Line, &e.Field, &e.Reason)
		return e, err
	}
	// $1 = region, $2 = import, $3 = seller, $4 = line, $5 = field, $6 = limit
	after := f.Start()
	list, err := database.List(ctx, c.db, scan, `
SELECT coalesce(e.line, 0), coalesce(e.field, ''), coalesce(e.reason, '')
FROM imports i
-- an import whose lines are all good is one row without a line
LEFT JOIN import_errors e ON e.region = i.region AND e.import_id = i.id AND (e.line, e.field) > ($4::int8, $5::text)
WHERE i.region = $1 AND i.id = $2 AND i.seller_id = $3
ORDER BY e.line, e.field
LIMIT $6`, f.Import.Region, f.Import.ID, f.Seller, after.Line, after.Field, f.Rows())
	switch {
	case err != nil:
		return page, fmt.Errorf("list import errors: %w", err)
	case len(list) == 0:
		return page, ErrNotFound
	case list[0].Line == 0:
		return page, nil
	}
	return database.NewPage(f.PageFilter, list, BadLine.position), nil
}

// HasImported reports whether an import of the seller has finished. One round trip.
func (c *Catalog) HasImported(ctx context.Context, seller uuid.UUID) (bool, error) {
	done, err := database.One(ctx, c.db, pgx.RowTo[bool], `
SELECT EXISTS (SELECT 1 FROM imports WHERE seller_id = $1 AND status = 'done')`, seller)
	if err != nil {
		return false, fmt.Errorf("look for a finished import: %w", err)
	}
	return done, nil
}

// FirstImports returns the active SKUs of the products that the first finished imports of some sellers made, and whether
// each of the sellers, named by slug, has one. One round trip.
func (c *Catalog) FirstImports(ctx context.Context, sellers []string) (skus []string, all bool, err error) {
	var done int
	err = c.db.Read(ctx, func(b *database.Batch) error {
		b.Queue(`
SELECT count(DISTINCT i.seller_id)
FROM imports i
JOIN sellers s ON s.id = i.seller_id
WHERE i.status = 'done' AND s.slug = ANY($1::text[])`, sellers).QueryRow(func(row pgx.Row) error { return row.Scan(&done) })
		b.Queue(`
SELECT k.sku
FROM (
  SELECT i.seller_id, min(i.finished_at) AS finished_at
  FROM imports i
  JOIN sellers s ON s.id = i.seller_id
  WHERE i.status = 'done' AND s.slug = ANY($1::text[])
  GROUP BY i.seller_id
) f
JOIN products p ON p.seller_id = f.seller_id AND p.created_at <= f.finished_at
JOIN skus k ON k.product_id = p.id AND k.status = 'active'`, sellers).Query(database.Collect(&skus, pgx.RowTo[string]))
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("read the first imports: %w", err)
	}
	return skus, done == len(sellers), nil
}
