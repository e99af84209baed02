package stripe

import (
	"fmt"
	"strings"

	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// The currencies that Stripe takes payments in, by how it writes their amounts: docs.stripe.com/currencies, sections
// "Supported presentment currencies", "Zero-decimal", "Three-decimal" and "Special cases", as of 2026. That is
// Stripe's own affair: the ariary has two decimals in ISO 4217 and none here, the króna the other way round. Forint
// and New Taiwan dollar are without decimals in payouts only, so they are in none of the special lists.
const (
	// withoutDecimals are sent as they are counted: 500 is ¥500.
	withoutDecimals = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
	// onceWithDecimals have no decimals any more, and are sent with two that must be 00: 500 is 5 kr. The list without
	// decimals in Stripe's documentation names UGX too; its special cases, and its API, say otherwise.
	onceWithDecimals = "ISK UGX"
	// threeDecimals are sent with three of which the last must be 0: 5120 is 5.120 KD.
	threeDecimals = "BHD JOD KWD OMR TND"
	twoDecimals   = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BWP BYN BZD CAD CDF CHF CNY " +
		"COP CRC CVE CZK DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR JMD KES " +
		"KGS KHR KYD KZT LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD " +
		"PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TOP TRY TTD TWD TZS " +
		"UAH USD UYU UZS WST XCD XCG YER ZAR ZMW"
)

// unit says how Stripe represents amounts of a currency.
type unit struct {
	exponent int   // decimals that an amount is sent with
	multiple int64 // of which every amount has to be one
}

var units = func() map[money.Currency]unit {
	all := make(map[money.Currency]unit)
	for codes, u := range map[string]unit{
		withoutDecimals: {0, 1}, onceWithDecimals: {2, 100}, threeDecimals: {3, 10}, twoDecimals: {2, 1},
	} {
		for code := range strings.FieldsSeq(codes) {
			all[money.Currency(code)] = u
		}
	}
	return all
}()

// Codes of what is refused before Stripe is asked.
const (
	codeCurrency = "currency_not_supported"
	codeAmount   = "amount_not_representable"
)

// toStripe converts an amount to Stripe's representation. It rejects an amount that Stripe cannot represent, since
// the shopper agreed to the exact amount.
func toStripe(a money.Amount) (int64, error) {
	u, ok := units[a.Currency]
	if !ok {
		return 0, &payment.RejectedError{Code: codeCurrency, Message: fmt.Sprintf("stripe takes no payments in %q", a.Currency)}
	}
	n, err := scaled(a.Minor, u.exponent-a.Currency.Exponent())
	if err != nil || n%u.multiple != 0 {
		return 0, &payment.RejectedError{Code: codeAmount, Message: fmt.Sprintf("stripe cannot take %s to the last digit", a)}
	}
	return n, nil
}

// fromStripe reverses toStripe.
func fromStripe(n int64, currency stripego.Currency) (money.Amount, error) {
	code := money.Currency(strings.ToUpper(string(currency)))
	u, ok := units[code]
	if !ok {
		return money.Amount{}, fmt.Errorf("currency %q is not one of Stripe's", currency)
	}
	minor, err := scaled(n, code.Exponent()-u.exponent)
	if err != nil {
		return money.Amount{}, fmt.Errorf("%d of Stripe's %s: %w", n, currency, err)
	}
	return money.New(minor, code), nil
}

// scaled moves the decimal point of n by places. It fails if that would lose digits.
func scaled(n int64, places int) (int64, error) {
	for ; places > 0; places-- {
		var err error
		if n, err = money.Times(n, 10); err != nil {
			return 0, err
		}
	}
	for ; places < 0; places++ {
		if n%10 != 0 {
			return 0, fmt.Errorf("%d has more decimals than the currency", n)
		}
		n /= 10
	}
	return n, nil
}

// currencyOf returns the currency code in Stripe's spelling.
func currencyOf(a money.Amount) string { return strings.ToLower(string(a.Currency)) }
