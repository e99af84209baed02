package demo

import (
	"context"
	"fmt"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/money"
)

// visitLooks is how often the product is asked for in each country.
const visitLooks = 100

// visit records how a country's shoppers were served.
type visit struct {
	place         place
	region, price string
	attempts      []client.Attempt
	took          report.Times
}

func (t *tour) browse(ctx context.Context) error {
	g := t.goods[0]
	var visits []*visit
	var rows [][]string
	for _, at := range append([]place{mexico}, places...) {
		v, err := t.visit(ctx, at, g)
		if err != nil {
			return err
		}
		visits = append(visits, v)
		cached := fmt.Sprintf("%d of %d", v.cached(), len(v.attempts))
		rows = append(rows, []string{at.name, v.region, v.price, millis(v.took.Quantile(0.5)), cached})
	}
	product, err := t.from(newYork).GetProduct(ctx, g.product)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "     %s\n", title(product.Title))
	t.table([]string{"shopper in", "served by", "price", "median answer", "without asking the database"}, rows)
	t.checkVisits(visits)
	return nil
}

func (t *tour) visit(ctx context.Context, at place, g good) (*visit, error) {
	v := &visit{place: at}
	shop := t.from(at)
	cart, err := shop.CreateCart(ctx, client.By{}, "", client.CartInput{Lines: basket(g)})
	if err != nil {
		return v, fmt.Errorf("ask the price in %s: %w", at.name, err)
	}
	v.price = money.New(cart.Lines[0].UnitPriceMinor, money.Currency(cart.Currency)).String()
	shop.Observe = func(a client.Attempt) {
		v.attempts = append(v.attempts, a)
		v.took.Add(a.Took)
	}
	for range visitLooks {
		if _, err := shop.GetProduct(ctx, g.product); err != nil {
			return v, fmt.Errorf("look at a product in %s: %w", at.name, err)
		}
	}
	v.region = v.attempts[0].Region
	return v, nil
}

// cached returns how many answers needed no round trip to the database.
func (v *visit) cached() int {
	return report.Tally(v.attempts, func(a client.Attempt) string { return fmt.Sprint(a.RoundTrips) })["0"]
}

func (t *tour) checkVisits(visits []*visit) {
	nearest, cached := 0, 0
	regions, currencies := make(map[string]bool), make(map[string]bool)
	for _, v := range visits {
		served := report.Tally(v.attempts, func(a client.Attempt) string { return a.Region })
		if served[v.place.region] == len(v.attempts) {
			nearest++
		}
		if v.cached() >= visitLooks*9/10 { // the first is not, nor one whose memory was too old on a busy machine
			cached++
		}
		regions[v.region] = true
		currencies[v.price[len(v.price)-3:]] = true
	}
	t.check(nearest == len(visits) && len(regions) == len(places), fmt.Sprintf("each by the nearest, and %d regions", len(places)),
		"%d of %d shoppers were served by their nearest region at every look; %d regions served.", nearest, len(visits), len(regions))
	t.check(len(currencies) == 4, "4: each country's own", "The price was told in %d currencies.", len(currencies))
	t.check(cached == len(visits), "for all of them",
		"For %d of %d, nine answers in ten or more came from the region's memory.", cached, len(visits))
}
