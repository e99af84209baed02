package payment

import (
	"time"

	"meridian/internal/database"
	"meridian/regions"
)

// SetAside is a payment that waits for a person: the provider took another amount than was asked for.
type SetAside struct {
	Payment
	At time.Time `db:"set_aside_at"`
}

// QueueSetAsideList adds to a batch the reading of payments that wait for a person, of orders at
// home in some regions, those that wait longest first.
func QueueSetAsideList(b *database.Batch, homes []string, limit int, into *[]SetAside) {
	b.Queue(`
SELECT `+database.Select[Payment]("p")+`, p.set_aside_at
FROM payments p
WHERE p.region::text = ANY($1::text[]) AND p.set_aside_at IS NOT NULL AND p.updated_at <= p.set_aside_at AND p.status <> 'captured'
ORDER BY p.set_aside_at, p.id
LIMIT $2::int8`, homes, limit).Query(database.Collect(into, database.Scan[SetAside]))
}

// QueueFailedRefunds adds to a batch the reading of refunds that failed and were not sent again, of
// orders at home in some regions, the oldest first. Where all of the money went back otherwise, nothing
// is owed any more.
func QueueFailedRefunds(b *database.Batch, homes []string, limit int, into *[]Refund) {
	b.Queue(refundsQuery+`
JOIN payments p ON p.region = r.region AND p.id = r.payment_id
WHERE r.region::text = ANY($1::text[]) AND r.status = 'failed' AND p.refunded_minor < p.captured_minor
ORDER BY r.created_at, r.id
LIMIT $2::int8`, homes, limit).Query(database.Collect(into, database.Scan[Refund]))
}

// QueueCheckAgain makes a worker ask the provider about an open payment at once, as if it had not
// been set aside. found is set to how many there are: one or none.
func QueueCheckAgain(b *database.Batch, payment regions.Ref, found *int64) {
	database.Affected(b.Queue(`
UPDATE payments SET next_check_at = now(), set_aside_at = NULL, updated_at = now()
WHERE region = $1 AND id = $2 AND status IN ('pending', 'requires_action')`, payment.Region, payment.ID), found)
}
