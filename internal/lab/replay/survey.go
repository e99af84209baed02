package replay

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"meridian/regions"
)

// Survey describes what a file holds and what replaying it takes.
type Survey struct {
	// Lines counts the rows that were read, Goods those that are replayed.
	Lines int64 `json:"lines"`
	Goods int64 `json:"goods_lines"`
	// Invoices counts the invoices by kind.
	Invoices map[string]int64 `json:"invoices"`
	// Rejected counts the rows that are passed over, by reason.
	Rejected map[string]int64 `json:"rejected_lines"`
	// Customers and Guests count who buys.
	Customers int64 `json:"customers"`
	Guests    int64 `json:"guests"`
	// Moved counts those of them who live in another country than the file says.
	Moved int64 `json:"moved"`
	// First and Last are the times of the first and the last invoice, by the file's clock.
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`

	digest string                     // of the file
	needs  map[shelf]int64            // units that leave each shelf
	prices map[string]map[int64]int64 // how often a SKU costs what, in pence
}

// shelf is a SKU in the warehouse of a region that serves the replay.
type shelf struct{ region, sku string }

// total returns how many invoices there are.
func (s Survey) total() int64 {
	var n int64
	for _, of := range s.Invoices {
		n += of
	}
	return n
}

// each reads the file and calls do with its invoices, and onLine with every line and the reason for which it is passed over.
func (c Config) each(onLine func(line, error), do func(invoice, *atlas) error) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	return c.eachOf(file, onLine, do)
}

func (c Config) eachOf(source io.Reader, onLine func(line, error), do func(invoice, *atlas) error) error {
	lines, err := newLineReader(source)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	world := newAtlas(c.Regions, c.Seed, c.CountriesAsIs)
	read := &stream{
		lines: lines, atlas: world, from: c.From, until: c.Until, onLine: onLine, seen: make(map[string]int), limit: cmp.Or(c.Limit, -1),
	}
	for {
		in, err := read.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", c.File, err)
		}
		if err := do(in, world); err != nil {
			return err
		}
	}
}

// survey reads what of the file is to be replayed. It fails for a file that breaks off, before anything is done.
func (c Config) survey() (Survey, error) {
	found := Survey{
		Invoices: make(map[string]int64), Rejected: make(map[string]int64),
		needs: make(map[shelf]int64), prices: make(map[string]map[int64]int64),
	}
	file, err := os.Open(c.File)
	if err != nil {
		return found, err
	}
	defer file.Close()
	hash := sha256.New()
	content := io.TeeReader(file, hash)
	customers := make(map[string]bool)
	err = c.eachOf(content, found.addLine, func(in invoice, world *atlas) error {
		found.addInvoice(in, world.region(placeOf(in)))
		switch {
		case in.customer != "" && !customers[in.customer]:
			customers[in.customer] = true
		case in.customer == "" && in.kind == kindOrder && len(in.goods) > 0:
			found.Guests++
		default:
			return nil
		}
		if in.moved {
			found.Moved++
		}
		return nil
	})
	found.Customers = int64(len(customers))
	if err == nil {
		_, err = io.Copy(io.Discard, content) // what a limit left unread is part of the file
	}
	found.digest = hex.EncodeToString(hash.Sum(nil))
	return found, err
}

// placeOf returns the country that an invoice is served in.
func placeOf(in invoice) string {
	if in.kind == kindStockAdjustment {
		return homeCountry
	}
	return in.country
}

func (s *Survey) addLine(l line, err error) {
	s.Lines++
	var why rejection
	if errors.As(err, &why) {
		s.Rejected[string(why)]++
		return
	}
	s.Goods++
	if l.kind == kindOrder && l.pence > 0 {
		if s.prices[l.sku] == nil {
			s.prices[l.sku] = make(map[int64]int64)
		}
		s.prices[l.sku][l.pence]++
	}
}

func (s *Survey) addInvoice(in invoice, home regions.Region) {
	s.Invoices[string(in.kind)]++
	if s.First.IsZero() || in.at.Before(s.First) {
		s.First = in.at
	}
	if in.at.After(s.Last) {
		s.Last = in.at
	}
	if in.kind == kindCancellation {
		return // it brings goods back
	}
	for _, g := range in.goods {
		s.needs[shelf{home.Name, g.SKU}] += g.Units
	}
}

// price returns what the SKU costs most often in the file, in pence, the higher on a tie; 0 if it never had a price.
func (s Survey) price(sku string) int64 {
	var best, times int64
	for pence, n := range s.prices[sku] {
		if n > times || (n == times && pence > best) {
			best, times = pence, n
		}
	}
	return best
}
