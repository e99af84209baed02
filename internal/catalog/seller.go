package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/regions"
)

// A Seller lists products.
type Seller struct {
	ID uuid.UUID
	// Slug names it in URLs and on the command line.
	Slug      string
	Name      string
	Status    SellerStatus
	CreatedAt time.Time
}

// PublicID returns the seller's id in the API: slr_ and 26 letters and digits.
func (s Seller) PublicID() string { return regions.FormatGlobalID(regions.SellerPrefix, s.ID) }

// SellerStatus is whether a seller may trade.
type SellerStatus string

// The states of a seller.
const (
	SellerActive    SellerStatus = "active"
	SellerSuspended SellerStatus = "suspended"
)

// SellerInput is a seller to be created.
type SellerInput struct {
	// Slug is 2 to 64 lower-case letters, digits and hyphens, beginning with a letter.
	Slug string
	Name string
	// Idempotency makes the call safe to repeat.
	Idempotency idempotency.Key
}

var sellerSlugPattern = regexp.MustCompile(`^[a-z][a-z0-9-]{1,63}$`)

const sellerColumns = `id, slug, name, status, created_at`

func scanSeller(row pgx.CollectableRow) (s Seller, err error) {
	err = row.Scan(&s.ID, &s.Slug, &s.Name, &s.Status, &s.CreatedAt)
	return s, err
}

// CreateSeller adds a seller. It returns *invalid.Error, ErrSlugTaken, and for a repetition
// *idempotency.Replay or idempotency.ErrReused. One round trip.
func (c *Catalog) CreateSeller(ctx context.Context, in SellerInput) (Seller, error) {
	var f invalid.List
	if !sellerSlugPattern.MatchString(in.Slug) {
		f.Add("slug", "must be 2 to 64 lower-case letters, digits and hyphens, beginning with a letter")
	}
	checkText(&f, "name", in.Name, 1, 200)
	if err := f.Err("seller"); err != nil {
		return Seller{}, err
	}
	write := c.db.Write
	if in.Idempotency.Key != "" {
		write = c.db.WriteIdempotent
	}
	s := Seller{ID: uuid.New()}
	err := write(ctx, func(b *database.Batch) error {
		in.Idempotency.QueueClaim(b, idempotency.Answer{Resource: s.PublicID(), Status: http.StatusCreated})
		b.Queue(`
INSERT INTO sellers (id, slug, name)
VALUES ($1, $2, $3)
RETURNING `+sellerColumns, s.ID, in.Slug, in.Name).Query(func(rows pgx.Rows) (err error) {
			s, err = pgx.CollectExactlyOneRow(rows, scanSeller)
			return err
		})
		return nil
	})
	switch {
	case idempotency.Taken(err):
		return Seller{}, idempotency.Find(ctx, c.db, in.Idempotency)
	case database.Violates(err, "sellers_slug_key"):
		return Seller{}, ErrSlugTaken
	case err != nil:
		return Seller{}, fmt.Errorf("create seller: %w", err)
	}
	return s, nil
}

// GetSeller returns a seller, or ErrNotFound. One round trip.
func (c *Catalog) GetSeller(ctx context.Context, id uuid.UUID) (Seller, error) {
	return c.oneSeller(ctx, `SELECT `+sellerColumns+` FROM sellers WHERE id = $1`, id)
}

// FindSeller returns the seller with that slug, or ErrNotFound. One round trip.
func (c *Catalog) FindSeller(ctx context.Context, slug string) (Seller, error) {
	return c.oneSeller(ctx, `SELECT `+sellerColumns+` FROM sellers WHERE slug = $1`, slug)
}

func (c *Catalog) oneSeller(ctx context.Context, sql string, by any) (Seller, error) {
	s, err := database.One(ctx, c.db, scanSeller, sql, by)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Seller{}, ErrNotFound
	case err != nil:
		return Seller{}, fmt.Errorf("get seller: %w", err)
	}
	return s, nil
}
