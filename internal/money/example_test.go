package money_test

import (
	"fmt"

	"meridian/internal/money"
)

func ExampleAmount_Add() {
	mug, post := money.New(1250, "EUR"), money.New(590, "EUR")
	total, err := mug.Add(post)
	fmt.Println(total, err)
	_, err = mug.Add(money.New(500, "JPY"))
	fmt.Println(err)
	// Output:
	// 18.40 EUR <nil>
	// add JPY to EUR: amounts are in different currencies
}

func ExampleAmount_Allocate() {
	discount := money.New(1000, "EUR")
	parts, err := discount.Allocate([]int64{1, 1, 1})
	fmt.Println(parts, err)
	// Output: [3.34 EUR 3.33 EUR 3.33 EUR] <nil>
}

func ExampleAmount_String() {
	fmt.Println(money.New(1250, "EUR"))
	fmt.Println(money.New(1250, "JPY"))
	fmt.Println(money.New(-1250, "KWD"))
	// Output:
	// 12.50 EUR
	// 1250 JPY
	// -1.250 KWD
}

func ExampleParseCurrency() {
	_, err := money.ParseCurrency("eur")
	fmt.Println(err)
	// Output: unknown currency "eur": use an ISO 4217 code in upper case, such as EUR
}

func ExampleParseDecimal() {
	rate, err := money.ParseDecimal("1.0850")
	fmt.Println(rate, err)
	_, err = money.ParseDecimal("1e3")
	fmt.Println(err)
	// Output:
	// 1.085 <nil>
	// "1e3" is not a decimal number such as 1.0857
}

// A price tag in US dollars is derived from one in euro: at the day's rate, and rounded to end in 99.
func ExampleRounding_Apply() {
	rate := money.NewDecimal(10850, 4) // dollars for one euro
	ratio, err := money.Conversion("EUR", money.NewDecimal(1, 0), "USD", rate, money.NewDecimal(1, 0))
	if err != nil {
		fmt.Println(err)
		return
	}
	ending99 := money.Rounding{Name: "ending-99", Modulus: 100, Ending: 99, Mode: money.HalfUp}
	for _, cents := range []int64{0, 20, 1250} {
		exact, _ := money.Exact.Apply(ratio, cents)
		tag, _ := ending99.Apply(ratio, cents)
		fmt.Println(money.New(cents, "EUR"), "is", money.New(exact, "USD"), "and is sold for", money.New(tag, "USD"))
	}
	// Output:
	// 0.00 EUR is 0.00 USD and is sold for 0.00 USD
	// 0.20 EUR is 0.22 USD and is sold for 0.99 USD
	// 12.50 EUR is 13.56 USD and is sold for 13.99 USD
}

func ExampleBasisPoints() {
	vat := money.BasisPoints(2000) // 20 %
	added, _ := vat.Of(1000)
	contained, _ := vat.Within(1200)
	fmt.Println(added, contained)
	// Output: 200 200
}
