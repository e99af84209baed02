package pricing

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

//go:embed data/tax_rates.csv
var shippedTaxRates []byte

// Tables are the rules by which lines are priced: at this stage, tax rates by country and
// state. They never change after loading and are safe for concurrent use.
type Tables struct {
	rates map[place]taxRates
}

// place is a country, or with a state one part of it.
type place struct{ country, state string }

// taxRates is what a place asks for by tax category.
type taxRates struct {
	standard, reduced rate
}

// The columns of the table that are read.
const (
	columnCountry = "country_iso2"
	columnState   = "state"
	columnTotal   = "total_pct"
	columnReduced = "reduced_pct"
)

// Shipped returns the tables that are part of the program.
func Shipped() (*Tables, error) {
	return load(bytes.NewReader(shippedTaxRates))
}

// load reads a table of tax rates and reports everything that is wrong with it at once.
func load(r io.Reader) (*Tables, error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read tax rates: %w", err)
	}
	if len(records) == 0 {
		return nil, errors.New("read tax rates: the table is empty")
	}
	columns, err := columnsOf(records[0])
	if err != nil {
		return nil, fmt.Errorf("read tax rates: %w", err)
	}
	t := &Tables{rates: make(map[place]taxRates, len(records)-1)}
	var faults []error
	for i, record := range records[1:] {
		if err := t.add(columns, record); err != nil {
			faults = append(faults, fmt.Errorf("tax rates, line %d: %w", i+2, err))
		}
	}
	return t, errors.Join(faults...)
}

// columnsOf finds the columns that are needed by their names.
func columnsOf(header []string) (map[string]int, error) {
	columns := make(map[string]int, len(header))
	for i, name := range header {
		columns[name] = i
	}
	for _, name := range []string{columnCountry, columnState, columnTotal, columnReduced} {
		if _, ok := columns[name]; !ok {
			return nil, fmt.Errorf("the column %s is missing", name)
		}
	}
	return columns, nil
}

func (t *Tables) add(columns map[string]int, record []string) error {
	where := place{country: record[columns[columnCountry]], state: record[columns[columnState]]}
	if len(where.country) != 2 {
		return fmt.Errorf("%q is not a country code", where.country)
	}
	if _, twice := t.rates[where]; twice {
		return fmt.Errorf("%s %s is listed twice", where.country, where.state)
	}
	standard, err := parsePercent(record[columns[columnTotal]])
	if err != nil {
		return err
	}
	reduced := standard
	if first, _, _ := strings.Cut(record[columns[columnReduced]], ";"); first != "" {
		if reduced, err = parsePercent(first); err != nil {
			return err
		}
	}
	t.rates[where] = taxRates{standard: standard, reduced: reduced}
	return nil
}

// rateFor is the rate of a tax category at a destination: the state's where it has one,
// else the country's. A country that the table does not know taxes nothing.
func (t *Tables) rateFor(dest Destination, category string) (rate, error) {
	state := strings.TrimPrefix(strings.ToUpper(strings.TrimSpace(dest.State)), dest.Country+"-")
	rates, ok := t.rates[place{country: dest.Country, state: state}]
	if !ok {
		rates = t.rates[place{country: dest.Country}]
	}
	switch category {
	case TaxStandard:
		return rates.standard, nil
	case TaxReduced:
		return rates.reduced, nil
	case TaxZero:
		return 0, nil
	}
	return 0, fmt.Errorf("tax category %q: use %s, %s or %s", category, TaxStandard, TaxReduced, TaxZero)
}
