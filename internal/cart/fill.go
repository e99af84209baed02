package cart

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/regions"
)

// filling is a guest's new cart with its first lines. Those that guests begin at the same time
// share a transaction: one round trip to write them and one to read them. The reading is a
// transaction of its own, since it looks at stock, which every checkout changes: one that
// also writes would make them fail, and be made to fail by them.
type filling struct {
	ref  regions.Ref
	in   CreateInput
	put  edits // what is put in; nothing is removed
	made Cart
}

// writeFillings writes new carts and reads them. Its error says that this could not be done, not
// why.
func (c *Carts) writeFillings(ctx context.Context, group []*filling) error {
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		var claims []idempotency.Claim
		for _, f := range group {
			if f.in.Idempotency.Key != "" {
				claims = append(claims, idempotency.Claim{
					Key: f.in.Idempotency, Answer: idempotency.Answer{Resource: c.publicID(f.ref), Status: http.StatusCreated},
				})
			}
		}
		idempotency.QueueClaims(b, claims...)
		c.queueFilled(b, group)
		return nil
	})
	if err != nil {
		return err
	}
	made := make(map[regions.Ref]Cart)
	refs := make([]regions.Ref, len(group))
	for i, f := range group {
		refs[i] = f.ref
	}
	err = c.DB.Read(ctx, func(b *database.Batch) error {
		b.QueueArgs(c.cartQuery(wantedCarts), database.Columns(refs).With(c.readArgs())).Query(collectAll(made))
		return nil
	})
	for _, f := range group {
		f.made = made[f.ref]
	}
	return err
}

// filledRow is a new cart, and how many lines it is to have.
type filledRow struct {
	Cart     regions.Ref `db:"*"`
	Currency string
	Country  string
	Size     int
}

// filledSKU is a line of a new cart.
type filledSKU struct {
	Cart uuid.UUID `db:"line_cart"`
	SKU  string    `db:"line_sku"`
}

// queueFilled adds carts and their lines. A cart one of whose SKUs is not sold breaks
// carts_version_current, one that is there already carts_pkey.
func (c *Carts) queueFilled(b *database.Batch, group []*filling) {
	var carts []filledRow
	var skus []filledSKU
	var lines []lineRow
	for _, f := range group {
		carts = append(carts, filledRow{Cart: f.ref, Currency: string(f.in.Currency), Country: f.in.Country, Size: len(f.put.put)})
		lines = append(lines, f.put.lines(f.ref)...)
		for _, sku := range f.put.put {
			skus = append(skus, filledSKU{Cart: f.ref.ID, SKU: sku})
		}
	}
	now := c.Now()
	b.QueueArgs(`
INSERT INTO carts (region, id, currency, country, version, created_at, updated_at, expires_at)
SELECT c.region::crdb_internal_region, c.id, c.currency, c.country,
  CASE WHEN c.size = (
    SELECT count(*)
    FROM `+database.Unnest[filledSKU]("l")+`
    JOIN `+catalog.SKUsSQL+` s ON s.sku = l.line_sku AND s.sold
    WHERE l.line_cart = c.id
  ) THEN 1 ELSE -1 END,
  @now::timestamptz, @now::timestamptz, @expires_at::timestamptz
FROM `+database.Unnest[filledRow]("c"),
		database.Columns(carts).With(database.Columns(skus)).With(database.Args{"now": now, "expires_at": now.Add(c.life(nil))}))
	database.QueueInsert(b, "cart_lines", lines)
}
