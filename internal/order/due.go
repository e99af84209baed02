package order

import "meridian/internal/database"

// QueueDueNow makes every order that waits for its payment expire at the workers' next look, in all regions. It serves
// rehearsals of recovery, which need not wait for the claims of killed workers to run out.
func QueueDueNow(b *database.Batch) {
	b.Queue(`
UPDATE orders SET next_expiry_at = now() - INTERVAL '61 seconds'
WHERE status = 'pending_payment' AND next_expiry_at > now()`)
}
