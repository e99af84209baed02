package history

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// at returns an operation from one moment to another.
func at(from, to int, op Operation) Operation {
	op.Called, op.Answered = time.Duration(from)*time.Millisecond, time.Duration(to)*time.Millisecond
	return op
}

func TestCheck(t *testing.T) {
	buy := func(units int64, out string) Operation {
		return Operation{Kind: Stock, Key: "MUG", Verb: Buy, In: units, Out: out}
	}
	left := func(units string) Operation { return Operation{Kind: Stock, Key: "MUG", Verb: Read, Out: units} }
	receive := func(units int64) Operation { return Operation{Kind: Stock, Key: "MUG", Verb: Receive, In: units} }
	set := func(q int64) Operation { return Operation{Kind: Cart, Key: "crt", Verb: Set, In: q} }
	holds := func(q string) Operation { return Operation{Kind: Cart, Key: "crt", Verb: Read, Out: q} }
	status := func(s string) Operation { return Operation{Kind: Order, Key: "ord", Verb: Read, Out: s} }
	cancel := func(s string) Operation { return Operation{Kind: Order, Key: "ord", Verb: Cancel, Out: s} }
	place := func(id string) Operation { return Operation{Kind: Key, Key: "k", Verb: Place, Out: id} }
	version := func(session int, n int64) Operation {
		return Operation{Session: session, Kind: Cart, Key: "v", Verb: Set, In: 1, Version: n}
	}
	lost := func(op Operation) Operation { op.Lost = true; return op }
	for name, test := range map[string]struct {
		ops   []Operation
		fault string
	}{
		"nothing":           {},
		"sold, then read":   {ops: []Operation{at(0, 1, receive(3)), at(2, 3, buy(2, "")), at(4, 5, left("1"))}},
		"oversold":          {ops: []Operation{at(0, 1, receive(3)), at(2, 3, buy(2, "")), at(4, 5, buy(2, ""))}, fault: "stock MUG"},
		"refused rightly":   {ops: []Operation{at(0, 1, receive(3)), at(2, 3, buy(2, "")), at(4, 5, buy(2, Refused))}},
		"refused wrongly":   {ops: []Operation{at(0, 1, receive(3)), at(2, 3, buy(2, Refused))}, fault: "stock MUG"},
		"a stale read":      {ops: []Operation{at(0, 1, receive(3)), at(2, 3, buy(2, "")), at(4, 5, left("3"))}, fault: "stock MUG"},
		"a read meanwhile":  {ops: []Operation{at(0, 1, receive(3)), at(2, 6, buy(2, "")), at(4, 5, left("3"))}},
		"lost, and it was":  {ops: []Operation{at(0, 1, receive(3)), at(2, 3, lost(buy(2, ""))), at(4, 5, left("1"))}},
		"lost, and was not": {ops: []Operation{at(0, 1, receive(3)), at(2, 3, lost(buy(2, ""))), at(4, 5, left("3"))}},
		"lost, and was later": {ops: []Operation{at(0, 1, receive(3)), at(2, 3, lost(buy(2, ""))), at(4, 5, left("3")), at(6, 7, left("1")),
			at(8, 9, left("1"))}},
		"lost, and was twice": {ops: []Operation{at(0, 1, receive(5)), at(2, 3, lost(buy(2, ""))), at(4, 5, left("1"))}, fault: "stock MUG"},
		"a lost update":       {ops: []Operation{at(0, 1, set(1)), at(2, 3, set(2)), at(4, 5, holds("1"))}, fault: "cart crt"},
		"a cart":              {ops: []Operation{at(0, 1, set(1)), at(2, 6, set(2)), at(3, 4, holds("1")), at(5, 7, holds("2"))}},
		"an order":            {ops: []Operation{at(0, 1, status("pending_payment")), at(2, 3, status("paid")), at(4, 5, cancel(Refused))}},
		"seen late":           {ops: []Operation{at(0, 1, status("pending_payment")), at(2, 3, status("delivered"))}},
		"back in time":        {ops: []Operation{at(0, 1, status("paid")), at(2, 3, status("pending_payment"))}, fault: "order ord"},
		"undead":              {ops: []Operation{at(0, 1, cancel("cancelled")), at(2, 3, status("paid"))}, fault: "order ord"},
		"one key":             {ops: []Operation{at(0, 5, place("a")), at(1, 2, place("a")), at(3, 4, lost(place("")))}},
		"two orders":          {ops: []Operation{at(0, 5, place("a")), at(1, 2, place("b"))}, fault: "key k"},
		"older than its own write": {
			ops: []Operation{at(0, 1, version(1, 5)), at(2, 3, version(1, 4))}, fault: "session 1 saw version 5",
		},
		"older than another's": {ops: []Operation{at(0, 1, version(1, 5)), at(2, 3, version(2, 4))}},
		"at the same time":     {ops: []Operation{at(0, 3, version(1, 5)), at(2, 4, version(1, 4))}},
	} {
		t.Run(name, func(t *testing.T) {
			v := Check(test.ops)
			if v.Clean() != (test.fault == "") || !v.Clean() && !strings.Contains(strings.Join(v.Faults, "\n"), test.fault) {
				t.Errorf("the verdict is %+v, want %q", v, test.fault)
			}
		})
	}
}

// A counter is a shop that has one SKU and answers late.
type counter struct {
	mu    sync.Mutex
	left  int64
	stale bool // reads tell what was left before the last sale
	was   int64
}

func (c *counter) do(op *Operation) bool {
	time.Sleep(rand.N(200 * time.Microsecond))
	defer time.Sleep(rand.N(200 * time.Microsecond))
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case op.Verb == Receive:
		c.was, c.left = c.left, c.left+op.In
	case op.Verb == Read && c.stale:
		op.Out = strconv.FormatInt(c.was, 10)
	case op.Verb == Read:
		op.Out = strconv.FormatInt(c.left, 10)
	case c.left < op.In:
		op.Out = Refused
	default:
		c.was, c.left = c.left, c.left-op.In
	}
	return rand.IntN(10) > 0 // the answer may be lost
}

// record lets several clients use a counter, and returns what they saw.
func record(c *counter, clients, each int) []Operation {
	var r Recorder
	var running sync.WaitGroup
	for session := range clients {
		running.Go(func() {
			for range each {
				op := Operation{Session: session, Kind: Stock, Key: "MUG", Verb: []Verb{Receive, Buy, Buy, Read}[rand.IntN(4)]}
				if op.Verb != Read {
					op.In = 1 + rand.Int64N(3)
				}
				r.Do(op, c.do)
			}
		})
	}
	running.Wait()
	return r.Operations()
}

// TestCheck_Concurrent: what a right shop answers to several clients is explained, and one whose reads are stale is found out.
func TestCheck_Concurrent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		clients := rapid.IntRange(1, 4).Draw(t, "clients")
		if v := Check(record(&counter{}, clients, 10)); !v.Clean() || v.Operations != 10*clients {
			t.Fatalf("a right shop: %+v", v)
		}
	})
	for range 20 {
		if v := Check(record(&counter{stale: true}, 3, 20)); len(v.Faults) > 0 {
			return
		}
	}
	t.Error("a shop with stale reads was not found out in 20 runs")
}

func ExampleCheck() {
	v := Check([]Operation{
		{Kind: Stock, Key: "MUG", Verb: Receive, In: 1, Called: 0, Answered: 1},
		{Kind: Stock, Key: "MUG", Verb: Buy, In: 1, Session: 1, Called: 2, Answered: 4},
		{Kind: Stock, Key: "MUG", Verb: Buy, In: 1, Session: 2, Called: 3, Answered: 5},
	})
	fmt.Println(v.Faults[0])
	// Output: stock MUG: no order of its 3 operations explains what was answered
}
