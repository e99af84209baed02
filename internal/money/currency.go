package money

import (
	"fmt"
	"strings"
)

// Currency is an ISO 4217 alphabetic code in upper case, such as "EUR".
type Currency string

// ErrUnknownCurrency is returned for a code that ISO 4217 does not list as money in use.
type ErrUnknownCurrency struct{ Code string }

func (e *ErrUnknownCurrency) Error() string {
	return fmt.Sprintf("unknown currency %q: use an ISO 4217 code in upper case, such as EUR", e.Code)
}

// The active currencies of ISO 4217 (list one, without funds, metals and test codes), by
// the number of decimals of their minor unit.
const (
	withoutDecimals = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
	threeDecimals   = "BHD IQD JOD KWD LYD OMR TND"
	twoDecimals     = "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD " +
		"CAD CDF CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD " +
		"HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK " +
		"MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB " +
		"SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD " +
		"UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)

var exponents = func() map[Currency]int {
	m := make(map[Currency]int)
	for exponent, codes := range map[int]string{0: withoutDecimals, 2: twoDecimals, 3: threeDecimals} {
		for code := range strings.FieldsSeq(codes) {
			m[Currency(code)] = exponent
		}
	}
	return m
}()

// ParseCurrency returns the currency with this ISO 4217 code, or *ErrUnknownCurrency.
func ParseCurrency(code string) (Currency, error) {
	if _, ok := exponents[Currency(code)]; !ok {
		return "", &ErrUnknownCurrency{Code: code}
	}
	return Currency(code), nil
}

// Exponent returns the number of decimals of the currency's minor unit in ISO 4217: 2 for EUR, 0 for JPY, 3 for KWD.
// A payment provider's exponent and the decimals on a price tag may differ.
func (c Currency) Exponent() int { return exponents[c] }
