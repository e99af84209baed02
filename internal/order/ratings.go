package order

import (
	"meridian/internal/account"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/rating"
)

// NewRatings returns the shop's ratings, which active customers give to what they have bought.
func NewRatings(db *database.DB) *rating.Ratings {
	return &rating.Ratings{DB: db, CustomersSQL: account.CustomersSQL, ProductsSQL: catalog.ProductsSQL, BoughtSQL: BoughtSQL}
}
