package report

import "meridian/internal/money"

// amounts are sums of one currency, in its minor units.
type amounts struct{ gross, shipping, tax, discount, refunds int64 }

// add fails with money.ErrOverflow.
func (a *amounts) add(b amounts) error {
	for _, sum := range []struct {
		of  *int64
		and int64
	}{{&a.gross, b.gross}, {&a.shipping, b.shipping}, {&a.tax, b.tax}, {&a.discount, b.discount}, {&a.refunds, b.refunds}} {
		total, err := money.Amount{Minor: *sum.of}.Add(money.Amount{Minor: sum.and})
		if err != nil {
			return err
		}
		*sum.of = total.Minor
	}
	return nil
}

// net returns what is left of what came in.
func (a amounts) net() (int64, error) {
	in, err := money.Amount{Minor: a.gross}.Add(money.Amount{Minor: a.shipping})
	if err != nil {
		return 0, err
	}
	left, err := in.Sub(money.Amount{Minor: a.refunds})
	return left.Minor, err
}

// amounts returns what the event is of its row, in the order's currency.
func (e event) amounts() amounts {
	if e.refundMinor > 0 {
		return amounts{refunds: e.refundMinor}
	}
	return amounts{gross: e.gross, shipping: e.shipping, tax: e.tax, discount: e.discount}
}

// reportingAmounts returns the same in the reporting currency, by the booked rate.
func (e event) reportingAmounts(booked money.Ratio) (a amounts, err error) {
	if a.shipping, err = money.Exact.Convert(booked, e.shipping); err != nil {
		return amounts{}, err
	}
	if e.refundMinor > 0 {
		charge, err := money.Amount{Minor: e.reportingGrossMinor}.Add(money.Amount{Minor: a.shipping})
		if err != nil {
			return amounts{}, err
		}
		before, err := e.worth(booked, charge.Minor, e.refundedBefore)
		if err != nil {
			return amounts{}, err
		}
		after, err := e.worth(booked, charge.Minor, e.refundedBefore+e.refundMinor)
		return amounts{refunds: after - before}, err
	}
	a.gross, a.tax = e.reportingGrossMinor, e.reportingTaxMinor
	a.discount, err = money.Exact.Convert(booked, e.discount)
	return a, err
}

// worth returns what refunds of that sum are worth in the reporting currency, in which the order's
// charge was that. It never falls as the sum rises, and all of the one is all of the other.
func (e event) worth(booked money.Ratio, charge, refunded int64) (int64, error) {
	if refunded >= e.gross+e.shipping {
		return charge, nil
	}
	worth, err := money.Exact.Convert(booked, refunded)
	return min(worth, charge), err
}
