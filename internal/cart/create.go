package cart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/regions"
)

// CreateInput is a new cart.
type CreateInput struct {
	// ID is a guest's cart's, where the caller derives it from an idempotency key so that a
	// repetition gives the same cart. Zero draws one. A customer's cart ignores it.
	ID uuid.UUID
	// Account is the customer; nil for a guest.
	Account *regions.Ref
	// Country is where the goods would go. Currency defaults to what is paid there.
	Country  string
	Currency money.Currency
	// Lines are put in, each with OpAdd.
	Lines []Change
	// Idempotency needs Key and Fingerprint only.
	Idempotency idempotency.Key
}

// Create makes a cart: a guest's in this process's region, a customer's in the home
// region. A customer who has an open cart gets that one, in its own currency and country;
// the lines are then added to it. A guest's cart with an ID that is there already is that
// cart. One round trip, and a second one with lines; lines that are refused take two more.
// It may be repeated with the same key, and for a guest the same ID: nothing is then added
// twice.
//
// It fails with *invalid.Error, *UnknownSKUError, *TooManyLinesError, *QuantityError and,
// where the key (and ID) came with another input before, idempotency.ErrReused. A cart
// whose first lines were refused may stay behind, empty.
func (c *Carts) Create(ctx context.Context, in CreateInput) (Cart, error) {
	if err := c.validateCreate(in); err != nil {
		return Cart{}, err
	}
	if in.Currency == "" {
		in.Currency = money.Currency(c.Regions.CurrencyOf(in.Country))
	}
	if in.Account == nil && len(in.Lines) > 0 {
		cart, err := c.createFilled(ctx, in)
		if !errors.Is(err, errRefused) {
			return cart, err
		}
		// What is in the way is told by doing it in two steps.
	}
	cart, err := c.open(ctx, in)
	if err != nil || len(in.Lines) == 0 {
		return cart, err
	}
	return c.change(ctx, ChangeInput{Cart: cart.Ref, Account: in.Account, Changes: in.Lines, Idempotency: in.Idempotency})
}

// errRefused is returned where a cart could not be made with its lines at once.
var errRefused = errors.New("the cart was refused")

// createFilled makes a guest's cart with its first lines at once, together with those that other
// guests begin at the same time. It returns errRefused where that cannot be done so.
func (c *Carts) createFilled(ctx context.Context, in CreateInput) (Cart, error) {
	edits, err := fold(in.Lines)
	if err != nil {
		return Cart{}, err
	}
	if len(edits.put) > c.MaxLines {
		return Cart{}, errRefused
	}
	f := &filling{ref: c.place(&in), put: edits}
	f.in = in
	err = c.fillings.Do(ctx, f.ref.Region, f)
	switch {
	case err == nil:
		return f.made, nil
	case idempotency.Taken(err):
		return c.again(ctx, ChangeInput{Cart: f.ref, Idempotency: in.Idempotency})
	case isRefusal(err), database.Violates(err, "carts_pkey"):
		return Cart{}, errRefused
	}
	return Cart{}, fmt.Errorf("create cart: %w", err)
}

func (c *Carts) validateCreate(in CreateInput) error {
	var f invalid.List
	if in.Country == "" {
		f.Add("country", "must be an ISO 3166-1 code in upper case, such as IE")
	}
	c.checkMarket(&f, in.Currency, in.Country)
	if len(in.Lines) > maxChanges {
		f.Add("lines", "must be at most %d", maxChanges)
		return f.Err("cart")
	}
	for i, line := range in.Lines {
		at := fmt.Sprintf("lines[%d].", i)
		if line.Op != OpAdd {
			f.Add(at+"op", "must be add")
			continue
		}
		line.check(&f, at)
	}
	return f.Err("cart")
}

// open returns the cart without the first lines, made if it is not there.
func (c *Carts) open(ctx context.Context, in CreateInput) (Cart, error) {
	ref := c.place(&in)
	var opened Cart
	err := c.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		if in.Account != nil {
			c.queueClearExpired(b, *in.Account)
			c.queueInsert(b, ref, in)
			c.queueGetOpen(b, *in.Account, &opened)
			return nil
		}
		if len(in.Lines) == 0 { // else the key is claimed with the lines
			in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: c.publicID(ref), Status: http.StatusCreated})
		}
		c.queueInsert(b, ref, in)
		c.QueueGet(b, ref, &opened)
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return c.again(ctx, ChangeInput{Cart: ref, Idempotency: in.Idempotency})
	case err != nil:
		return Cart{}, fmt.Errorf("create cart: %w", err)
	case !opened.OwnedBy(in.Account):
		return Cart{}, ErrNotFound
	}
	return opened, nil
}

// place returns where a new cart is kept: a guest's here, a customer's at home. It completes the
// input's ID and idempotency key.
func (c *Carts) place(in *CreateInput) regions.Ref {
	ref := regions.Ref{Region: c.DB.Region(), ID: in.ID}
	if in.Account != nil {
		ref = regions.Ref{Region: in.Account.Region}
	}
	if ref.ID == uuid.Nil {
		ref.ID = uuid.New()
	}
	in.ID = ref.ID
	in.Idempotency.Region, in.Idempotency.Scope = ref.Region, c.publicID(ref)
	return ref
}

// newCart is a cart as it is written first.
type newCart struct {
	Ref                             regions.Ref `db:"*"`
	AccountRegion                   *string
	AccountID                       *uuid.UUID
	Currency                        money.Currency
	Country                         string
	CreatedAt, UpdatedAt, ExpiresAt time.Time
}

// queueInsert adds a cart, unless it or the customer's open cart is there.
func (c *Carts) queueInsert(b *database.Batch, ref regions.Ref, in CreateInput) {
	now := c.Now()
	row := newCart{Ref: ref, Currency: in.Currency, Country: in.Country, CreatedAt: now, UpdatedAt: now,
		ExpiresAt: now.Add(c.life(in.Account))}
	row.AccountRegion, row.AccountID = owner(in.Account)
	database.QueueInsert(b, "carts", []newCart{row}, "ON CONFLICT DO NOTHING")
}

// queueClearExpired deletes the account's open cart if it has expired: until it is swept it
// would be in the way of a new one.
func (c *Carts) queueClearExpired(b *database.Batch, account regions.Ref) {
	b.Queue(`
DELETE FROM carts
WHERE region = $1 AND account_id = $2 AND status = 'open' AND expires_at <= $3`,
		account.Region, account.ID, c.Now())
}
