package catalog

import (
	"errors"
	"fmt"
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
