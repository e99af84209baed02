package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
)

// entrant is a buyer in the race: a cart, and what became of it.
type entrant struct {
	purchase
	code string // of the problem; "" for an order
}

func (t *tour) race(ctx context.Context) error {
	if err := t.placeTrials(ctx); err != nil {
		return err
	}
	g := t.goods[3]
	if err := t.setStock(ctx, g, int64(t.Units)); err != nil {
		return err
	}
	entrants, err := t.lineUp(ctx, g)
	if err != nil {
		return err
	}
	took, err := t.run(ctx, entrants)
	if err != nil {
		return err
	}
	return t.checkRace(ctx, g, entrants, took)
}

// setStock corrects the stock as an operator, so that so many units are left over the regions'
// warehouses.
func (t *tour) setStock(ctx context.Context, g good, units int64) error {
	levels, err := t.stockOf(ctx, g.sku)
	if err != nil {
		return err
	}
	want := t.share(levels, units)
	for i, level := range levels {
		if level.OnHand == want[i] {
			continue
		}
		err := t.operator.Do(ctx, t.from(newYork), func(by client.By) error {
			return t.from(newYork).Adjust(ctx, by, "", client.AdjustInput{
				SKU: g.sku, Warehouse: level.Warehouse, Delta: want[i] - level.OnHand, Reason: "counted",
			})
		})
		if err != nil {
			return fmt.Errorf("correct the stock of %s: %w", g.sku, err)
		}
	}
	return nil
}

// share divides units among the first warehouse of each region.
func (t *tour) share(levels []client.StockLevel, units int64) []int64 {
	want := make([]int64, len(levels))
	regions := t.Regions.All()
	for i, region := range regions {
		part := (units + int64(len(regions)-1-i)) / int64(len(regions))
		for j, level := range levels {
			if level.Warehouse == region.Warehouses[0].Code {
				want[j] = part
			}
		}
	}
	return want
}

// lineUp gives every buyer a cart with one unit in it.
func (t *tour) lineUp(ctx context.Context, g good) ([]entrant, error) {
	entrants := make([]entrant, t.Buyers)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(lookers)
	for i := range entrants {
		at := places[i%len(places)]
		group.Go(func() (err error) {
			e := &entrants[i]
			e.place, e.by = at, t.guest(at, "race@demo.example")
			if e.Purchase, err = e.by.NewCart(ctx, "", basket(g)); err != nil {
				return fmt.Errorf("make a cart in %s: %w", at.name, err)
			}
			return nil
		})
	}
	return entrants, group.Wait()
}

// run lets all of them check out at the same moment.
func (t *tour) run(ctx context.Context, entrants []entrant) (time.Duration, error) {
	start := make(chan struct{})
	var running sync.WaitGroup
	for i := range entrants {
		e := &entrants[i]
		running.Go(func() {
			<-start
			e.code = client.CodeOf(e.by.Checkout(ctx, "", e.Purchase, "card_success"))
		})
	}
	began := time.Now()
	close(start)
	running.Wait()
	return time.Since(began), ctx.Err()
}

func (t *tour) checkRace(ctx context.Context, g good, entrants []entrant, took time.Duration) error {
	answers := report.Tally(entrants, func(e entrant) string { return e.code })
	units, rest := t.Units, t.Buyers-t.Units
	t.check(answers[""] == units && answers["sold_out"] == rest && len(answers) <= 2,
		fmt.Sprintf("%d orders, %d sold out, and no other answer", units, rest),
		"%d buyers, %d units: %s, %d told that it is sold out in %.2f s (%.0f answers a second)%s.", t.Buyers, units,
		plural(answers[""], "order"), answers["sold_out"], took.Seconds(), float64(t.Buyers)/took.Seconds(), others(answers))
	var winners []purchase
	for _, e := range entrants {
		if e.code == "" {
			winners = append(winners, e.purchase)
		}
	}
	orders, err := t.await(ctx, winners, isPaid)
	if err != nil {
		return err
	}
	levels, err := t.stockOf(ctx, g.sku)
	if err != nil {
		return err
	}
	var available, onHand int64
	for _, level := range levels {
		available, onHand = available+level.Available, onHand+level.OnHand
	}
	paid := countPaid(orders)
	oversold := max(0, int64(paid)-onHand)
	t.check(paid == units && available == 0 && onHand == int64(units),
		fmt.Sprintf("%d paid, %d on the shelves, none for sale", units, units),
		"%d are paid; %d units are on the shelves for them, %d more for sale. Oversold: %d.", paid, onHand, available, oversold)
	won := report.Tally(winners, func(p purchase) string { return p.place.name })
	var parts []string
	for _, at := range places {
		parts = append(parts, fmt.Sprintf("%d in %s", won[at.name], at.name))
	}
	fmt.Fprintf(t.out, "     The winners were %s.\n", strings.Join(parts, ", "))
	return nil
}

// others names answers that are neither an order nor sold out.
func others(answers map[string]int) string {
	text := ""
	for code, n := range answers {
		if code != "" && code != "sold_out" {
			text += fmt.Sprintf(", %d × %s", n, code)
		}
	}
	return text
}
