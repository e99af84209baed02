package predict

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
	"meridian/internal/lab/shopper"
	"meridian/regions"
)

// providerCalls are how often an operation calls the payment provider, which `meridian up --wan` puts near the primary region.
var providerCalls = map[string]int{"placeOrder": 1}

// Embedded returns how long an operation takes a pod of a region over one PostgreSQL in the primary region: a batch is one
// round trip there, whatever the number of its statements.
func (m Model) Embedded(o Operation, region string) time.Duration {
	return times(o.Cost.Trips+providerCalls[o.ID], m.World.RTT(region, m.World.primary))
}

// A Measurement compares what was measured at a region's pod with Embedded.
type Measurement struct {
	Region    string `json:"region"`
	Operation string `json:"operation"`
	// RoundTrips are those predicted, Answered those that the pod told of the median call; -1 where it does not.
	RoundTrips int `json:"round_trips"`
	Answered   int `json:"answered_round_trips"`
	// Predicted, and Measured, a median, are in milliseconds. CPU is what the call takes beside its round trips, as measured
	// next to the database, in the primary region.
	Predicted float64 `json:"predicted_ms"`
	Measured  float64 `json:"measured_ms"`
	CPU       float64 `json:"cpu_ms"`
	// Ratio is what was measured without the CPU, over what was predicted. It is 1 in the primary region.
	Ratio float64 `json:"ratio"`
	// Off says that it is not what was predicted.
	Off bool `json:"off"`

	predicted, measured time.Duration
}

// Bounds of what counts as predicted.
const (
	tolerance = 0.25
	cpuFloor  = 5 * time.Millisecond // by how much the CPU's part differs between regions, on a busy laptop
)

// judge sets what follows from the part of the CPU.
func (m *Measurement) judge(cpu time.Duration) {
	distance := m.measured - cpu
	m.Predicted, m.Measured, m.CPU = report.Milliseconds(m.predicted), report.Milliseconds(m.measured), report.Milliseconds(cpu)
	m.Ratio = float64(distance) / float64(m.predicted)
	m.Off = (distance - m.predicted).Abs() > time.Duration(float64(m.predicted)*tolerance)+cpuFloor
}

// warmups are the calls that are not counted: the first ones open connections and prepare statements.
const warmups = 4

// Measure buys so many times, and warmups before, as a guest at the pod of each region, whose URLs are given, and compares the
// calls' medians with the predictions. The shop must have its catalogue, and goods in stock.
func (m Model) Measure(ctx context.Context, pods map[string]string, operations []Operation, repeat int) ([]Measurement, error) {
	byID := make(map[string]Operation, len(operations))
	for _, o := range operations {
		byID[o.ID] = o
	}
	for _, region := range m.World.names {
		if pods[region] == "" {
			return nil, fmt.Errorf("the URL of the pod in %s is missing", region)
		}
	}
	found := make([][]Measurement, len(m.World.names))
	group, ctx := errgroup.WithContext(ctx)
	for i, region := range m.World.set.All() {
		group.Go(func() error {
			g := newGuest(region, pods[region.Name])
			if err := g.buyTimes(ctx, repeat); err != nil {
				return fmt.Errorf("%s: %w", region.Name, err)
			}
			found[i] = g.compare(m, byID)
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := slices.Concat(found...)
	cpu := make(map[string]time.Duration)
	for _, one := range all {
		if one.Region == m.World.primary {
			cpu[one.Operation] = max(one.measured-one.predicted, 0)
		}
	}
	for i := range all {
		all[i].judge(cpu[all[i].Operation])
	}
	return all, nil
}

// guest buys at one pod and notes what its calls take.
type guest struct {
	region  string
	shopper shopper.Shopper
	last    client.Attempt
	notes   map[string][]client.Attempt // by operation
	order   []string                    // of the operations
}

// newGuest returns a guest who lives where the region's first warehouse stands.
func newGuest(region regions.Region, base string) *guest {
	g := &guest{region: region.Name, notes: make(map[string][]client.Attempt)}
	country := homed(region)
	g.shopper = shopper.Shopper{
		Client: &client.Client{
			Base: base, HTTP: client.NewHTTP(1), Header: http.Header{"Cf-Ipcountry": {country}},
			Observe: func(a client.Attempt) { g.last = a },
		},
		Country: country, ShipTo: shopper.Address("A Guest", country, ""), Email: "guest@example.com",
	}
	return g
}

// homed returns a country whose customers are at home in the region: its first warehouse's, else the first in its list.
func homed(region regions.Region) string {
	for _, w := range region.Warehouses {
		if slices.Contains(region.Countries, w.Country) {
			return w.Country
		}
	}
	return region.Countries[0]
}

// maxGoods bounds how many products are chosen from. They are drawn at random, as pods keep the answers of an earlier run.
const maxGoods = 1000

// buyTimes finds goods and buys some of them, again and again.
func (g *guest) buyTimes(ctx context.Context, repeat int) error {
	var goods []client.Product
	err := g.shopper.Client.EachProduct(ctx, url.Values{"limit": {"100"}}, func(p client.Product) bool {
		if len(p.SKUs) > 0 && p.SKUs[0].Status == "active" {
			goods = append(goods, p)
		}
		return len(goods) < maxGoods
	})
	if err != nil {
		return err
	}
	rand.Shuffle(len(goods), func(i, j int) { goods[i], goods[j] = goods[j], goods[i] })
	if len(goods) < 2 {
		return errors.New("there is nothing to buy: open the shop with its catalogue")
	}
	for n := range warmups + repeat {
		if n == warmups {
			clear(g.notes)
		}
		if err := g.buy(ctx, n, goods[n%len(goods)], goods[(n+1)%len(goods)]); err != nil {
			return err
		}
	}
	return nil
}

// buy makes one purchase, a call of each operation that is measured.
func (g *guest) buy(ctx context.Context, n int, first, second client.Product) error {
	s := &g.shopper
	var p *shopper.Purchase
	steps := []struct {
		operation string
		call      func() error
	}{
		{"listProducts", func() error {
			_, err := s.Client.ListProducts(ctx, url.Values{"limit": {strconv.Itoa(n + 1)}})
			return err
		}},
		{"getProduct", func() error { _, err := s.Client.GetProduct(ctx, first.ID); return err }},
		{"getAvailability", func() error { _, err := s.Client.GetAvailability(ctx, first.SKUs[0].SKU); return err }},
		{"createCart", func() (err error) {
			p, err = s.NewCart(ctx, "", []client.Line{{SKU: first.SKUs[0].SKU, Quantity: 1}})
			return err
		}},
		{"addCartLine", func() error { return s.AddLine(ctx, "", p, client.Line{SKU: second.SKUs[0].SKU, Quantity: 1}) }},
		{"getCart", func() error { return s.ReadCart(ctx, p) }},
		{"placeOrder", func() error { return s.Checkout(ctx, "", p, "card_success") }},
		{"getOrder", func() error { _, err := s.ReadOrder(ctx, p); return err }},
	}
	g.order = g.order[:0]
	for _, step := range steps {
		if err := step.call(); err != nil {
			return fmt.Errorf("%s: %w", step.operation, err)
		}
		g.notes[step.operation] = append(g.notes[step.operation], g.last)
		g.order = append(g.order, step.operation)
	}
	return nil
}

// compare returns the medians beside what was predicted.
func (g *guest) compare(m Model, operations map[string]Operation) []Measurement {
	var all []Measurement
	for _, id := range g.order {
		o := operations[id]
		median := medianOf(g.notes[id])
		all = append(all, Measurement{
			Region: g.region, Operation: id, RoundTrips: o.Cost.Trips, Answered: median.RoundTrips,
			predicted: m.Embedded(o, g.region), measured: median.Took,
		})
	}
	return all
}

// medianOf returns the attempt that took the median time.
func medianOf(attempts []client.Attempt) client.Attempt {
	sorted := slices.SortedFunc(slices.Values(attempts), func(a, b client.Attempt) int { return int(a.Took - b.Took) })
	return sorted[len(sorted)/2]
}
