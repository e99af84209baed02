package pricing

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// maxVersions bounds how many versions of rules are read: shops have far fewer.
const maxVersions = 5000

// Markets returns all versions of a market, or of all where code is empty, by code and time. One
// round trip.
func (p *Pricer) Markets(ctx context.Context, code string) ([]*Market, error) {
	return versions(ctx, p.DB, "markets", scanMarket, `
SELECT `+marketColumns+`
FROM markets
WHERE $2::text = '' OR code = $2
ORDER BY code, valid_from
LIMIT $1::int8`, code)
}

// Roundings returns all versions of all rounding rules, by name and time. One round trip.
func (p *Pricer) Roundings(ctx context.Context) ([]*RoundingRule, error) {
	return versions(ctx, p.DB, "rounding rules", scanRounding, `
SELECT `+roundingColumns+`
FROM rounding_rules
ORDER BY name, valid_from
LIMIT $1::int8`)
}

// Taxes returns all versions of a country's rates, by state, category and time. One round trip.
func (p *Pricer) Taxes(ctx context.Context, country string) ([]*TaxRate, error) {
	return versions(ctx, p.DB, "taxes", scanTax, `
SELECT `+taxColumns+`
FROM tax_rates
WHERE country = $2
ORDER BY state, category, valid_from
LIMIT $1::int8`, country)
}

// HadMarket reports whether there is, or ever was, a market with that code. One round trip.
func HadMarket(ctx context.Context, db *database.DB, code string) (bool, error) {
	had, err := database.One(ctx, db, pgx.RowTo[bool], `
SELECT EXISTS (SELECT 1 FROM markets WHERE code = $1)`, code)
	if err != nil {
		return false, fmt.Errorf("look for market: %w", err)
	}
	return had, nil
}

// versions lists versions of rules; $1 is their most.
func versions[T any](ctx context.Context, db *database.DB, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	list, err := database.List(ctx, db, scan, sql, append([]any{maxVersions}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", what, err)
	}
	return list, nil
}
