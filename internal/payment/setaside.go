package payment

import (
	"meridian/internal/database"
	"meridian/regions"
)

// QueueSetAside leaves a payment to a person, once, if the provider took another amount for
// it than was asked for: from then on workers ask about it no more than once a day. It is
// settled by whatever changes its state afterwards. provider is who said it; "" where the
// payment's own was asked.
func QueueSetAside(b *database.Batch, payment regions.Ref, provider string, outcome Outcome) {
	// $1 = region, $2 = id, $3 = provider, $4 = captured, $5 = currency
	b.Queue(`
UPDATE payments SET set_aside_at = now(), updated_at = now()
WHERE region = $1 AND id = $2 AND ($3::text = '' OR provider = $3::text) AND status <> 'captured' AND set_aside_at IS NULL
  AND (amount_minor <> $4 OR currency <> $5)`,
		payment.Region, payment.ID, provider, outcome.CapturedMinor, outcome.Amount.Currency)
}

// SetAsideHere is the SQL that is true, later in a batch, where QueueSetAside set the payment
// aside; $5 and $6 are its region and id.
const SetAsideHere = `EXISTS (SELECT 1 FROM payments WHERE region = $5 AND id = $6 AND set_aside_at = now())`
