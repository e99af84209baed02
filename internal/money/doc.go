// Package money holds amounts in integer minor units of a currency. There are no floats:
// every operation is exact, or rounds by a rule it names, and overflow is an error.
package money
