package shipping

import (
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"

	"meridian/internal/money"
)

//go:embed data/*.csv
var shipped embed.FS

// Table holds the zones, their countries and their prices. It never changes after loading and is safe for concurrent
// use.
type Table struct {
	zones      map[string]zone
	countries  map[string]string // ISO code → zone
	currencies map[money.Currency]bool
}

// zone is a set of countries with the same prices.
type zone struct {
	service          string
	minDays, maxDays int64
	prices           map[money.Currency]price
}

// price is a zone's price in one currency.
type price struct{ minor, freeFromMinor int64 }

// Shipped returns the table compiled into the binary.
func Shipped() (*Table, error) {
	data, err := fs.Sub(shipped, "data")
	if err != nil {
		return nil, err
	}
	return load(data)
}

// load reads zones.csv, countries.csv and flat_rates.csv, and reports everything that is wrong with them at once.
func load(data fs.FS) (*Table, error) {
	t := &Table{
		zones:      make(map[string]zone),
		countries:  make(map[string]string),
		currencies: make(map[money.Currency]bool),
	}
	err := errors.Join(
		eachRecord(data, "zones.csv", []string{"zone", "service", "min_days", "max_days"}, t.addZone),
		eachRecord(data, "countries.csv", []string{"country", "zone"}, t.addCountry),
		eachRecord(data, "flat_rates.csv", []string{"zone", "currency", "price_minor", "free_from_minor"}, t.addPrice),
	)
	if err = errors.Join(err, t.checkComplete()); err != nil {
		return nil, fmt.Errorf("shipping table: %w", err)
	}
	return t, nil
}

// eachRecord calls add for each line of a CSV file, which must have the header, and joins the errors.
func eachRecord(data fs.FS, name string, header []string, add func(record []string) error) error {
	file, err := data.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if len(records) == 0 || !slices.Equal(records[0], header) {
		return fmt.Errorf("%s: want the header %v", name, header)
	}
	var faults []error
	for i, record := range records[1:] {
		if err := add(record); err != nil {
			faults = append(faults, fmt.Errorf("%s, line %d: %w", name, i+2, err))
		}
	}
	return errors.Join(faults...)
}

func (t *Table) addZone(record []string) error {
	days, err := amounts(record[2:])
	if err != nil {
		return err
	}
	if _, twice := t.zones[record[0]]; twice {
		return fmt.Errorf("zone %q is listed twice", record[0])
	}
	if days[0] > days[1] {
		return fmt.Errorf("zone %q: from %d to %d days is no span", record[0], days[0], days[1])
	}
	t.zones[record[0]] = zone{service: record[1], minDays: days[0], maxDays: days[1], prices: make(map[money.Currency]price)}
	return nil
}

func (t *Table) addCountry(record []string) error {
	country, zone := record[0], record[1]
	if _, twice := t.countries[country]; twice || len(country) != 2 {
		return fmt.Errorf("country %q is no code, or listed twice", country)
	}
	if _, known := t.zones[zone]; !known {
		return fmt.Errorf("country %q: zone %q is not known", country, zone)
	}
	t.countries[country] = zone
	return nil
}

func (t *Table) addPrice(record []string) error {
	currency, err := money.ParseCurrency(record[1])
	if err != nil {
		return err
	}
	minor, err := amounts(record[2:])
	if err != nil {
		return err
	}
	zone, known := t.zones[record[0]]
	if !known {
		return fmt.Errorf("zone %q is not known", record[0])
	}
	if _, twice := zone.prices[currency]; twice {
		return fmt.Errorf("zone %q has two prices in %s", record[0], currency)
	}
	zone.prices[currency] = price{minor: minor[0], freeFromMinor: minor[1]}
	t.currencies[currency] = true
	return nil
}

// checkComplete requires a price in every currency for every zone.
func (t *Table) checkComplete() error {
	var faults []error
	for name, zone := range t.zones {
		for currency := range t.currencies {
			if _, ok := zone.prices[currency]; !ok {
				faults = append(faults, fmt.Errorf("zone %q has no price in %s", name, currency))
			}
		}
	}
	return errors.Join(faults...)
}

// amounts parses numbers of 0 or more.
func amounts(texts []string) ([]int64, error) {
	var numbers []int64
	for _, text := range texts {
		n, err := strconv.ParseUint(text, 10, 62)
		if err != nil {
			return nil, fmt.Errorf("%q is not a number of 0 or more", text)
		}
		numbers = append(numbers, int64(n))
	}
	return numbers, nil
}
