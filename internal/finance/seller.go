package finance

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
	"meridian/internal/pricing/changes"
)

// SellerGate returns what keeps back the prices of a seller's edit that rise or fall by more than one person may decide.
// They wait as changes of the sellers' lists, asked for by by, until somebody of finance approves them.
func (f *Finance) SellerGate(by By) *catalog.Gate {
	return &catalog.Gate{
		Jumps: func(before, after int64) bool {
			step := changeBP(before, after)
			return f.ApproveAbove.everything() || max(step, -step) > f.ApproveAbove.ChangeBP
		},
		Propose: func(ctx context.Context, prices []pricing.Price) ([]catalog.WaitingPrice, func(b *database.Batch), error) {
			return f.proposeSellers(ctx, by, prices)
		},
	}
}

// proposeSellers proposes catalogue prices, those of each currency as a change, but for those that wait already. A round
// trip, and one for each currency.
func (f *Finance) proposeSellers(
	ctx context.Context, by By, prices []pricing.Price,
) (waiting []catalog.WaitingPrice, queue func(b *database.Batch), err error) {
	known, err := f.waitingPrices(ctx, prices)
	if err != nil {
		return nil, nil, err
	}
	lines := make(map[money.Currency][]Line)
	for _, p := range prices {
		if id, waits := known[p]; waits {
			waiting = append(waiting, catalog.WaitingPrice{Price: p, ChangeID: id})
			continue
		}
		amount, no := p.AmountMinor, int64(len(lines[p.Currency])+1)
		lines[p.Currency] = append(lines[p.Currency], Line{No: no, SKU: p.SKU, MinQuantity: 1, AmountMinor: &amount})
	}
	proposed := make(map[money.Currency]Change)
	for _, currency := range slices.Sorted(maps.Keys(lines)) {
		list := pricing.List{Code: pricing.CatalogueList(currency), Kind: pricing.Catalogue, Currency: currency}
		effect, _, _, err := f.effect(ctx, list, lines[currency], f.begins(len(lines[currency])))
		if err != nil {
			return nil, nil, err
		}
		c, err := f.newPricesChange(by, list, effect, len(lines[currency]))
		if err != nil {
			return nil, nil, err
		}
		c.NeedsApproval = true
		proposed[currency] = c
		for _, l := range lines[currency] {
			waiting = append(waiting, catalog.WaitingPrice{
				Price: pricing.Price{SKU: l.SKU, Currency: currency, AmountMinor: *l.AmountMinor}, ChangeID: c.ChangeID()})
		}
	}
	return waiting, func(b *database.Batch) {
		for _, currency := range slices.Sorted(maps.Keys(proposed)) {
			proposed[currency].Queue(b)
			queueLines(b, proposed[currency].ID, pricing.CatalogueList(currency), lines[currency])
		}
	}, nil
}

// waitingPrices returns which of some catalogue prices wait already, with the ids of their changes. One round trip.
func (f *Finance) waitingPrices(ctx context.Context, prices []pricing.Price) (map[pricing.Price]string, error) {
	skus := make([]string, len(prices))
	asked := make(map[string]map[string]pricing.Price) // by list and SKU
	for i, p := range prices {
		skus[i] = p.SKU
		list := pricing.CatalogueList(p.Currency)
		if asked[list] == nil {
			asked[list] = make(map[string]pricing.Price)
		}
		asked[list][p.SKU] = p
	}
	type row struct {
		sku, list, change string
		amount            *int64
	}
	rows, err := database.List(ctx, f.DB, func(r pgx.CollectableRow) (row, error) {
		var l row
		return l, r.Scan(&l.sku, &l.list, &l.amount, &l.change)
	}, `
SELECT l.sku, l.list, l.amount_minor, l.change_id::text
FROM `+changes.WaitingSQL+` n
JOIN price_change_lines l ON l.change_id = n.id
WHERE n.kind = $1 AND n.subject = ANY($2::text[]) AND l.sku = ANY($3::text[])
ORDER BY l.change_id, l.line_no
LIMIT $4::int8`, KindPrices, slices.Sorted(maps.Keys(asked)), skus, MaxLines)
	if err != nil {
		return nil, fmt.Errorf("read prices that wait: %w", err)
	}
	waiting := make(map[pricing.Price]string)
	for _, l := range rows {
		if p, ok := asked[l.list][l.sku]; ok && l.amount != nil && *l.amount == p.AmountMinor {
			waiting[p] = l.change
		}
	}
	return waiting, nil
}
