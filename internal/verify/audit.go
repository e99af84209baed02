package verify

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// An audit runs checks on a database.
type audit struct {
	Options
	db *database.DB
	// sizes holds the number of rows of each table, once they were counted.
	sizes map[string]int64
	// parts is the stock, once it was divided.
	parts []part
}

// A reader sends a statement, scans each row of its answer into the targets, and then calls each.
type reader func(ctx context.Context, targets []any, each func() error, sql string, args ...any) error

// one returns the one value that a statement yields.
func one[T any](ctx context.Context, read reader, sql string, args ...any) (value T, err error) {
	err = read(ctx, []any{&value}, func() error { return nil }, sql, args...)
	return value, err
}

// check runs a check and returns its result. On PostgreSQL it is one transaction, and so one snapshot. A replica of
// CockroachDB answers each statement for itself.
func (a *audit) check(ctx context.Context, c check) (result Result, err error) {
	if a.Background && a.db.Engine() == database.CockroachDB {
		return a.examine(ctx, c, a.fromReplica)
	}
	err = a.db.Tx(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := undisturbed(ctx, a.db, tx); err != nil {
			return err
		}
		result, err = a.examine(ctx, c, func(ctx context.Context, targets []any, each func() error, sql string, args ...any) error {
			rows, err := tx.Query(ctx, sql, args...)
			if err != nil {
				return err
			}
			_, err = pgx.ForEachRow(rows, targets, each)
			return err
		})
		return err
	})
	return result, err
}

// fromReplica is the reader of the nearest replica.
func (a *audit) fromReplica(ctx context.Context, targets []any, each func() error, sql string, args ...any) error {
	return database.Each(ctx, a.db, func(row pgx.CollectableRow) (struct{}, error) { return struct{}{}, row.Scan(targets...) },
		func(struct{}) error { return each() }, sql, args...)
}

// examine runs a check by a reader: over the whole table, or in parts of the stock.
func (a *audit) examine(ctx context.Context, c check, read reader) (Result, error) {
	result := c.newResult()
	var b broken
	note := func() error {
		c.note(&result, a.Options, b)
		return nil
	}
	targets := []any{&b.region, &b.key, &b.problem}
	if !a.Background || !c.divisible() {
		if err := read(ctx, targets, note, a.stale(c.text(false)), c.arguments(a.Options)...); err != nil {
			return result, err
		}
		var err error
		result.Examined, err = a.count(ctx, read, c.over)
		return result, err
	}
	if err := a.divide(ctx, read); err != nil {
		return result, err
	}
	for _, p := range a.parts {
		if err := read(ctx, targets, note, a.stale(c.text(true)), p.region, p.after, p.upTo); err != nil {
			return result, err
		}
		result.Examined += p.rows
	}
	return result, nil
}

// stale returns a check's statement as an audit in the background sends it.
func (a *audit) stale(broken string) string {
	if !a.Background {
		return broken
	}
	return `SELECT region, key, problem FROM (` + broken + `) AS broken (region, key, problem)` + a.replica()
}

// replica returns the clause, behind a FROM list, that lets the nearest replica answer.
func (a *audit) replica() string {
	if !a.Background {
		return ""
	}
	return a.db.Engine().FollowerRead()
}

// count returns the number of rows of a table, which it counts once per audit.
func (a *audit) count(ctx context.Context, read reader, table string) (int64, error) {
	if n, ok := a.sizes[table]; ok {
		return n, nil
	}
	n, err := one[int64](ctx, read, `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize()+a.replica())
	if err == nil {
		a.sizes[table] = n
	}
	return n, err
}

// A part is the stock rows of a region whose SKUs are behind after, up to upTo.
type part struct {
	region, after, upTo string
	rows                int64
}

// partRows is about how many stock rows a part has: all rows of its last SKU are in it.
const partRows = 2000

// divide divides the stock into parts, once per audit.
func (a *audit) divide(ctx context.Context, read reader) error {
	if a.parts != nil {
		return nil
	}
	parts := []part{}
	for _, region := range a.Regions.Names() {
		for after := ""; ; {
			upTo, err := one[*string](ctx, read, `
SELECT max(n.sku)
FROM (SELECT sku FROM stock WHERE region = $1 AND sku > $2 ORDER BY sku LIMIT $3::int8) AS n`+a.replica(), region, after, partRows)
			if err != nil {
				return err
			}
			if upTo == nil {
				break
			}
			p := part{region: region, after: after, upTo: *upTo}
			p.rows, err = one[int64](ctx, read, `
SELECT count(*)
FROM stock`+a.replica()+`
WHERE region = $1 AND sku > $2 AND sku <= $3`, region, after, *upTo)
			if err != nil {
				return err
			}
			parts = append(parts, p)
			after = *upTo
		}
	}
	a.parts = parts
	return nil
}

// divisible reports whether the check can run over parts of the stock.
func (c check) divisible() bool { return strings.Contains(c.broken, "{and}") }

// text returns the check's statement, over the whole stock or over a part of it: $1 = region, $2 = SKU before the first,
// $3 = last SKU.
func (c check) text(inParts bool) string {
	and, where := "", ""
	if inParts {
		and = "s.region = $1 AND s.sku > $2 AND s.sku <= $3 AND "
		where = "\n  WHERE region = $1 AND sku > $2 AND sku <= $3"
	}
	return strings.NewReplacer("{and}", and, "{where}", where).Replace(c.broken)
}
