package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"meridian/internal/inventory"
	"meridian/internal/order"
)

// unpaidLimit is a flag of the form 100:25, or -1 for any number.
type unpaidLimit inventory.UnpaidLimit

// String returns the limit as Set reads it, "" for one that was not set.
func (l *unpaidLimit) String() string {
	switch {
	case *l == unpaidLimit{}:
		return ""
	case l.Units < 0:
		return "-1"
	}
	return fmt.Sprintf("%d:%d", l.Units, l.Percent)
}

// Set reads units and percent.
func (l *unpaidLimit) Set(text string) error {
	if text == "-1" {
		*l = unpaidLimit{Units: -1}
		return nil
	}
	units, percent, _ := strings.Cut(text, ":")
	n, err := strconv.ParseInt(units, 10, 64)
	p, err2 := strconv.ParseInt(percent, 10, 64)
	if err != nil || err2 != nil || n < 1 || p < 1 || p > 100 {
		return fmt.Errorf("give units and percent, such as 100:25, or -1 for any number")
	}
	*l = unpaidLimit{Units: n, Percent: p}
	return nil
}

// Type names the flag's value in help.
func (l *unpaidLimit) Type() string { return "units:percent" }

// registerUnpaid registers the flags of what orders may hold unpaid.
func registerUnpaid(flags *pflag.FlagSet, into *order.UnpaidLimits) {
	const usage = "most units of a SKU, or percent of those not sold if that is more, that %s may hold unpaid; -1 for any number (default %s)"
	flags.Var((*unpaidLimit)(&into.Guest), "unpaid-guest", fmt.Sprintf(usage, "a guest", "100:25"))
	flags.Var((*unpaidLimit)(&into.Customer), "unpaid-customer", fmt.Sprintf(usage, "a customer", "10000:50"))
	flags.Var((*unpaidLimit)(&into.Network), "unpaid-network", fmt.Sprintf(usage, "the guests of one client network", "1000:25"))
	flags.Var((*unpaidLimit)(&into.Guests), "unpaid-guests", "most units of a stock row, or percent of those not sold if that is more, "+
		"that are held unpaid when a guest orders; -1 for any number (default 500:50)")
}
