package indexer

import (
	"time"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/inventory"
)

// A source is a table that documents are made of, by the times of its changes.
type source struct {
	// name is its position's in the index.
	name string
	// queue adds the reading of changes behind one, at most limit, to a batch of reads. What it returns gives them once
	// the batch is read.
	queue func(b *database.Batch, behind change, limit int) func() []change
	// seldom is for what changes all the time and matters little at once: it is read every Config.Seldom.
	seldom bool
}

// change is a row of a source that became another: a product, or something of it.
type change struct {
	product        uuid.UUID
	sku, warehouse string // of a stock row
	version        int64  // of a product
	at             time.Time
}

// sources are all of them, as one region sees them.
func sources(region string) []source {
	return []source{
		{name: "products", queue: productChanges},
		{name: "stock", queue: func(b *database.Batch, behind change, limit int) func() []change {
			return stockChanges(b, region, behind, limit)
		}},
		{name: "ratings", queue: ratingChanges},
		{name: "popularity", seldom: true, queue: func(b *database.Batch, behind change, limit int) func() []change {
			return popularityChanges(b, region, behind, limit)
		}},
	}
}

func productChanges(b *database.Batch, behind change, limit int) func() []change {
	var found []catalog.Change
	catalog.QueueChanges(b, catalog.Change{ID: behind.product, At: behind.at}, limit, &found)
	return func() (changes []change) {
		for _, c := range found {
			changes = append(changes, change{product: c.ID, version: c.Version, at: c.At})
		}
		return changes
	}
}

func stockChanges(b *database.Batch, region string, behind change, limit int) func() []change {
	var found []inventory.BandChange
	inventory.QueueBandChanges(b, region, inventory.BandChange{SKU: behind.sku, Warehouse: behind.warehouse, At: behind.at}, limit, &found)
	return func() (changes []change) {
		for _, c := range found {
			changes = append(changes, change{product: c.Product, sku: c.SKU, warehouse: c.Warehouse, at: c.At})
		}
		return changes
	}
}
