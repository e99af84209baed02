package promotion_test

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/promotion"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/internal/testkit/shoptest"
	"meridian/regions"
)

// usedNever knows of no use.
func usedNever(t testing.TB) *promotion.Used {
	t.Helper()
	used := new(promotion.Used)
	promotion.QueueUsed(new(database.Batch), nil, nil, used)
	return used
}

// placed is an order and the transition that its row carries.
type placed struct {
	ref        regions.Ref
	transition uuid.UUID
}

// place inserts orders of a region with what promotions gave them, all or none.
func place(ctx context.Context, db *database.DB, n int, use func(i int) []promotion.Use) ([]placed, error) {
	var orders []placed
	err := db.Write(ctx, func(b *database.Batch) error {
		orders = nil
		var uses []promotion.Use
		for i := range n {
			row := seed.NewOrder(db.Region())
			row.Queue(b)
			o := placed{row.Ref, row.Transition}
			orders = append(orders, o)
			for _, u := range use(i) {
				u.Order = o.ref
				uses = append(uses, u)
			}
		}
		return promotion.QueueUses(b, uses...)
	})
	return orders, err
}

// cancel moves orders to another state, where allowed, and releases their uses in the same batch.
func cancel(ctx context.Context, db *database.DB, to string, allowed bool, orders ...placed) error {
	return db.Write(ctx, func(b *database.Batch) error {
		var releases []promotion.Release
		for _, o := range orders {
			r := promotion.Release{Order: o.ref, TransitionID: uuid.New()}
			b.Queue(`
UPDATE orders SET status = $4, transition_id = $3, version = version + 1
WHERE region = $1 AND id = $2 AND $5::bool`, o.ref.Region, o.ref.ID, r.TransitionID, to, allowed)
			releases = append(releases, r)
		}
		promotion.QueueRelease(b, releases...)
		return nil
	})
}

// counted are the uses of a promotion, in total and by a customer.
func counted(t testing.TB, db *database.DB, id string, customer []byte) [2]int64 {
	t.Helper()
	return [2]int64{
		databasetest.One[int64](t, db, `SELECT coalesce(sum(used), 0)::int8 FROM promotion_uses WHERE promotion = $1`, id),
		databasetest.One[int64](t, db, `SELECT coalesce(sum(used), 0)::int8 FROM promotion_customer_uses WHERE promotion = $1 AND customer = $2`, id, customer),
	}
}

// wantSound fails the test unless every counter is the number of the uses it counts.
func wantSound(t testing.TB, db *database.DB) {
	t.Helper()
	shoptest.WantPromotionsSound(t, db)
}
