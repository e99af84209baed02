package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
)

// bereft is where the shoppers of the lost region are.
var bereft = germany

// lostRegion is taken away.
const lostRegion = "eu-west"

// outageEmail is that of all who buy meanwhile.
const outageEmail = "outage@demo.example"

// sale is one purchase of the shoppers who buy on and on.
type sale struct {
	began, ended time.Time
	place        place
	region       string // that answered the checkout
	failures     int    // answers that had to be asked for again
	purchase     purchase
	err          error
}

// crowd is shoppers who buy on and on.
type crowd struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	sales []sale
}

// gather lets shoppers in every country buy until the crowd is stopped. Each finishes the
// purchase it has begun.
func (t *tour) gather(ctx context.Context) *crowd {
	c := new(crowd)
	shopping, stop := context.WithCancel(ctx)
	c.stop = stop
	forAll := t.goods[scarce:]
	for i := range t.Shoppers {
		random := rand.New(rand.NewPCG(t.Seed, uint64(i+1)))
		at := places[i%len(places)]
		c.running.Go(func() {
			for shopping.Err() == nil {
				s := t.sell(ctx, at, forAll[random.IntN(len(forAll))])
				c.mu.Lock()
				c.sales = append(c.sales, s)
				c.mu.Unlock()
				think(shopping)
			}
		})
	}
	return c
}

// think is what a shopper does between two purchases.
func think(shopping context.Context) {
	select {
	case <-shopping.Done():
	case <-time.After(thinkTime):
	}
}

// thinkTime leaves the machine enough to see what a loss does: with none, all is a queue.
const thinkTime = 50 * time.Millisecond

// sell is one purchase: a cart and a checkout.
func (t *tour) sell(ctx context.Context, at place, g good) sale {
	s := sale{began: time.Now(), place: at}
	shop := t.from(at)
	shop.Observe = func(a client.Attempt) {
		s.region = a.Region
		if a.Code != "" {
			s.failures++
		}
	}
	s.purchase, s.err = t.buy(ctx, shop, at, "card_success", outageEmail, basket(g))
	s.ended = time.Now()
	return s
}

// finish stops the crowd and returns all that was bought.
func (c *crowd) finish() []sale {
	c.stop()
	c.running.Wait()
	return c.sales
}

// between are the sales that began and ended in that time, so far.
func (c *crowd) between(from, to time.Time) []sale {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []sale
	for _, s := range c.sales {
		if !s.began.Before(from) && !s.ended.After(to) {
			found = append(found, s)
		}
	}
	return found
}

// phase is a time of the outage that is watched.
type phase struct {
	name     string
	from, to time.Time
	sales    []sale
}

func (t *tour) lose(ctx context.Context) error {
	c := t.gather(ctx)
	defer c.stop()
	before, err := t.watch(ctx, c, "before")
	if err != nil {
		return err
	}
	if err := t.shop.StopRegion(ctx, lostRegion); err != nil {
		return err
	}
	during, err := t.watch(ctx, c, "lost")
	if err != nil {
		return err
	}
	settled, waiting, err := t.awaitOrphans(ctx, during.sales)
	if err != nil {
		return err
	}
	back, err := t.comeBack(ctx)
	if err != nil {
		return err
	}
	after, err := t.watch(ctx, c, "back again")
	if err != nil {
		return err
	}
	all := c.finish()
	t.tellPhases([]phase{before, during, after})
	t.checkOutage(during, after, all)
	t.check(settled > 0 && settled == waiting,
		fmt.Sprintf("%d of %s at home in %s were paid and booked while it was lost.", settled, plural(waiting, "order"), lostRegion), "all of them, and some")
	fmt.Fprintf(t.out, "     The edge sent shoppers to %s again %.1f s after its start.\n", lostRegion, back.Seconds())
	return t.checkBooked(ctx, all)
}

// watch lets the crowd buy for a while, and on a slow machine until somebody has bought in
// each place.
func (t *tour) watch(ctx context.Context, c *crowd, name string) (phase, error) {
	p := phase{name: name, from: time.Now()}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := poll(waiting, func() (bool, error) {
		p.to = time.Now()
		p.sales = c.between(p.from, p.to)
		return p.to.Sub(p.from) >= t.Watch && len(tally(p.sales, whereOf)) == len(places), nil
	})
	if errors.Is(err, errOutOfPatience) {
		err = nil // who has not bought is told
	}
	return p, errors.Join(err, ctx.Err())
}

func whereOf(s sale) string { return s.place.name }

// awaitOrphans waits until the orders whose home is lost are paid all the same.
func (t *tour) awaitOrphans(ctx context.Context, sales []sale) (settled, all int, err error) {
	region, _ := t.Regions.Get(lostRegion)
	var orphans []purchase
	for _, s := range sales {
		if s.err == nil && strings.HasPrefix(s.purchase.ID, "ord_"+region.Code+"_") {
			orphans = append(orphans, s.purchase)
		}
	}
	orders, err := t.await(ctx, orphans, isPaid)
	if err != nil {
		return 0, 0, err
	}
	return tally(orders, func(o client.Order) string { return o.Status })["paid"], len(orphans), nil
}

// comeBack starts the lost region and waits until the edge sends shoppers there again, and
// tells how long that took.
func (t *tour) comeBack(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := t.shop.StartRegion(ctx, lostRegion); err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	shop := t.from(bereft)
	var region string
	shop.Observe = func(a client.Attempt) { region = a.Region }
	err := poll(waiting, func() (bool, error) {
		_, err := shop.GetProduct(ctx, t.goods[0].product)
		return region == lostRegion, err
	})
	if errors.Is(err, errOutOfPatience) {
		err = fmt.Errorf("%s is back, but the edge does not send shoppers there: %w", lostRegion, err)
	}
	return time.Since(began), err
}

func (t *tour) tellPhases(phases []phase) {
	var rows [][]string
	for _, p := range phases {
		failed := slices.DeleteFunc(slices.Clone(p.sales), func(s sale) bool { return s.err == nil })
		rows = append(rows, []string{
			lostRegion + " " + p.name,
			fmt.Sprintf("%.0f", float64(len(p.sales)-len(failed))/p.to.Sub(p.from).Seconds()),
			servedBy(p.sales), slowest(p.sales), fmt.Sprint(len(failed)),
		})
	}
	t.table([]string{"", "orders a second", "shoppers in " + bereft.name + " served by", "slowest purchase", "failed"}, rows)
}

// servedBy are the regions that took the orders of the lost region's shoppers.
func servedBy(sales []sale) string {
	var regions []string
	for region := range tally(ofLost(sales), func(s sale) string { return s.region }) {
		regions = append(regions, region)
	}
	slices.Sort(regions)
	return strings.Join(regions, ", ")
}

func slowest(sales []sale) string {
	var longest time.Duration
	for _, s := range sales {
		longest = max(longest, s.ended.Sub(s.began))
	}
	return millis(longest)
}

// ofLost are the sales to shoppers of the lost region.
func ofLost(sales []sale) []sale {
	return slices.DeleteFunc(slices.Clone(sales), func(s sale) bool { return s.place != bereft })
}

func (t *tour) checkOutage(during, after phase, all []sale) {
	failed, again := 0, 0
	for _, s := range all {
		again += s.failures
		if s.err != nil {
			failed++
		}
	}
	t.check(failed == 0, fmt.Sprintf("Of %s, begun before, in and after the moment of the loss, %d failed; %d answers were asked for again, with the same key.",
		plural(len(all), "purchase"), failed, again), "none failed: "+firstError(all))
	where := tally(during.sales, whereOf)
	elsewhere := len(ofLost(during.sales)) - tally(ofLost(during.sales), func(s sale) string { return s.region })[lostRegion]
	t.check(len(where) == len(places) && elsewhere > 0 && elsewhere == where[bereft.name],
		fmt.Sprintf("Meanwhile shoppers of %d regions bought on; the %d purchases in %s were taken by another one.", len(where), elsewhere, bereft.name),
		fmt.Sprintf("%d regions, and no answer of %s", len(places), lostRegion))
	home := tally(ofLost(after.sales), func(s sale) string { return s.region })[lostRegion]
	t.check(home > 0, fmt.Sprintf("Back again, %s took %s in %s.", lostRegion, plural(home, "purchase"), bereft.name), "at least one")
}

// firstError is why the first of those that failed did.
func firstError(sales []sale) string {
	for _, s := range sales {
		if s.err != nil {
			return s.err.Error()
		}
	}
	return ""
}

// checkBooked compares what shoppers were told with what is in the database.
func (t *tour) checkBooked(ctx context.Context, all []sale) error {
	told := make(map[string]bool)
	for _, s := range all {
		if s.err == nil {
			told[s.purchase.ID] = true
		}
	}
	booked, err := database.One(ctx, t.db, pgx.RowTo[int64], `
SELECT count(*)
FROM orders
WHERE email = $1`, outageEmail)
	if err != nil {
		return fmt.Errorf("count the orders of the outage: %w", err)
	}
	t.check(int64(len(told)) == booked, fmt.Sprintf("%s were confirmed to shoppers, %s are in the database. Lost: %d, doubled: %d.",
		plural(len(told), "order"), thousands(booked), max(0, int64(len(told))-booked), max(0, booked-int64(len(told)))), "the same number")
	return nil
}
