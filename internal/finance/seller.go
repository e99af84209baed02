package finance

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/pricing"
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

// proposeSellers proposes catalogue prices, those of each currency as a change, but for those that wait already. Three round
// trips for each currency.
func (f *Finance) proposeSellers(
	ctx context.Context, by By, prices []pricing.Price,
) (waiting []catalog.WaitingPrice, queue func(b *database.Batch), err error) {
	byCurrency := make(map[money.Currency][]pricing.Price)
	for _, p := range prices {
		byCurrency[p.Currency] = append(byCurrency[p.Currency], p)
	}
	var parts []func(b *database.Batch)
	for _, currency := range slices.Sorted(maps.Keys(byCurrency)) {
		some, part, err := f.proposeSellersIn(ctx, by, currency, byCurrency[currency])
		if err != nil {
			return nil, nil, err
		}
		waiting, parts = append(waiting, some...), append(parts, part)
	}
	return waiting, func(b *database.Batch) {
		for _, part := range parts {
			part(b)
		}
	}, nil
}

// proposeSellersIn is proposeSellers for the prices in one currency.
func (f *Finance) proposeSellersIn(
	ctx context.Context, by By, currency money.Currency, prices []pricing.Price,
) (waiting []catalog.WaitingPrice, queue func(b *database.Batch), err error) {
	list := pricing.List{Code: pricing.CatalogueList(currency), Kind: pricing.Catalogue, Currency: currency}
	known, err := f.waitingPrices(ctx, list, prices)
	if err != nil {
		return nil, nil, err
	}
	var lines []Line
	for _, p := range prices {
		if known[p] == "" {
			lines = append(lines, Line{No: int64(len(lines) + 1), SKU: p.SKU, MinQuantity: 1, AmountMinor: new(p.AmountMinor)})
		}
	}
	c, err := f.newSellersChange(ctx, by, list, lines)
	for _, p := range prices {
		waiting = append(waiting, catalog.WaitingPrice{Price: p, ChangeID: cmp.Or(known[p], c.PublicID())})
	}
	return waiting, func(b *database.Batch) {
		if len(lines) > 0 {
			c.Queue(b)
			queueLines(b, c.ID, list.Code, lines)
		}
	}, err
}

// newSellersChange returns the change of lines of a seller's list, if there are any, that waits for a second person.
func (f *Finance) newSellersChange(ctx context.Context, by By, list pricing.List, lines []Line) (Change, error) {
	if len(lines) == 0 {
		return Change{}, nil
	}
	effect, _, _, err := f.effect(ctx, list, lines, f.begins(len(lines)))
	if err != nil {
		return Change{}, err
	}
	c, err := f.newPricesChange(by, list, effect, len(lines))
	c.NeedsApproval = true
	return c, err
}

// maxWaiting is how many of a list's changes that wait are looked through for prices that wait already: the latest.
const maxWaiting = 500

// waitingPrices returns which of some prices of a seller's list wait already, with the ids of their changes. Two round trips.
func (f *Finance) waitingPrices(ctx context.Context, list pricing.List, prices []pricing.Price) (map[pricing.Price]string, error) {
	changes, err := f.Changes(ctx, ChangeFilter{Kind: KindPrices, Subject: list.Code, Status: StatusPending,
		PageFilter: database.PageFilter[ChangePosition]{Limit: maxWaiting}})
	if err != nil {
		return nil, err
	}
	ids, skus := make([]uuid.UUID, len(changes.Items)), make([]string, len(prices))
	for i, c := range changes.Items {
		ids[i] = c.ID
	}
	for i, p := range prices {
		skus[i] = p.SKU
	}
	waiting := make(map[pricing.Price]string)
	_, err = database.List(ctx, f.DB, func(row pgx.CollectableRow) (p pricing.Price, err error) {
		var change Change
		p.Currency = list.Currency
		err = row.Scan(&p.SKU, &p.AmountMinor, &change.ID)
		waiting[p] = change.PublicID()
		return p, err
	}, `
SELECT sku, amount_minor, change_id
FROM price_change_lines
WHERE change_id = ANY($1::uuid[]) AND sku = ANY($2::text[]) AND amount_minor IS NOT NULL
LIMIT $3::int8`, ids, skus, MaxLines)
	if err != nil {
		return nil, fmt.Errorf("read prices that wait: %w", err)
	}
	return waiting, nil
}
