// Package money represents amounts in integer minor units of a currency. It uses no floats: every operation is exact or
// rounds by a rule it names, and overflow is an error.
package money
