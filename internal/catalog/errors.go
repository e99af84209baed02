package catalog

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound is returned when there is no such thing, or none that the caller may see.
	ErrNotFound = errors.New("not in the catalogue")
	// ErrVersionConflict is returned when a product has changed since the version that an
	// edit is based on.
	ErrVersionConflict = errors.New("the product has changed meanwhile")
	// ErrKeyTaken is returned when the seller has another product with that key.
	ErrKeyTaken = errors.New("another product of this seller has this key")
	// ErrSlugTaken is returned when another seller has that slug.
	ErrSlugTaken = errors.New("another seller has this slug")
)

// SKUTakenError is returned when a SKU belongs to another product.
type SKUTakenError struct {
	SKU string
}

func (e *SKUTakenError) Error() string {
	return fmt.Sprintf("SKU %s belongs to another product: choose another code", e.SKU)
}

// A FieldFault says what is wrong with one field, and how to put it right.
type FieldFault struct {
	// Field is where: "skus[0].prices.GBP".
	Field string
	// Reason is what it must be: "must be 1 to 200 characters".
	Reason string
}

// InvalidError is returned for input that breaks the catalogue's rules, with every fault.
type InvalidError struct {
	// What was not valid: "product".
	What   string
	Fields []FieldFault
}

func (e *InvalidError) Error() string {
	var text strings.Builder
	text.WriteString(e.What + " is not valid")
	for _, f := range e.Fields {
		text.WriteString("; " + f.Field + " " + f.Reason)
	}
	return text.String()
}

// faults gathers what is wrong with one piece of input.
type faults struct{ fields []FieldFault }

func (f *faults) add(field, format string, args ...any) {
	f.fields = append(f.fields, FieldFault{Field: field, Reason: fmt.Sprintf(format, args...)})
}

func (f *faults) err(what string) error {
	if len(f.fields) == 0 {
		return nil
	}
	return &InvalidError{What: what, Fields: f.fields}
}
