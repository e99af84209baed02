package rating

import (
	"errors"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/regions"
)

// The fewest and the most stars a product can be given.
const (
	LeastStars = 1
	MostStars  = 5
)

var (
	// ErrNoProduct is returned for a product that there is not, or that is not on sale and was never the customer's.
	ErrNoProduct = errors.New("no such product")
	// ErrNotBought is returned to a customer without an order, paid or further, of the product.
	ErrNotBought = errors.New("the customer has not bought the product")
	// ErrAccountClosed is returned to an account that is closed or suspended.
	ErrAccountClosed = errors.New("the account is closed")
	// ErrNotRated is returned where the customer has no rating of the product.
	ErrNotRated = errors.New("the customer has not rated the product")
)

// Ratings reads and writes the customers' ratings. It is safe for concurrent use. order.NewRatings makes one.
type Ratings struct {
	DB *database.DB
	// CustomersSQL and ProductsSQL are the table expressions of all accounts, with region, id and status, and of all
	// products, with id and on_sale.
	CustomersSQL, ProductsSQL string
	// BoughtSQL returns the condition that an account has bought a product.
	BoughtSQL func(region, account, product string) string
}

// Key is whose rating of what.
type Key struct {
	// Customer is the account, in its home region.
	Customer regions.Ref
	Product  uuid.UUID
}

// Total is what all customers together think of a product.
type Total struct {
	// Stars is the sum of the stars, Ratings how many customers gave them.
	Stars, Ratings int64
}

// Milli returns the average in thousandths of a star, rounded to the nearest; 0 without any rating.
func (t Total) Milli() int64 {
	if t.Ratings == 0 {
		return 0
	}
	return (2000*t.Stars + t.Ratings) / (2 * t.Ratings)
}
