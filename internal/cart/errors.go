package cart

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound is returned for a cart that is not there, has expired, or is another's.
	ErrNotFound = errors.New("there is no such cart")
	// ErrNotOpen is returned for the change of a cart that was ordered or merged.
	ErrNotOpen = errors.New("the cart can no longer be changed: begin a new one")
)

// ConflictError is returned for a change that was made on an old version, or that lost to
// another one. Nothing of it happened.
type ConflictError struct {
	// Current is the cart as it is now.
	Current Cart
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("the cart has changed: it is at version %d", e.Current.Version)
}

// UnknownSKUError is returned for SKUs that do not exist or are no longer sold.
type UnknownSKUError struct{ SKUs []string }

func (e *UnknownSKUError) Error() string { return "not sold: " + strings.Join(e.SKUs, ", ") }

// TooManyLinesError is returned for a change after which the cart would have more lines than it may.
type TooManyLinesError struct{ Max int }

func (e *TooManyLinesError) Error() string {
	return fmt.Sprintf("a cart has at most %d lines: remove some first", e.Max)
}

// QuantityError is returned for an addition after which a line would hold more than MaxQuantity.
type QuantityError struct {
	SKU string
	// Quantity is what the line would hold.
	Quantity int64
}

func (e *QuantityError) Error() string {
	return fmt.Sprintf("a line has at most %d units: %s would have %d", MaxQuantity, e.SKU, e.Quantity)
}
