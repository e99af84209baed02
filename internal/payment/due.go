package payment

import "meridian/internal/database"

// QueueDueNow makes every open payment, refund and webhook due at the workers' next look, in all regions. It serves
// rehearsals of recovery, which need not wait for the claims of killed workers to run out.
func QueueDueNow(b *database.Batch) {
	b.Queue(`
UPDATE payments SET next_check_at = now() - INTERVAL '61 seconds'
WHERE status IN ('pending', 'requires_action') AND next_check_at > now()`)
	b.Queue(`
UPDATE refunds SET next_attempt_at = now() - INTERVAL '61 seconds'
WHERE status = 'pending' AND NOT made_at_provider AND next_attempt_at > now()`)
	b.Queue(`
UPDATE webhook_inbox SET next_attempt_at = now() - INTERVAL '61 seconds'
WHERE processed_at IS NULL AND next_attempt_at > now()`)
}
