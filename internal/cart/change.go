package cart

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/google/uuid"

	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/promotion"
	"meridian/regions"
)

// Op is what a Change does to a line.
type Op string

// The changes a line can take.
const (
	OpAdd    Op = "add"    // Quantity more units, a new line if there is none
	OpSet    Op = "set"    // exactly Quantity units, a new line if there is none
	OpRemove Op = "remove" // no line; nothing happens if there is none
)

// maxChanges bounds the changes of one call.
const maxChanges = 200

// maxSKUBytes bounds a SKU's text.
const maxSKUBytes = 64

// Change is one change of one line.
type Change struct {
	Op       Op
	SKU      string
	Quantity int64 // 1 to MaxQuantity; 0 with OpRemove
}

// ChangeInput is several changes of a cart, made in order and all or none.
type ChangeInput struct {
	Cart regions.Ref
	// Account is who changes it: nil for a guest, whose token the caller has checked.
	Account *regions.Ref
	// Version is the version that the change is based on; nil takes whatever there is.
	Version *int64
	Changes []Change
	// Currency and Country are new ones; empty leaves them.
	Currency money.Currency
	Country  string
	// Coupons are the codes that the cart has from now on, in any case; nil leaves them.
	Coupons []string
	// Idempotency needs Key and Fingerprint only: the cart is its scope.
	Idempotency idempotency.Key
}

// Add puts quantity more units of a SKU into the cart: Change with one element.
func (c *Carts) Add(ctx context.Context, in ChangeInput, sku string, quantity int64) (Cart, error) {
	return c.changeLine(ctx, in, Change{Op: OpAdd, SKU: sku, Quantity: quantity})
}

// Set makes the line hold exactly quantity units: Change with one element.
func (c *Carts) Set(ctx context.Context, in ChangeInput, sku string, quantity int64) (Cart, error) {
	return c.changeLine(ctx, in, Change{Op: OpSet, SKU: sku, Quantity: quantity})
}

// Remove takes the line out of the cart: Change with one element.
func (c *Carts) Remove(ctx context.Context, in ChangeInput, sku string) (Cart, error) {
	return c.changeLine(ctx, in, Change{Op: OpRemove, SKU: sku})
}

// changeLine is Change with one element, whose errors name its fields alone.
func (c *Carts) changeLine(ctx context.Context, in ChangeInput, change Change) (Cart, error) {
	var f invalid.List
	change.check(&f, "")
	if err := f.Err("cart"); err != nil {
		return Cart{}, err
	}
	in.Changes = []Change{change}
	return c.change(ctx, in)
}

// Change makes the changes and returns the cart as it then is. One round trip; a second
// one where it is refused or was made before with the same idempotency key, which returns
// the cart as it is now. With a key it may be repeated.
//
// It fails with *invalid.Error, ErrNotFound, ErrNotOpen, *ConflictError, *UnknownSKUError,
// *TooManyLinesError, *QuantityError or idempotency.ErrReused, and then changes nothing.
func (c *Carts) Change(ctx context.Context, in ChangeInput) (Cart, error) {
	if err := c.validateChange(in); err != nil {
		return Cart{}, err
	}
	return c.change(ctx, in)
}

// change makes changes that were found valid.
func (c *Carts) change(ctx context.Context, in ChangeInput) (Cart, error) {
	edits, err := fold(in.Changes)
	if err != nil {
		return Cart{}, err
	}
	in.Idempotency.Region, in.Idempotency.Scope = in.Cart.Region, c.publicID(in.Cart)
	var changed Cart
	err = in.Idempotency.Writer(c.DB)(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: c.publicID(in.Cart), Status: http.StatusOK})
		c.queueGuard(b, in, edits)
		queueEdits(b, in.Cart, edits)
		c.QueueGet(b, in.Cart, &changed)
		return nil
	})
	switch {
	case err == nil:
		return changed, nil
	case idempotency.Taken(err):
		return c.again(ctx, in)
	case isRefusal(err):
		return Cart{}, c.explain(ctx, in, edits)
	}
	return Cart{}, fmt.Errorf("change cart: %w", err)
}

// queueGuard adds the statement that allows the change: it raises the version, or sends it
// to -1, which the constraint carts_version_current refuses with the whole batch. It comes
// before the lines, so that changes of one cart wait for each other here.
func (c *Carts) queueGuard(b *database.Batch, in ChangeInput, edits edits) {
	accountRegion, accountID := owner(in.Account)
	now := c.Now()
	b.QueueArgs(`
UPDATE carts
SET version = CASE
    WHEN status = 'open'
      AND expires_at > @now::timestamptz
      AND account_region IS NOT DISTINCT FROM @account_region::crdb_internal_region
      AND account_id IS NOT DISTINCT FROM @account_id::uuid
      AND version = coalesce(@version::int8, version)
      -- each SKU put in is sold
      AND cardinality(@put::text[]) = (
        SELECT count(*)
        FROM `+catalog.SKUsSQL+` s
        WHERE s.sku = ANY(@put::text[]) AND s.sold)
      -- the lines put in and those left alone are not too many
      AND cardinality(@put::text[]) + (
        SELECT count(*)
        FROM cart_lines l
        WHERE l.region = @region AND l.cart_id = @id AND l.sku <> ALL (@touched::text[])) <= @max_lines::int8
    THEN version + 1
    ELSE -1 END,
  currency = coalesce(nullif(@currency::text, ''), currency),
  country = coalesce(nullif(@country::text, ''), country),
  coupons = coalesce(@coupons::text[], coupons),
  updated_at = @now::timestamptz,
  expires_at = @expires_at::timestamptz
WHERE region = @region AND id = @id`, database.Args{
		"region": in.Cart.Region, "id": in.Cart.ID, "account_region": accountRegion, "account_id": accountID, "version": in.Version,
		"put": edits.put, "touched": edits.touched(), "max_lines": c.MaxLines,
		"currency": string(in.Currency), "country": in.Country, "coupons": NormalizeCoupons(in.Coupons),
		"now": now, "expires_at": now.Add(c.life(in.Account)),
	})
}

// lineRow is a line as it is written.
type lineRow struct {
	Region   string
	CartID   uuid.UUID
	SKU      string
	Quantity int64
}

// queueEdits adds the statements that change the lines.
func queueEdits(b *database.Batch, cart regions.Ref, edits edits) {
	if len(edits.removed) > 0 {
		b.Queue(`
DELETE FROM cart_lines
WHERE region = $1 AND cart_id = $2 AND sku = ANY($3::text[])`, cart.Region, cart.ID, edits.removed)
	}
	if len(edits.put) > 0 {
		b.QueueArgs(database.InsertText[lineRow]("cart_lines", `ON CONFLICT (region, cart_id, sku) DO UPDATE
SET quantity = excluded.quantity + CASE WHEN excluded.sku = ANY(@added::text[]) THEN cart_lines.quantity ELSE 0 END`),
			database.Columns(edits.lines(cart)).With(database.Args{"added": edits.added}))
	}
}

// again returns the cart of a change that was made before, or idempotency.ErrReused.
func (c *Carts) again(ctx context.Context, in ChangeInput) (Cart, error) {
	var cart Cart
	var earlier error
	err := c.DB.Read(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueFind(b, &earlier)
		c.QueueGet(b, in.Cart, &cart)
		return nil
	})
	switch {
	case errors.Is(earlier, idempotency.ErrReused):
		return Cart{}, earlier
	case err != nil:
		return Cart{}, fmt.Errorf("repeat change of cart: %w", err)
	case !cart.OwnedBy(in.Account):
		return Cart{}, ErrNotFound
	}
	return cart, nil
}

// edits is the sum of changes, each SKU once. Its lists are sorted and never nil, since
// a nil list would be NULL.
type edits struct {
	removed    []string
	put        []string
	quantities []int64  // of put
	added      []string // those of put whose quantity is added to what is there
}

// touched returns every SKU that is put in or removed.
func (e edits) touched() []string { return slices.Concat(e.removed, e.put) }

// lines returns the lines that are put into a cart.
func (e edits) lines(cart regions.Ref) []lineRow {
	rows := make([]lineRow, len(e.put))
	for i, sku := range e.put {
		rows[i] = lineRow{Region: cart.Region, CartID: cart.ID, SKU: sku, Quantity: e.quantities[i]}
	}
	return rows
}

// fold turns changes, made one after the other, into edits. It fails with *QuantityError
// when they alone ask for too much.
func fold(changes []Change) (edits, error) {
	last := make(map[string]Change, len(changes))
	for _, change := range changes {
		next, err := then(last[change.SKU], change)
		if err != nil {
			return edits{}, err
		}
		last[change.SKU] = next
	}
	e := edits{removed: []string{}, put: []string{}, quantities: []int64{}, added: []string{}}
	for _, sku := range slices.Sorted(maps.Keys(last)) {
		change := last[sku]
		if change.Op == OpRemove {
			e.removed = append(e.removed, sku)
			continue
		}
		e.put = append(e.put, sku)
		e.quantities = append(e.quantities, change.Quantity)
		if change.Op == OpAdd {
			e.added = append(e.added, sku)
		}
	}
	return e, nil
}

// then returns one change of a line followed by another, as one.
func then(first, second Change) (Change, error) {
	if second.Op != OpAdd || first.Op == "" {
		return second, nil
	}
	second.Quantity += first.Quantity
	if second.Quantity > MaxQuantity {
		return Change{}, &QuantityError{SKU: second.SKU, Quantity: second.Quantity}
	}
	if first.Op != OpAdd { // the quantity before it no longer counts
		second.Op = OpSet
	}
	return second, nil
}

func (c *Carts) validateChange(in ChangeInput) error {
	var f invalid.List
	switch {
	case len(in.Changes) == 0 && in.Currency == "" && in.Country == "" && in.Coupons == nil:
		f.Add("changes", "must name something to change")
	case len(in.Changes) > maxChanges:
		f.Add("changes", "must be at most %d", maxChanges)
	default:
		for i, change := range in.Changes {
			change.check(&f, fmt.Sprintf("changes[%d].", i))
		}
	}
	c.checkMarket(&f, in.Currency, in.Country)
	CheckCoupons(&f, in.Coupons)
	return f.Err("cart")
}

// maxCouponBytes bounds a code.
const maxCouponBytes = 40

// CheckCoupons adds what is wrong with the codes that a shopper entered, as the field coupons.
func CheckCoupons(f *invalid.List, coupons []string) {
	if len(coupons) > promotion.MaxCoupons {
		f.Add("coupons", "must be at most %d", promotion.MaxCoupons)
		return
	}
	for i, code := range coupons {
		if promotion.NormalizeCoupon(code) == "" || len(code) > maxCouponBytes {
			f.Add(fmt.Sprintf("coupons[%d]", i), "must have 1 to %d bytes", maxCouponBytes)
		}
	}
}

// NormalizeCoupons returns the codes as carts keep them: in upper case, each once; nil stays nil,
// which is NULL.
func NormalizeCoupons(coupons []string) []string {
	if coupons == nil {
		return nil
	}
	codes := make([]string, 0, len(coupons))
	for _, code := range coupons {
		if code = promotion.NormalizeCoupon(code); !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	return codes
}

// check adds what is wrong with the change that stands in the input at that prefix.
func (ch Change) check(f *invalid.List, at string) {
	if ch.SKU == "" || len(ch.SKU) > maxSKUBytes {
		f.Add(at+"sku", "must have 1 to %d bytes", maxSKUBytes)
	}
	switch {
	case ch.Op == OpRemove && ch.Quantity != 0:
		f.Add(at+"quantity", "must be left out with remove")
	case ch.Op == OpRemove:
	case ch.Op != OpAdd && ch.Op != OpSet:
		f.Add(at+"op", "must be add, set or remove")
	case ch.Quantity < 1 || ch.Quantity > MaxQuantity:
		f.Add(at+"quantity", "must be from 1 to %d", MaxQuantity)
	}
}

// checkMarket checks a currency and a country, either of which may be left out.
func (c *Carts) checkMarket(f *invalid.List, currency money.Currency, country string) {
	if country != "" && !c.Shipping.Serves(country) {
		f.Add("country", "must be an ISO 3166-1 code in upper case, such as IE")
	}
	if currency != "" && (!c.sells(currency) || !c.Shipping.HasCurrency(currency)) {
		f.Add("currency", "must be a currency that a region sells in, such as EUR")
	}
}

// sells reports whether any region sells in the currency.
func (c *Carts) sells(currency money.Currency) bool {
	return slices.ContainsFunc(c.Regions.All(), func(r regions.Region) bool {
		return slices.Contains(r.Currencies, string(currency))
	})
}
