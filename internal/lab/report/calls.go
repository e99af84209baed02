package report

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"meridian/internal/lab/client"
)

// Call sums up one kind of call.
type Call struct {
	Name string `json:"name"`
	// Count is how many attempts there were, Latency the distribution of those that succeeded.
	Count   int     `json:"count"`
	Latency Latency `json:"latency"`
	// Refused counts answers other than success, by code.
	Refused map[string]int `json:"refused,omitempty"`
}

// Calls measures HTTP exchanges, by the name of the call. The zero value is ready to use and
// safe for concurrent use.
type Calls struct {
	mu    sync.Mutex
	kinds map[string]*calls
	Totals
}

// Totals holds sums over all calls.
type Totals struct {
	// Requests is the number of HTTP exchanges, Again that of those after a call's first.
	Requests, Again int
	// Final is the number of calls that were answered for good.
	Final int
	// RoundTrips is the number of database round trips that the answers told.
	RoundTrips int
}

type calls struct {
	count   int
	times   Times
	refused map[string]int
}

// Observe counts an attempt by its route, see client.Client.Observe.
func (c *Calls) Observe(a client.Attempt) { c.Count(a.Route(), a) }

// Count counts an attempt of the named call.
func (c *Calls) Count(name string, a client.Attempt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	kind := c.kind(name)
	kind.count++
	if a.Code == "" {
		kind.times.Add(a.Took)
	} else {
		kind.refused[a.Code]++
	}
	c.Requests++
	if a.Number > 1 {
		c.Again++
	}
	if a.Final {
		c.Final++
	}
	c.RoundTrips += max(a.RoundTrips, 0)
}

func (c *Calls) kind(name string) *calls {
	if c.kinds == nil {
		c.kinds = make(map[string]*calls)
	}
	if c.kinds[name] == nil {
		c.kinds[name] = &calls{refused: make(map[string]int)}
	}
	return c.kinds[name]
}

// Reset forgets everything that was counted.
func (c *Calls) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kinds, c.Totals = nil, Totals{}
}

// Sum returns the totals.
func (c *Calls) Sum() Totals {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Totals
}

// List returns a summary of each kind of call, sorted by name.
func (c *Calls) List() []Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list []Call
	for name, kind := range c.kinds {
		list = append(list, Call{Name: name, Count: kind.count, Latency: kind.times.Latency(), Refused: maps.Clone(kind.refused)})
	}
	slices.SortFunc(list, func(a, b Call) int { return strings.Compare(a.Name, b.Name) })
	return list
}
