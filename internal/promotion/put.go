package promotion

import (
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
)

// QueuePut adds to a batch what makes p, which is valid (Validate), the promotion of its id
// from an instant on: the version in force then ends there, versions that were to begin
// later never do, and p begins, whatever its ValidFrom. changeID is the change that wanted it.
//
// from must not be past, and far enough ahead for every pod to learn of it: then nothing
// that was in force is changed.
func QueuePut(b *database.Batch, p Promotion, changeID uuid.UUID, from time.Time) error {
	spec, err := p.Spec.Encode()
	if err != nil {
		return err
	}
	QueueEnd(b, p.ID, from)
	// A version that was to begin at the same instant, and never did, gives up its place.
	// $1 = id, $2 = from, $3 = to, $4 = title, $5 = coupon, $6 = priority, $7 = total limit,
	// $8 = customer limit, $9 = spec, $10 = change
	b.Queue(`
INSERT INTO promotions (id, valid_from, valid_to, title, coupon, priority, total_limit, customer_limit, spec, change_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb, $10)
ON CONFLICT (id, valid_from) DO UPDATE SET valid_to = excluded.valid_to, title = excluded.title, coupon = excluded.coupon,
  priority = excluded.priority, total_limit = excluded.total_limit, customer_limit = excluded.customer_limit,
  spec = excluded.spec, change_id = excluded.change_id`,
		p.ID, from, p.ValidTo, p.Title, p.Coupon, p.Priority, p.TotalLimit, p.CustomerLimit, spec, changeID)
	return nil
}

// QueueEnd adds to a batch what ends a promotion at an instant, which must not be past:
// versions that were to begin later never do. It tells every pod that the rules have changed.
func QueueEnd(b *database.Batch, id string, from time.Time) {
	b.Queue(`
UPDATE promotions SET valid_to = CASE WHEN valid_from > $2 THEN valid_from ELSE $2::timestamptz END
WHERE id = $1 AND (valid_to IS NULL OR valid_to > $2)`, id, from)
	b.Queue(`
UPDATE pricing_state SET version = version + 1, changed_at = now()
WHERE id = 'rules'`)
}
