package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
)

// lostPlace is where the shoppers of the lost region are.
var lostPlace = germany

// lostRegion is taken away.
const lostRegion = "eu-west"

// outageEmail is that of all who buy meanwhile.
const outageEmail = "outage@demo.example"

// sale is one purchase of the shoppers who buy on and on.
type sale struct {
	purchase
	began, ended time.Time
	region       string // that answered the checkout
	failures     int    // answers that had to be asked for again
	err          error
}

// crowd is shoppers who buy on and on.
type crowd struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	sales []sale
}

// thinkTime is a shopper's pause between two purchases. It leaves the machine enough to see what a loss does: with none,
// all is a queue.
const thinkTime = 50 * time.Millisecond

// gather lets shoppers in every country buy until the crowd is stopped. Each finishes the purchase it has begun.
func (t *tour) gather(ctx context.Context) *crowd {
	c := new(crowd)
	shopping, stop := context.WithCancel(ctx)
	c.stop = stop
	forAll := t.goods[scarce:]
	random := make([]*rand.Rand, t.Shoppers)
	for i := range random {
		random[i] = t.random(i + 1)
	}
	c.running.Go(func() {
		shopper.Crowd(shopping, t.Shoppers, func(i int) {
			s := t.sell(ctx, places[i%len(places)], forAll[random[i].IntN(len(forAll))])
			c.mu.Lock()
			c.sales = append(c.sales, s)
			c.mu.Unlock()
			client.Sleep(shopping, thinkTime)
		})
	})
	return c
}

// sell makes one purchase: a cart and a checkout.
func (t *tour) sell(ctx context.Context, at place, g good) sale {
	s := sale{began: time.Now(), purchase: purchase{by: t.guest(at, outageEmail), place: at}}
	s.by.Client.Observe = func(a client.Attempt) {
		s.region = a.Region
		if a.Code != "" {
			s.failures++
		}
	}
	s.Purchase, s.err = s.by.Buy(ctx, basket(g), "card_success")
	s.by.Client = t.from(at) // unobserved from here on
	s.ended = time.Now()
	return s
}

// between returns the sales that began and ended in that time, so far.
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
	c.stop()
	c.running.Wait()
	all := c.sales
	t.tellPhases([]phase{before, during, after})
	t.checkOutage(during, after, all)
	t.check(settled > 0 && settled == waiting, "all of them, and some",
		"%d of %s at home in %s were paid and booked while it was lost.", settled, plural(waiting, "order"), lostRegion)
	fmt.Fprintf(t.out, "     The edge sent shoppers to %s again %.1f s after its start.\n", lostRegion, back.Seconds())
	return t.checkBooked(ctx, all)
}

// watch lets the crowd buy for a while, and on a slow machine until somebody has bought in each place. It returns what was
// bought meanwhile.
func (t *tour) watch(ctx context.Context, c *crowd, name string) (phase, error) {
	p := phase{name: name, from: time.Now()}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = client.Poll(waiting, lookEvery, func() (bool, error) {
		p.to = time.Now()
		p.sales = c.between(p.from, p.to)
		return p.to.Sub(p.from) >= t.Watch && len(report.Tally(p.sales, whereOf)) == len(places), nil
	}) // who has not bought when patience ends is told
	return p, ctx.Err()
}

func whereOf(s sale) string  { return s.place.name }
func regionOf(s sale) string { return s.region }

// awaitOrphans waits until the orders whose home is lost are paid all the same.
func (t *tour) awaitOrphans(ctx context.Context, sales []sale) (settled, all int, err error) {
	region, _ := t.Regions.Get(lostRegion)
	var orphans []purchase
	for _, s := range sales {
		if s.err == nil && strings.HasPrefix(s.Order.ID, "ord_"+region.Code+"_") {
			orphans = append(orphans, s.purchase)
		}
	}
	orders, err := t.await(ctx, orphans, isPaid)
	if err != nil {
		return 0, 0, err
	}
	return countPaid(orders), len(orphans), nil
}

// comeBack starts the lost region, waits until the edge sends shoppers there again, and returns how long that took.
func (t *tour) comeBack(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	if err := t.shop.StartRegion(ctx, lostRegion); err != nil {
		return 0, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	shop := t.from(lostPlace)
	var region string
	shop.Observe = func(a client.Attempt) { region = a.Region }
	err := client.Poll(waiting, lookEvery, func() (bool, error) {
		_, err := shop.GetProduct(ctx, t.goods[0].product)
		return region == lostRegion, err
	})
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
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
	t.table([]string{"", "orders a second", "shoppers in " + lostPlace.name + " served by", "slowest purchase", "failed"}, rows)
}

// servedBy names the regions that took the orders of the lost region's shoppers.
func servedBy(sales []sale) string {
	return strings.Join(slices.Sorted(maps.Keys(report.Tally(inLostPlace(sales), regionOf))), ", ")
}

func slowest(sales []sale) string {
	var longest time.Duration
	for _, s := range sales {
		longest = max(longest, s.ended.Sub(s.began))
	}
	return millis(longest)
}

// inLostPlace returns the sales to shoppers there.
func inLostPlace(sales []sale) []sale {
	return slices.DeleteFunc(slices.Clone(sales), func(s sale) bool { return s.place != lostPlace })
}

func (t *tour) checkOutage(during, after phase, all []sale) {
	failed, again := 0, 0
	for _, s := range all {
		again += s.failures
		if s.err != nil {
			failed++
		}
	}
	t.check(failed == 0, "none failed: "+firstError(all),
		"Of %s, begun before, in and after the moment of the loss, %d failed; %d answers were asked for again, with the same key.",
		plural(len(all), "purchase"), failed, again)
	where := report.Tally(during.sales, whereOf)
	elsewhere := len(inLostPlace(during.sales)) - report.Tally(inLostPlace(during.sales), regionOf)[lostRegion]
	t.check(len(where) == len(places) && elsewhere > 0 && elsewhere == where[lostPlace.name],
		fmt.Sprintf("%d regions, and no answer of %s", len(places), lostRegion),
		"Meanwhile shoppers of %d regions bought on; the %d purchases in %s were taken by another one.", len(where), elsewhere, lostPlace.name)
	home := report.Tally(inLostPlace(after.sales), regionOf)[lostRegion]
	t.check(home > 0, "at least one",
		"Back again, %s took %s in %s.", lostRegion, plural(home, "purchase"), lostPlace.name)
}

// firstError returns why the first of those that failed did.
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
			told[s.Order.ID] = true
		}
	}
	booked, err := database.One(ctx, t.db, pgx.RowTo[int64], `
SELECT count(*)
FROM orders
WHERE email = $1`, outageEmail)
	if err != nil {
		return fmt.Errorf("count the orders of the outage: %w", err)
	}
	lost := int64(len(told)) - booked
	t.check(lost == 0, "the same number",
		"%s were confirmed to shoppers, %s are in the database. Lost: %d, doubled: %d.",
		plural(len(told), "order"), report.Thousands(booked), max(0, lost), max(0, -lost))
	return nil
}
