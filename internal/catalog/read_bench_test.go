package catalog

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/testkit"
)

// BenchmarkRead reads products from the database: a page of one, listings, a seller's list and the search feed. Each product
// has three SKUs with nine prices.
func BenchmarkRead(b *testing.B) {
	s := newShop(b)
	var ids []uuid.UUID
	for i := range 300 {
		in := mug(fmt.Sprint("m", i), fmt.Sprint("A", i), fmt.Sprint("B", i), fmt.Sprint("C", i))
		in.Description = fmt.Sprintf("%0500d", i)
		for j := range in.SKUs {
			in.SKUs[j].Prices = map[money.Currency]int64{"EUR": 350, "GBP": 295, "USD": 399, "JPY": 500, "CHF": 380, "SGD": 520, "AUD": 560,
				"CAD": 510, "MXN": 6900}
		}
		ids = append(ids, s.create(b, in).ID)
	}
	page := func(limit int) database.PageFilter[ListPosition] {
		return database.PageFilter[ListPosition]{Limit: limit}
	}
	b.Run("product", func(b *testing.B) {
		for b.Loop() { // nobody watches for changes, so nothing is remembered
			testkit.Must(s.GetProducts(b.Context(), ids[:1]))(b)
		}
	})
	for _, n := range []int{20, 100} {
		b.Run(fmt.Sprint("category of ", n), func(b *testing.B) {
			for b.Loop() {
				testkit.Must(s.ListProducts(b.Context(), ListFilter{CategoryID: "hg-11", PageFilter: page(n)}))(b)
			}
		})
		b.Run(fmt.Sprint("shop of ", n), func(b *testing.B) {
			for b.Loop() {
				testkit.Must(s.ListProducts(b.Context(), ListFilter{PageFilter: page(n)}))(b)
			}
		})
	}
	b.Run("feed of 100", func(b *testing.B) {
		for b.Loop() {
			var listed []Listed
			testkit.NoError(b, s.db.Read(b.Context(), func(batch *database.Batch) error {
				QueueListed(batch, ids[:100], &listed)
				return nil
			}))
			if len(listed) != 100 || len(listed[0].Categories) != 3 {
				b.Fatalf("%d listed", len(listed))
			}
		}
	})
}
