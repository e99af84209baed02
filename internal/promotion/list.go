package promotion

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// ErrNotFound is returned for a promotion that is not in force, or that nobody knows.
var ErrNotFound = errors.New("there is no such promotion")

const promotionColumns = `id, title, coupon, priority, valid_from, valid_to, total_limit, customer_limit, spec`

func scanPromotion(row pgx.CollectableRow) (Promotion, error) {
	var p Promotion
	var spec []byte
	err := row.Scan(&p.ID, &p.Title, &p.Coupon, &p.Priority, &p.ValidFrom, &p.ValidTo, &p.TotalLimit, &p.CustomerLimit, &spec)
	if err != nil {
		return Promotion{}, err
	}
	if p.Spec, err = ParseSpec(spec); err != nil {
		return Promotion{}, fmt.Errorf("promotion %s: %w", p.ID, err)
	}
	return p, nil
}

// QueueLoad adds to a batch of reads all versions of promotions in force at an instant or
// later, for NewSet. into is set when the batch is read.
func QueueLoad(b *database.Batch, from time.Time, into *[]Promotion) {
	b.Queue(`
SELECT `+promotionColumns+`
FROM promotions
WHERE valid_to IS NULL OR (valid_to > $1 AND valid_to > valid_from)
ORDER BY id, valid_from`, from).Query(database.Collect(into, scanPromotion))
}

// ListFilter says which promotions to list.
type ListFilter struct {
	// At is the moment at which they are in force. Pages after the first keep the first one's.
	At time.Time
	database.PageFilter[ListPosition]
}

// A ListPosition is where a promotion stands in the list of those in force at a moment.
type ListPosition struct {
	At time.Time
	ID string
}

// Promotions reads the promotions of a database.
type Promotions struct{ db *database.DB }

// New returns the promotions of a database.
func New(db *database.DB) Promotions { return Promotions{db} }

// List returns a page of the promotions in force at a moment, by id. One round trip.
func (p Promotions) List(ctx context.Context, f ListFilter) (database.Page[Promotion, ListPosition], error) {
	after := ListPosition{At: f.At}
	if f.After != nil {
		after = *f.After
	}
	promotions, err := database.List(ctx, p.db, scanPromotion, `
SELECT `+promotionColumns+`
FROM promotions
WHERE id > $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)
ORDER BY id
LIMIT $3::int8`, after.ID, after.At, f.Rows())
	if err != nil {
		return database.Page[Promotion, ListPosition]{}, fmt.Errorf("list promotions: %w", err)
	}
	return database.NewPage(f.PageFilter, promotions, func(p Promotion) ListPosition { return ListPosition{At: after.At, ID: p.ID} }), nil
}

// Get returns the version of a promotion in force at a moment, or ErrNotFound. One round trip.
func (p Promotions) Get(ctx context.Context, id string, at time.Time) (Promotion, error) {
	found, err := database.One(ctx, p.db, scanPromotion, `
SELECT `+promotionColumns+`
FROM promotions
WHERE id = $1 AND valid_from <= $2 AND (valid_to IS NULL OR valid_to > $2)`, id, at)
	if errors.Is(err, pgx.ErrNoRows) {
		return Promotion{}, ErrNotFound
	}
	if err != nil {
		return Promotion{}, fmt.Errorf("get promotion: %w", err)
	}
	return found, nil
}

// Versions returns the versions of a promotion that began, or are to begin, before an instant,
// the newest first: at most limit, 1 or more. One that was called off before it began ends
// where it begins. One round trip.
func (p Promotions) Versions(ctx context.Context, id string, before time.Time, limit int) ([]Promotion, error) {
	versions, err := database.List(ctx, p.db, scanPromotion, `
SELECT `+promotionColumns+`
FROM promotions
WHERE id = $1 AND valid_from < $2
ORDER BY valid_from DESC
LIMIT $3::int8`, id, before, limit)
	if err != nil {
		return nil, fmt.Errorf("list versions of a promotion: %w", err)
	}
	return versions, nil
}
