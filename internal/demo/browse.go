package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"meridian/internal/client"
	"meridian/internal/money"
)

// looks is how often the product is asked for in each country.
const looks = 100

// visit is how a country's shoppers were served.
type visit struct {
	country, region, price string
	attempts               []client.Attempt
}

func (t *tour) browse(ctx context.Context) error {
	g := t.goods[0]
	var visits []visit
	var rows [][]string
	for _, place := range places {
		v, err := t.visit(ctx, place.country, g)
		if err != nil {
			return err
		}
		visits = append(visits, v)
		rows = append(rows, []string{place.country, v.region, v.price, millis(v.median()), fmt.Sprintf("%d of %d", v.cached(), len(v.attempts))})
	}
	product, err := t.from("US").GetProduct(ctx, g.product)
	if err != nil {
		return err
	}
	fmt.Fprintf(t.out, "     %s\n", title(product.Title))
	t.table([]string{"shopper in", "served by", "price", "median answer", "without asking the database"}, rows)
	t.checkVisits(visits)
	return nil
}

func (t *tour) visit(ctx context.Context, country string, g good) (visit, error) {
	v := visit{country: country}
	shop := t.from(country)
	cart, err := shop.CreateCart(ctx, client.By{}, client.NewKey(), client.CartInput{Lines: basket(g)})
	if err != nil {
		return v, fmt.Errorf("ask the price in %s: %w", country, err)
	}
	v.price = money.New(cart.Lines[0].UnitPriceMinor, money.Currency(cart.Currency)).String()
	shop.Observe = func(a client.Attempt) { v.attempts = append(v.attempts, a) }
	for range looks {
		if _, err := shop.GetProduct(ctx, g.product); err != nil {
			return v, fmt.Errorf("look at a product in %s: %w", country, err)
		}
	}
	v.region = v.attempts[0].Region
	return v, nil
}

func (v visit) median() time.Duration {
	took := slices.SortedFunc(slices.Values(v.attempts), func(a, b client.Attempt) int { return cmp.Compare(a.Took, b.Took) })
	return took[len(took)/2].Took
}

// cached is how many answers needed no round trip to the database.
func (v visit) cached() int {
	return tally(v.attempts, func(a client.Attempt) string { return fmt.Sprint(a.RoundTrips) })["0"]
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func (t *tour) checkVisits(visits []visit) {
	nearest, cached, currencies := 0, 0, make(map[string]bool)
	for i, v := range visits {
		served := tally(v.attempts, func(a client.Attempt) string { return a.Region })
		if served[places[i].region] == len(v.attempts) {
			nearest++
		}
		if v.cached() >= looks*9/10 { // the first is not, nor one whose memory was too old on a busy machine
			cached++
		}
		currencies[v.price[len(v.price)-3:]] = true
	}
	t.check(nearest == len(visits), fmt.Sprintf("%d of %d countries were served by their nearest region, at every look.", nearest, len(visits)),
		"each by the region that is nearest to it")
	t.check(len(currencies) == len(visits), fmt.Sprintf("The price was told in %d currencies.", len(currencies)), "in each country's own")
	t.check(cached == len(visits), fmt.Sprintf("In %d of %d regions, nine answers in ten or more came from memory.", cached, len(visits)),
		"in all of them")
}
