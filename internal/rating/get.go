package rating

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// Get returns the stars that a customer gave a product, and what all customers think of it; ErrNotRated where the
// customer gave none. One round trip.
func (r *Ratings) Get(ctx context.Context, of Key) (stars int64, total Total, err error) {
	type row struct {
		stars int64
		total Total
	}
	found, err := database.One(ctx, r.DB, func(columns pgx.CollectableRow) (one row, err error) {
		err = columns.Scan(&one.stars, &one.total.Stars, &one.total.Ratings)
		return one, err
	}, `
SELECT r.stars, s.stars_sum, s.ratings
FROM ratings r
JOIN product_ratings s ON s.product_id = r.product_id
WHERE r.region = $1 AND r.account_id = $2 AND r.product_id = $3`, of.Customer.Region, of.Customer.ID, of.Product)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, Total{}, ErrNotRated
	}
	if err != nil {
		return 0, Total{}, fmt.Errorf("read a rating: %w", err)
	}
	return found.stars, found.total, nil
}
