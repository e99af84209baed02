package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Scenario is one way to break a shop.
type Scenario struct {
	Name  string
	About string
	// faults happen all at once.
	faults []fault
	// proxied makes pods reach the database through a Proxy.
	proxied bool
	// staysBroken leaves the shop to its workers as it is.
	staysBroken bool
	// calm is by how much faults of a kind are rarer than where they are alone; 0 stands for 1.
	calm float64
	// walks cuts one checkout at each of its statements before the shoppers come.
	walks bool
}

// fault breaks a shop until ctx ends.
type fault func(b *breaker, ctx context.Context)

// Scenarios lists every scenario.
var Scenarios = []Scenario{
	{Name: "kill-pod", About: "pods are killed at random moments, and start again", faults: []fault{(*breaker).killPods}},
	{Name: "kill-in-checkout", About: "pods are killed while they place an order", faults: []fault{killAt(checkoutSent)}},
	{
		Name: "kill-in-payment", About: "pods are killed while they wait for the provider, which heard them or did not",
		faults: []fault{killAt(paymentAsked, paymentDone)},
	},
	{Name: "kill-in-webhook", About: "pods are killed while they take a webhook", faults: []fault{killAt(webhookSent)}},
	{Name: "kill-database", About: "the database's processes are killed, and it recovers", faults: []fault{(*breaker).killDatabases}},
	{
		Name: "cut", About: "connections to the database are cut: at each statement of a checkout, then anywhere",
		faults: []fault{(*breaker).cutConnections}, proxied: true, walks: true,
	},
	{Name: "provider-slow", About: "the provider takes up to ten seconds in each direction", faults: []fault{misbehave(providerSlow)}},
	{Name: "provider-down", About: "the provider is away for seconds", faults: []fault{(*breaker).providerOutages}},
	{Name: "provider-lying", About: "the provider does what it is asked and answers 500", faults: []fault{misbehave(providerLying)}},
	{
		Name: "provider-duplicating", About: "webhooks come up to three times, seconds late, at other pods",
		faults: []fault{(*breaker).repeatWebhooks},
	},
	{Name: "region-down", About: "a region is lost, and does not come back", faults: []fault{(*breaker).stopRegion}, staysBroken: true},
	{
		Name: "all", About: "all of it at once, but for the lost region", proxied: true, calm: 5,
		faults: []fault{
			(*breaker).killPods, killAt(checkoutSent, paymentAsked, paymentDone, webhookSent),
			(*breaker).killDatabases, (*breaker).cutConnections, misbehave(providerMoody), (*breaker).repeatWebhooks,
		},
	},
}

// Find returns the scenarios of these names, all of them for none. It fails for a name that is not in Scenarios.
func Find(names ...string) ([]Scenario, error) {
	if len(names) == 0 {
		return Scenarios, nil
	}
	found := make([]Scenario, len(names))
	for n, name := range names {
		i := slices.Index(Names(), name)
		if i < 0 {
			return nil, fmt.Errorf("no scenario %q: use some of %s", name, strings.Join(Names(), ", "))
		}
		found[n] = Scenarios[i]
	}
	return found, nil
}

// Names returns the names of all scenarios.
func Names() []string {
	names := make([]string, len(Scenarios))
	for i, s := range Scenarios {
		names[i] = s.Name
	}
	return names
}
