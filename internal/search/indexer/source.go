package indexer

import (
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/rating"
	"meridian/internal/recommend"
)

// A source is a table that documents are made of, read in the order of its changes.
type source struct {
	name string // of its position in the index
	// queue adds a read of at most limit changes after a given one to a batch. The returned function returns them once
	// the batch was read.
	queue func(b *database.Batch, after change, limit int) func() []change
	// slow sources change all the time and matter little at once: they are read every Config.SlowPoll.
	slow bool
}

// A change is a changed row of a source.
type change struct {
	product        uuid.UUID
	sku, warehouse string // of a stock row
	version        int64  // of a product
	at             time.Time
}

// sources returns all sources of a region's documents.
func sources(region string) []source {
	return []source{
		{name: "products", queue: func(b *database.Batch, after change, limit int) func() []change {
			return queueChanges(func(into *[]catalog.Change) {
				catalog.QueueChanges(b, catalog.Change{ID: after.product, At: after.at}, limit, into)
			}, func(c catalog.Change) change { return change{product: c.ID, version: c.Version, at: c.At} })
		}},
		{name: "stock", queue: func(b *database.Batch, after change, limit int) func() []change {
			return queueChanges(func(into *[]inventory.BandChange) {
				last := inventory.BandChange{SKU: after.sku, Warehouse: after.warehouse, At: after.at}
				inventory.QueueBandChanges(b, region, last, limit, into)
			}, func(c inventory.BandChange) change {
				return change{product: c.Product, sku: c.SKU, warehouse: c.Warehouse, at: c.At}
			})
		}},
		{name: "ratings", queue: func(b *database.Batch, after change, limit int) func() []change {
			return queueChanges(func(into *[]rating.Change) {
				rating.QueueChanges(b, rating.Change{Product: after.product, At: after.at}, limit, into)
			}, func(c rating.Change) change { return change{product: c.Product, at: c.At} })
		}},
		{name: "popularity", slow: true, queue: func(b *database.Batch, after change, limit int) func() []change {
			return queueChanges(func(into *[]recommend.Change) {
				recommend.QueueChanges(b, region, recommend.Change{Product: after.product, At: after.at}, limit, into)
			}, func(c recommend.Change) change { return change{product: c.Product, at: c.At} })
		}},
	}
}

// queueChanges queues a read of an owner's changes, and returns the function that converts them once they were read.
func queueChanges[C any](queue func(into *[]C), convert func(C) change) func() []change {
	var found []C
	queue(&found)
	return func() []change {
		changes := make([]change, len(found))
		for i, c := range found {
			changes[i] = convert(c)
		}
		return changes
	}
}
