package database_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// A batch is one round trip and one transaction. Its statements come from the packages that own
// the tables, and each has its callback beside it.
func ExampleDB_Write() {
	var db *database.DB // of database.Open
	sell := func(ctx context.Context, sku string, units int64) (left int64, err error) {
		err = db.Write(ctx, func(b *database.Batch) error {
			b.QueueArgs(`
UPDATE stock SET on_hand = on_hand - @units
WHERE sku = @sku
RETURNING on_hand`, database.Args{"sku": sku, "units": units}).QueryRow(func(row pgx.Row) error { return row.Scan(&left) })
			b.Queue(`INSERT INTO sales (sku, units) VALUES ($1, $2)`, sku, units)
			return nil
		})
		if database.Violates(err, "stock_not_negative") {
			return 0, errors.New("sold out") // and nothing of the batch happened
		}
		return left, err
	}
	_ = sell
}

// Rows of a struct are inserted in one statement, whatever their number.
func ExampleInsertText() {
	type sale struct {
		Region    string
		SKU       string
		Units     int64
		SellerRef string `db:"seller"`
	}
	fmt.Println(database.InsertText[sale]("sales", "ON CONFLICT DO NOTHING"))
	// Output:
	// INSERT INTO sales (region, sku, units, seller)
	// SELECT r.region::crdb_internal_region, r.sku, r.units, r.seller
	// FROM unnest(@region::text[], @sku::text[], @units::int8[], @seller::text[]) AS r (region, sku, units, seller)
	// ON CONFLICT DO NOTHING
}

// Calls that come in at the same time share a transaction. One that is refused does not keep the
// others from being served.
func ExampleShare() {
	type order struct {
		units int
		left  int
	}
	stock, soldOut := 3, errors.New("sold out")
	orders := database.Share(database.NewGroup(database.GroupLimits{Size: 32}), database.Work[*order]{
		Write: func(_ context.Context, orders []*order) error {
			left := stock
			for _, o := range orders {
				if left -= o.units; left < 0 {
					return soldOut // all of them, but only one call may be to blame
				}
				o.left = left
			}
			stock = left
			return nil
		},
	})
	for _, units := range []int{1, 5, 2} {
		o := &order{units: units}
		err := orders.Do(context.Background(), "eu-west", o)
		fmt.Println(units, "ordered:", o.left, "left,", err)
	}
	// Output:
	// 1 ordered: 2 left, <nil>
	// 5 ordered: 0 left, sold out
	// 2 ordered: 0 left, <nil>
}
