package main

import (
	"fmt"
	"math/big"

	"meridian/internal/money"
)

// fxRates holds the ECB's reference rates of one day: units of a currency for one euro.
type fxRates map[money.Currency]*big.Rat

const (
	listCurrency = money.Currency("GBP") // the currency of the gift retailer's list
	euro         = money.Currency("EUR") // the currency the rates are against
)

func readFX() (fxRates, error) {
	rows, err := readTable("fx.csv")
	if err != nil {
		return nil, err
	}
	rates := fxRates{euro: big.NewRat(1, 1)}
	for _, row := range rows {
		currency, err := money.ParseCurrency(row["currency"])
		if err != nil {
			return nil, fmt.Errorf("reading fx.csv: %w", err)
		}
		rate, err := parseDecimal(row["rate"])
		if err != nil {
			return nil, fmt.Errorf("rate of %s: %w", currency, err)
		}
		rates[currency] = rate
	}
	return rates, nil
}

// prices returns the price in every currency, from the list price in pence: through the euro
// at the day's reference rates, rounded half to even to the currency's minor unit.
func (rates fxRates) prices(pence int64) map[string]int64 {
	euros := new(big.Rat).Quo(big.NewRat(pence, pow10(listCurrency.Exponent())), rates[listCurrency])
	all := map[string]int64{string(listCurrency): pence}
	for currency, rate := range rates {
		if currency == listCurrency {
			continue
		}
		minor := new(big.Rat).Mul(euros, rate)
		minor.Mul(minor, new(big.Rat).SetInt64(pow10(currency.Exponent())))
		all[string(currency)] = roundHalfEven(minor)
	}
	return all
}

// parsePence reads a decimal amount of pounds, rounded half up to pence.
func parsePence(pounds string) (int64, error) {
	amount, err := parseDecimal(pounds)
	if err != nil {
		return 0, err
	}
	amount.Mul(amount, big.NewRat(100, 1))
	amount.Add(amount, big.NewRat(1, 2))
	return new(big.Int).Quo(amount.Num(), amount.Denom()).Int64(), nil
}

func parseDecimal(text string) (*big.Rat, error) {
	value, ok := new(big.Rat).SetString(text)
	if !ok || value.Sign() <= 0 {
		return nil, fmt.Errorf("%q is not a decimal above zero", text)
	}
	return value, nil
}

// roundHalfEven returns the nearest integer to an amount that is not negative; of two, the even one.
func roundHalfEven(amount *big.Rat) int64 {
	quotient, remainder := new(big.Int).QuoRem(amount.Num(), amount.Denom(), new(big.Int))
	switch remainder.Lsh(remainder, 1).Cmp(amount.Denom()) {
	case 1:
		return quotient.Int64() + 1
	case 0:
		return quotient.Int64() + quotient.Int64()%2
	}
	return quotient.Int64()
}

func pow10(exponent int) int64 {
	power := int64(1)
	for range exponent {
		power *= 10
	}
	return power
}
