package catalog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/pricing"
)

const (
	// A chunk is applied in one batch: at most so many products and SKUs, and about so many
	// bytes of the file, well below what CockroachDB takes as one statement (16 MiB).
	chunkProducts = 200
	chunkSKUs     = 1000
	chunkBytes    = 4 << 20
	// chunkLines bounds chunks of bad lines.
	chunkLines = 5000
)

// A chunk is products of a file that are applied together.
type chunk struct {
	good []fileRecord
	// faults are those of bad lines, of which there are badLines.
	faults   []BadLine
	badLines int64
	// last is the last line, and end the offset after it.
	last, end int64
}

// refuse takes a record as bad.
func (c *chunk) refuse(r *fileRecord) {
	c.faults = append(c.faults, r.faults...)
	c.badLines += r.badLines()
}

// chunkReader reads a file's products, checked as far as the file itself tells.
type chunkReader struct {
	records recordReader
	seen    *duplicates
	// ahead is a record that did not fit into the chunk before, which ended at offset begin.
	ahead *fileRecord
	begin int64
}

// newChunkReader returns *invalid.Error for a file whose header is wrong.
func newChunkReader(in ImportInput) (*chunkReader, error) {
	lines := newLineReader(in.Source, in.Size)
	r := &chunkReader{seen: newDuplicates()}
	if in.Format == FormatNDJSON {
		r.records = &ndjsonReader{lines: lines}
		return r, nil
	}
	records, err := newCSVReader(lines)
	r.records = records
	return r, err
}

// next returns the next chunk of records after line done, or io.EOF.
func (r *chunkReader) next(done int64) (chunk, error) {
	var c chunk
	var skus int
	for {
		record, err := r.nextRecord()
		switch {
		case errors.Is(err, io.EOF) && c.last > 0:
			return c, nil
		case err != nil:
			return chunk{}, err
		case record.last <= done:
			r.begin = record.end
			continue
		}
		skus += len(record.in.SKUs)
		full := len(c.good) == chunkProducts || skus > chunkSKUs || record.end-r.begin > chunkBytes || c.badLines >= chunkLines
		if full && c.last > 0 {
			r.ahead, r.begin = &record, c.end
			return c, nil
		}
		c.last, c.end = record.last, record.end
		if len(record.faults) > 0 {
			c.refuse(&record)
			continue
		}
		c.good = append(c.good, record)
	}
}

func (r *chunkReader) nextRecord() (fileRecord, error) {
	if r.ahead != nil {
		record := *r.ahead
		r.ahead = nil
		return record, nil
	}
	record, err := r.records.next()
	if err != nil {
		return fileRecord{}, err
	}
	record.check(r.records)
	r.seen.check(&record)
	if record.in.Status == "" {
		record.in.Status = Active
	}
	record.in = record.in.withDefaults()
	return record, nil
}

// A sender sends a batch: on the pool, or inside a transaction.
type sender func(ctx context.Context, queue func(b *database.Batch) error) error

func inTx(tx pgx.Tx) sender {
	return func(ctx context.Context, queue func(b *database.Batch) error) error {
		var b database.Batch
		if err := queue(&b); err != nil {
			return err
		}
		if b.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, &b.Batch).Close()
	}
}

// A verdict is what is to be done with a chunk.
type verdict struct {
	changes   []change
	unchanged int64
	// chunk has the faults that the database knows of besides its own.
	chunk
	// jumps are prices that the gate kept back.
	jumps []pricing.Price
}

// judge compares a chunk with the database: what is new, changed, the same or refused. One
// round trip.
func (run *importRun) judge(ctx context.Context, read sender, c chunk) (verdict, error) {
	known, err := run.readKnown(ctx, read, c)
	if err != nil {
		return verdict{}, fmt.Errorf("compare with the catalogue: %w", err)
	}
	v := verdict{chunk: c}
	v.faults, v.good = append([]BadLine(nil), c.faults...), nil
	for _, record := range c.good {
		product, exists := known.products[record.in.Key]
		known.check(&record, product.ID)
		if len(record.faults) > 0 {
			v.refuse(&record)
			continue
		}
		if exists {
			v.jumps = append(v.jumps, run.in.Gate.keepBack(product, &record.in)...)
			same, err := sameContent(product, record.in)
			if err != nil {
				return verdict{}, err
			}
			if same {
				v.unchanged++
				continue
			}
		} else {
			product.ID = uuid.New()
		}
		v.changes = append(v.changes, change{id: product.ID, in: record.in, isNew: !exists})
	}
	return v, nil
}

// knownContent is what the database has of a chunk's products.
type knownContent struct {
	// products are the seller's, by key.
	products map[string]Product
	// owners are the products of SKUs.
	owners     map[string]uuid.UUID
	categories map[string]bool
}

// check adds faults for an unknown category and for SKUs that belong to another product.
func (k knownContent) check(r *fileRecord, product uuid.UUID) {
	if !k.categories[r.in.CategoryID] {
		r.fault(r.first, "category", "is not known: use the id of a category of the shop")
	}
	for i, sku := range r.in.SKUs {
		if owner, taken := k.owners[sku.Code]; taken && owner != product {
			field := "skus[" + strconv.Itoa(i) + "]"
			r.fault(r.lineOf(field), "sku", "SKU "+sku.Code+" belongs to another product: choose another code")
		}
	}
}

func (run *importRun) readKnown(ctx context.Context, read sender, c chunk) (knownContent, error) {
	var keys, skus, categories []string
	asked := make(map[string]bool)
	for _, record := range c.good {
		keys = append(keys, record.in.Key)
		for _, sku := range record.in.SKUs {
			skus = append(skus, sku.Code)
		}
		if id := record.in.CategoryID; !run.categories[id] && !asked[id] {
			asked[id] = true
			categories = append(categories, id)
		}
	}
	known := knownContent{categories: run.categories}
	if len(keys) == 0 {
		return known, nil
	}
	err := read(ctx, func(b *database.Batch) error {
		known.products, known.owners = make(map[string]Product, len(keys)), make(map[string]uuid.UUID)
		// A look-up a key, whatever the planner believes of the seller's size.
		queueFind(b, choice{sql: `
  SELECT DISTINCT f.id
  FROM unnest($2::text[]) AS k (seller_key)
  CROSS JOIN LATERAL (
    SELECT n.id
    FROM products n
    WHERE n.seller_id = $1 AND n.seller_key = k.seller_key
    LIMIT 1
  ) f`, args: []any{run.in.Seller, keys}}, func(found []foundProduct) error {
			products, err := wholeProducts(found)
			for _, p := range products {
				known.products[p.Key] = p
			}
			return err
		})
		b.Queue(`
SELECT sku, product_id
FROM skus
WHERE sku = ANY($1::text[])`, skus).Query(func(rows pgx.Rows) error {
			var sku string
			var product uuid.UUID
			_, err := pgx.ForEachRow(rows, []any{&sku, &product}, func() error {
				known.owners[sku] = product
				return nil
			})
			return err
		})
		if len(categories) == 0 {
			return nil
		}
		b.Queue(`
SELECT id
FROM categories
WHERE id = ANY($1::text[])`, categories).Query(func(rows pgx.Rows) error {
			var id string
			_, err := pgx.ForEachRow(rows, []any{&id}, func() error {
				run.categories[id] = true
				return nil
			})
			return err
		})
		return nil
	})
	return known, err
}

// queueVerdict writes a chunk's products.
func (run *importRun) queueVerdict(b *database.Batch, v verdict) error {
	if len(v.changes) == 0 {
		return nil
	}
	if err := queueProducts(b, run.in.Seller, v.changes); err != nil {
		return err
	}
	return run.catalog.queueContents(b, run.row.Ref.Region, v.changes)
}

// errorRow is a row of import_errors.
type errorRow struct {
	Region        string `cast:"crdb_internal_region"`
	ImportID      uuid.UUID
	Line          int64
	Field, Reason string
}

// queueFaults keeps what is wrong with lines, as far as there is room, and returns how many it
// kept.
func (run *importRun) queueFaults(b *database.Batch, faults []BadLine) int {
	faults = faults[:min(len(faults), maxStoredErrors-run.stored)]
	rows := make([]errorRow, len(faults))
	for i, f := range faults {
		rows[i] = errorRow{run.row.Ref.Region, run.row.Ref.ID, f.Line, f.Field, f.Reason}
	}
	database.QueueInsert(b, "import_errors", rows, `ON CONFLICT (region, import_id, line, field) DO NOTHING`)
	return len(faults)
}
