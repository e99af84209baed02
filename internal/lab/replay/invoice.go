package replay

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// goods is a quantity of one SKU, above zero whatever is done with it.
type goods struct {
	SKU   string `json:"sku"`
	Units int64  `json:"units"`
}

// invoice is one event of the stream: all lines of one number.
type invoice struct {
	// name is the number, with a further mark where it stood in the file before.
	name     string
	kind     kind
	at       time.Time
	customer string // "" for a guest
	country  string // where the buyer lives, once drawn
	moved    bool   // from the country that the file says
	goods    []goods
	last     time.Time // of its lines
}

// add adds a line's units to those of the same SKU.
func (in *invoice) add(sku string, units int64) error {
	i := slices.IndexFunc(in.goods, func(g goods) bool { return g.SKU == sku })
	if i < 0 {
		in.goods = append(in.goods, goods{SKU: sku, Units: units})
		return nil
	}
	if in.goods[i].Units+units > maxUnits {
		return quantityImpossible
	}
	in.goods[i].Units += units
	return nil
}

// The shop's limits of a cart.
const (
	maxCartLines = 100
	maxCartUnits = 10_000
)

// carts splits goods into what a cart can hold: as few carts as that takes, each SKU once in each.
func carts(all []goods) [][]goods {
	left := slices.Clone(all)
	var parts [][]goods
	for len(left) > 0 {
		var part, rest []goods
		for _, g := range left {
			taken := min(g.Units, maxCartUnits)
			if len(part) == maxCartLines {
				taken = 0
			}
			if taken > 0 {
				part = append(part, goods{SKU: g.SKU, Units: taken})
			}
			if taken < g.Units {
				rest = append(rest, goods{SKU: g.SKU, Units: g.Units - taken})
			}
		}
		parts, left = append(parts, part), rest
	}
	return parts
}

const (
	// lineWait is how long, by the file's clock, an invoice waits for another line: the source writes some of them over
	// two minutes, among other invoices' lines.
	lineWait = 5 * time.Minute
	// maxOpen bounds the invoices that wait.
	maxOpen = 256
)

// stream reads a file's invoices, in the order of their first lines.
type stream struct {
	lines  *lineReader
	atlas  *atlas
	from   time.Time // earlier invoices are passed over; zero for none
	until  time.Time // those from here on too; zero for none
	onLine func(line, error)
	open   []*invoice
	clock  time.Time      // of the line read last
	seen   map[string]int // how often each number began
	ended  bool
	limit  int // invoices still to be read; negative for all
}

// next returns the next invoice, io.EOF after the last, or the error with which the file cannot be read further.
func (s *stream) next() (invoice, error) {
	if s.limit == 0 {
		return invoice{}, io.EOF
	}
	for !s.ready() {
		if err := s.readLine(); err != nil {
			return invoice{}, err
		}
	}
	if len(s.open) == 0 {
		return invoice{}, io.EOF
	}
	first := s.open[0]
	s.open = s.open[1:]
	s.limit--
	said := first.country
	first.country = s.atlas.country(first.customer, first.name, said)
	first.moved = first.country != said
	return *first, nil
}

// ready reports whether the first open invoice is whole, or nothing more is to come.
func (s *stream) ready() bool {
	if s.ended || len(s.open) > maxOpen {
		return true
	}
	return len(s.open) > 0 && s.clock.Sub(s.open[0].last) > lineWait
}

func (s *stream) readLine() error {
	l, err := s.lines.next()
	var why rejection
	switch {
	case errors.Is(err, io.EOF):
		s.ended = true
		return nil
	case err != nil && !errors.As(err, &why):
		return err
	case !s.within(l):
		return nil
	case l.kind != "" && why != bookkeeping && why != kindUnknown:
		s.clock = l.at
		in := s.invoiceOf(l)
		if err == nil {
			err = in.add(l.sku, max(l.quantity, -l.quantity))
		}
	}
	s.onLine(l, err)
	return nil
}

// within reports whether the line is in the time that is replayed. One that could not be read has no time, and counts.
func (s *stream) within(l line) bool {
	if l.at.IsZero() {
		return true
	}
	return !l.at.Before(s.from) && (s.until.IsZero() || l.at.Before(s.until))
}

// invoiceOf returns the open invoice of the line's number, begun if there is none.
func (s *stream) invoiceOf(l line) *invoice {
	for _, in := range slices.Backward(s.open) {
		if in.kind == l.kind && in.customer == l.customer && numberOf(in.name) == l.invoice {
			in.last = l.at
			return in
		}
	}
	s.seen[l.invoice]++
	in := &invoice{name: nameOf(l.invoice, s.seen[l.invoice]), kind: l.kind, at: l.at, last: l.at, customer: l.customer, country: l.country}
	s.open = append(s.open, in)
	return in
}

// nameOf returns the number for its first invoice, and marks it for each further one.
func nameOf(number string, nth int) string {
	if nth == 1 {
		return number
	}
	return number + "~" + strconv.Itoa(nth)
}

func numberOf(name string) string {
	number, _, _ := strings.Cut(name, "~")
	return number
}
