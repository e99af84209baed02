package report

import (
	"math/big"

	"meridian/internal/money"
)

// amounts are those of one event, in the minor units of one currency.
type amounts struct{ gross, shipping, tax, discount, refunds int64 }

// sums are amounts added up: of any number of orders, which 64 bits need not hold.
type sums struct{ gross, shipping, tax, discount, refunds big.Int }

func (s *sums) add(a amounts) {
	for _, part := range []struct {
		sum *big.Int
		and int64
	}{{&s.gross, a.gross}, {&s.shipping, a.shipping}, {&s.tax, a.tax}, {&s.discount, a.discount}, {&s.refunds, a.refunds}} {
		part.sum.Add(part.sum, big.NewInt(part.and))
	}
}

// record returns the sums as the report's columns have them, with what is left of what came in.
func (s *sums) record() []string {
	net := new(big.Int).Add(&s.gross, &s.shipping)
	net.Sub(net, &s.refunds)
	return []string{s.gross.String(), s.shipping.String(), s.tax.String(), s.discount.String(), s.refunds.String(), net.String()}
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
