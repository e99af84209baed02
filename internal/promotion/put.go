package promotion

import (
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/pricing/changes"
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
	database.QueueVersion(b, "promotions", []string{"id"}, database.Args{
		"id": p.ID, "valid_from": from, "valid_to": p.ValidTo, "title": p.Title, "coupon": p.Coupon, "priority": p.Priority,
		"total_limit": p.TotalLimit, "customer_limit": p.CustomerLimit, "spec": spec, "change_id": changeID,
	})
	changes.QueueRulesChanged(b)
	return nil
}

// QueueEnd adds to a batch what ends a promotion at an instant, which must not be past:
// versions that were to begin later never do. It tells every pod that the rules have changed.
func QueueEnd(b *database.Batch, id string, from time.Time) {
	database.QueueEndVersions(b, "promotions", database.Args{"id": id}, from)
	changes.QueueRulesChanged(b)
}
