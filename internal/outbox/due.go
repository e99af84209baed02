package outbox

import "meridian/internal/database"

// QueueDueNow makes every undelivered event due at the workers' next look, in all regions. It serves rehearsals of
// recovery, which need not wait for the claims of killed workers to run out.
func QueueDueNow(b *database.Batch) {
	b.Queue(`
UPDATE outbox SET next_attempt_at = now() - INTERVAL '61 seconds'
WHERE delivered_at IS NULL AND next_attempt_at > now()`)
}
