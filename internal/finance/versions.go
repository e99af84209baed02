package finance

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

// mostVersions bounds how many versions of rules are read: shops have far fewer.
const mostVersions = 5000

// Version is one version of a rule, and when it is, was or will be in force; one that ends where
// it begins was called off before.
type Version[T any] struct {
	Rule     T
	Period   pricing.Period
	ChangeID *string // the change that made it; nil for what the shop began with
}

// scanVersion reads a rule's own columns, and then valid_from, valid_to and change_id.
func scanVersion[T any](columns func(r *T) []any) pgx.RowToFunc[Version[T]] {
	return func(row pgx.CollectableRow) (Version[T], error) {
		var v Version[T]
		var to *time.Time
		err := row.Scan(append(columns(&v.Rule), &v.Period.From, &to, &v.ChangeID)...)
		v.Period.From, v.Period.To = v.Period.From.UTC(), orZero(to).UTC()
		return v, err
	}
}

// Markets are all versions of a market, or of all where code is empty, by code and time. One
// round trip.
func (f *Finance) Markets(ctx context.Context, code string) ([]Version[MarketRule], error) {
	markets, err := database.List(ctx, f.DB, scanVersion(func(m *MarketRule) []any {
		return []any{&m.Code, &m.Title, &m.Countries, &m.Currency, &m.PricesIncludeTax, &m.Multiplier, &m.Rounding}
	}), `
SELECT code, title, countries, currency, prices_include_tax, multiplier, rounding, valid_from, valid_to, change_id::text
FROM markets
WHERE $1::text = '' OR code = $1
ORDER BY code, valid_from
LIMIT $2::int8`, code, mostVersions)
	if err != nil {
		return nil, fmt.Errorf("list markets: %w", err)
	}
	return markets, nil
}

// Roundings are all versions of all rounding rules, by name and time. One round trip.
func (f *Finance) Roundings(ctx context.Context) ([]Version[RoundingRule], error) {
	rules, err := database.List(ctx, f.DB, scanVersion(func(r *RoundingRule) []any {
		return []any{&r.Name, &r.ModulusMinor, &r.EndingMinor, &r.Mode}
	}), `
SELECT name, modulus_minor, ending_minor, mode, valid_from, valid_to, change_id::text
FROM rounding_rules
ORDER BY name, valid_from
LIMIT $1::int8`, mostVersions)
	if err != nil {
		return nil, fmt.Errorf("list rounding rules: %w", err)
	}
	return rules, nil
}

// Taxes are all versions of a country's rates, by state, category and time. One round trip.
func (f *Finance) Taxes(ctx context.Context, country string) ([]Version[TaxRule], error) {
	rates, err := database.List(ctx, f.DB, func(row pgx.CollectableRow) (Version[TaxRule], error) {
		var mpct int64
		v, err := scanVersion(func(t *TaxRule) []any {
			return []any{&t.Country, &t.State, &t.Category, &mpct, &t.Source}
		})(row)
		v.Rule.RatePercent = money.NewDecimal(mpct, 3)
		return v, err
	}, `
SELECT country, state, category, rate_mpct, source, valid_from, valid_to, change_id::text
FROM tax_rates
WHERE country = $1
ORDER BY state, category, valid_from
LIMIT $2::int8`, country, mostVersions)
	if err != nil {
		return nil, fmt.Errorf("list taxes: %w", err)
	}
	return rates, nil
}

// Uses are how many orders use promotions, of those that have a limit in total: the others are
// not counted. One round trip.
func (f *Finance) Uses(ctx context.Context, promotions []string) (map[string]int64, error) {
	uses := make(map[string]int64, len(promotions))
	err := f.DB.Read(ctx, func(b *database.Batch) error {
		b.Queue(`
SELECT promotion, used
FROM promotion_uses
WHERE promotion = ANY($1::text[])`, promotions).Query(func(rows pgx.Rows) error {
			clear(uses)
			var promotion string
			var used int64
			_, err := pgx.ForEachRow(rows, []any{&promotion, &used}, func() error {
				uses[promotion] = used
				return nil
			})
			return err
		})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("count the uses of promotions: %w", err)
	}
	return uses, nil
}
