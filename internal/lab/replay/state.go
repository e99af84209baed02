package replay

import (
	"errors"
	"fmt"
	"maps"
	"sync"
)

// ErrOtherRun is returned for a state file of another file, another shop or other settings.
var ErrOtherRun = errors.New("the state file is of another replay")

// state is how far a run is: what its journal says, as counts and as what is needed to go on. It is safe for concurrent
// use, but for each customer, who belongs to one buyer.
type state struct {
	journal *journal

	mu        sync.Mutex
	begun     *begun
	stocked   *Stocked // nil until everything is received
	done      map[string]bool
	carts     map[part]filled // filled, and not known to be ordered
	placed    map[part]string // of invoices that are not done
	orders    []string
	customers map[string]*customer
	tally     Tally
}

// Tally counts what happened, over all sessions of a run.
type Tally struct {
	// Invoices counts those that were dealt with.
	Invoices   int64 `json:"invoices"`
	Registered int64 `json:"customers_registered"`
	Orders     int64 `json:"orders_placed"`
	// GuestOrders counts those that guests placed; Lines and Units what was ordered.
	GuestOrders int64 `json:"guest_orders"`
	Lines       int64 `json:"lines_ordered"`
	Units       int64 `json:"units_ordered"`
	// Cancelled counts orders taken back whole, Refunds the refunds of units of others, UnitsBack the units of both.
	Cancelled int64 `json:"orders_cancelled"`
	Refunds   int64 `json:"refunds"`
	UnitsBack int64 `json:"units_returned"`
	// Returns counts cancellations by how much of them was found in earlier orders: whole, partly, none.
	Returns        map[string]int64 `json:"returns"`
	UnitsUnmatched int64            `json:"units_unmatched"`
	Corrections    int64            `json:"stock_corrections"`
	// Rejected counts what was refused, by reason: orders, returns and corrections.
	Rejected map[string]int64 `json:"rejected"`
	// ByRegion counts orders by their home region.
	ByRegion map[string]int64 `json:"orders_by_region"`
}

func newState() *state {
	return &state{
		done: make(map[string]bool), carts: make(map[part]filled), placed: make(map[part]string), customers: make(map[string]*customer),
		tally: Tally{Returns: make(map[string]int64), Rejected: make(map[string]int64), ByRegion: make(map[string]int64)},
	}
}

// openState reads the journal of a run, or begins it.
func openState(path string, want begun) (*state, error) {
	s := newState()
	var err error
	s.journal, err = openJournal(path, func(r record) {
		s.apply(r)
		if name := r.customer(); name != "" {
			s.customer(name).apply(r)
		}
	})
	if err != nil {
		return nil, err
	}
	if s.begun == nil {
		return s, s.keep(record{Begun: &want})
	}
	want.Run = s.begun.Run
	if *s.begun != want {
		return nil, errors.Join(s.journal.close(), fmt.Errorf(
			"%w: it began with other content, settings or another shop; give another --state, or remove %s to begin anew", ErrOtherRun, path))
	}
	return s, nil
}

// customer returns the customer of that name, who may be new.
func (s *state) customer(name string) *customer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.customers[name] == nil {
		s.customers[name] = &customer{name: name}
	}
	return s.customers[name]
}

// note counts a record and writes it to the journal.
func (s *state) note(r record) error {
	s.apply(r)
	_, err := s.journal.note(r)
	return err
}

// keep counts a record and writes it to the journal on disk.
func (s *state) keep(r record) error {
	s.apply(r)
	return s.journal.keep(r)
}

func (s *state) apply(r record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Begun != nil:
		s.begun = r.Begun
	case r.Stocked != nil:
		s.stocked = r.Stocked
	case r.Registered != nil:
		s.tally.Registered++
	case r.Filled != nil:
		s.carts[r.Filled.part] = *r.Filled
	case r.Placed != nil:
		delete(s.carts, r.Placed.part)
		s.placed[r.Placed.part] = r.Placed.Order
		s.orders = append(s.orders, r.Placed.Order)
		s.tally.addOrder(*r.Placed)
	case r.Done != nil:
		s.done[r.Done.Invoice] = true
		maps.DeleteFunc(s.placed, func(p part, _ string) bool { return p.Invoice == r.Done.Invoice })
		maps.DeleteFunc(s.carts, func(p part, _ filled) bool { return p.Invoice == r.Done.Invoice })
		s.tally.addDone(*r.Done)
	}
}

func (t *Tally) addOrder(p placed) {
	t.Orders++
	t.ByRegion[p.Region]++
	if p.Customer == "" {
		t.GuestOrders++
	}
	t.Lines += int64(len(p.Goods))
	for _, g := range p.Goods {
		t.Units += g.Units
	}
}

func (t *Tally) addDone(d done) {
	t.Invoices++
	t.Corrections += d.Corrected
	for reason, n := range d.Rejected {
		t.Rejected[reason] += n
	}
	if d.Kind != kindCancellation {
		return
	}
	switch {
	case len(d.Given) == 0:
		t.Returns["none"]++
	case d.Unmatched > 0:
		t.Returns["partly"]++
	default:
		t.Returns["whole"]++
	}
	t.UnitsUnmatched += d.Unmatched
	for _, g := range d.Given {
		if g.Refused {
			continue
		}
		if g.Whole {
			t.Cancelled++
		} else {
			t.Refunds++
		}
		t.UnitsBack += g.units()
	}
}

// isDone reports whether an invoice was dealt with.
func (s *state) isDone(invoice string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[invoice]
}

// cartOf returns the cart that was filled for a part and may have been ordered; the zero value for none.
func (s *state) cartOf(p part) filled {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.carts[p]
}

// isPlaced reports whether a part of an invoice in work was ordered.
func (s *state) isPlaced(p part) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.placed[p] != ""
}

// counted returns what happened so far.
func (s *state) counted() Tally {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.tally
	t.Returns, t.Rejected, t.ByRegion = maps.Clone(t.Returns), maps.Clone(t.Rejected), maps.Clone(t.ByRegion)
	return t
}
