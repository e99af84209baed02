package chaos

import (
	"context"
	"fmt"
	"strings"
)

// Scenario is one way to break a shop.
type Scenario struct {
	Name  string
	About string
	// faults are what breaks the shop, all at once.
	faults func(b *breaker) []func(context.Context)
	// proxied has pods reach the database through a Proxy.
	proxied bool
	// staysBroken leaves the shop to its workers as it is.
	staysBroken bool
	// calm is by how much faults of a kind are rarer than where they are alone; 0 stands for 1.
	calm float64
	// walks has one checkout cut at each of its statements before the shoppers come.
	walks bool
}

// Scenarios are all of them.
var Scenarios = []Scenario{
	{Name: "kill-pod", About: "pods are killed at random moments, and start again", faults: ways((*breaker).killPods)},
	{Name: "kill-in-checkout", About: "pods are killed while they place an order", faults: ways((*breaker).killInCheckout)},
	{Name: "kill-in-payment", About: "pods are killed while they wait for the provider, which heard them or did not", faults: ways((*breaker).killInPayment)},
	{Name: "kill-in-webhook", About: "pods are killed while they take a webhook", faults: ways((*breaker).killInWebhook)},
	{Name: "kill-database", About: "the database's processes are killed, and it recovers", faults: ways((*breaker).killDatabases)},
	{
		Name: "cut", About: "connections to the database are cut: at each statement of a checkout, then anywhere",
		faults: ways((*breaker).cutConnections), proxied: true, walks: true,
	},
	{Name: "provider-slow", About: "the provider takes up to ten seconds in each direction", faults: bank(bankSlow)},
	{Name: "provider-down", About: "the provider is away for seconds", faults: ways((*breaker).bankOutages)},
	{Name: "provider-lying", About: "the provider does what it is asked and answers 500", faults: bank(bankLying)},
	{Name: "provider-duplicating", About: "webhooks come up to three times, seconds late, at other pods", faults: ways((*breaker).repeatNotices)},
	{Name: "region-down", About: "a region is lost, and does not come back", faults: ways((*breaker).stopRegion), staysBroken: true},
	{
		Name: "all", About: "all of it at once, but for the lost region", proxied: true, calm: 5,
		faults: ways((*breaker).killPods, (*breaker).killInCheckout, (*breaker).killInPayment, (*breaker).killInWebhook,
			(*breaker).killDatabases, (*breaker).cutConnections, (*breaker).beMoody, (*breaker).repeatNotices),
	},
}

func ways(list ...func(*breaker, context.Context)) func(*breaker) []func(context.Context) {
	return func(b *breaker) []func(context.Context) {
		bound := make([]func(context.Context), len(list))
		for i, way := range list {
			bound[i] = func(ctx context.Context) { way(b, ctx) }
		}
		return bound
	}
}

func bank(mode bankMode) func(*breaker) []func(context.Context) {
	return ways(func(b *breaker, ctx context.Context) { b.misbehave(ctx, mode) })
}

// Find returns the scenarios of these names, all of them for none.
func Find(names ...string) ([]Scenario, error) {
	if len(names) == 0 {
		return Scenarios, nil
	}
	var found []Scenario
	for _, name := range names {
		n := len(found)
		for _, s := range Scenarios {
			if s.Name == name {
				found = append(found, s)
			}
		}
		if len(found) == n {
			return nil, fmt.Errorf("no scenario %q: use some of %s", name, strings.Join(Names(), ", "))
		}
	}
	return found, nil
}

// Names lists the scenarios.
func Names() []string {
	names := make([]string, len(Scenarios))
	for i, s := range Scenarios {
		names[i] = s.Name
	}
	return names
}
