package report

import (
	"encoding/csv"
	"fmt"
	"strconv"
	"time"

	"meridian/internal/money"
)

// columns is the header of the report.
var columns = []string{
	"day", "market", "currency", "orders", "units",
	"gross_minor", "shipping_minor", "tax_minor", "discount_minor", "refunds_minor", "net_minor",
	"reporting_currency", "reporting_gross_minor", "reporting_shipping_minor", "reporting_tax_minor", "reporting_discount_minor",
	"reporting_refunds_minor", "reporting_net_minor", "unbooked_orders",
}

// row is a row of the report while it is added up.
type row struct {
	key
	orders, units int64
	own           sums // in the orders' currency
	booked        sums // in the reporting currency
}

// printer adds events up and writes each row when the next begins.
type printer struct {
	csv   *csv.Writer
	row   row
	begun bool
	// The booked ratio of the event before: those of a day mostly share it.
	ratio     money.Ratio
	ratioRate string
	ratioOf   [2]money.Currency
}

func (p *printer) header() error { return p.csv.Write(columns) }

// add counts an event.
func (p *printer) add(e event) error {
	if p.begun && e.key != p.row.key {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if !p.begun {
		p.row, p.begun = row{key: e.key}, true
	}
	if e.refundMinor == 0 {
		p.row.orders++
		p.row.units += e.units
	}
	p.row.own.add(e.amounts())
	if e.reporting == "" {
		return nil
	}
	booked, err := p.booked(e)
	if err != nil {
		return err
	}
	worth, err := e.reportingAmounts(booked)
	if err != nil {
		return fmt.Errorf("convert at %s: %w", e.rate, err)
	}
	p.row.booked.add(worth)
	return nil
}

// booked returns the ratio that an order's amounts were booked at: its rate's.
func (p *printer) booked(e event) (money.Ratio, error) {
	if of := [2]money.Currency{e.currency, e.reporting}; p.ratioRate != e.rate || p.ratioOf != of {
		rate, err := money.ParseDecimal(e.rate)
		if err != nil {
			return money.Ratio{}, fmt.Errorf("read booked rate: %w", err)
		}
		one := money.NewDecimal(1, 0)
		if p.ratio, err = money.Conversion(e.currency, one, e.reporting, rate, one); err != nil {
			return money.Ratio{}, fmt.Errorf("booked rate: %w", err)
		}
		p.ratioRate, p.ratioOf = e.rate, of
	}
	return p.ratio, nil
}

// flush writes the row.
func (p *printer) flush() error {
	r := &p.row
	record := []string{r.day.Format(time.DateOnly), r.market, string(r.currency), number(r.orders), number(r.units)}
	own := r.own.record()
	booked, unbooked := make([]string, len(own)), r.orders
	if r.reporting != "" {
		unbooked, booked = 0, r.booked.record()
	}
	record = append(append(append(record, own...), string(r.reporting)), booked...)
	p.begun = false
	return p.csv.Write(append(record, number(unbooked)))
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// end writes what is left.
func (p *printer) end() error {
	if p.begun {
		if err := p.flush(); err != nil {
			return err
		}
	}
	p.csv.Flush()
	return p.csv.Error()
}
