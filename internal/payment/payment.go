package payment

import (
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/regions"
)

// State is where a payment stands in our own rows.
type State string

// The states of a payment. Captured is final; Failed and Cancelled give way to Captured.
const (
	Pending        State = "pending"
	RequiresAction State = "requires_action"
	Captured       State = "captured"
	Failed         State = "failed"
	Cancelled      State = "cancelled"
)

// Payment is an order's payment. Amounts are minor units of Currency.
type Payment struct {
	Ref           regions.Ref `db:"*"`
	OrderID       uuid.UUID
	Provider      string
	ProviderRef   string
	Method        string
	State         State `db:"status"`
	FailureCode   string
	Currency      money.Currency
	AmountMinor   int64
	CapturedMinor int64
	RefundedMinor int64
	Attempts      int64
	CreatedAt     time.Time `db:",read"`
}

// New is a payment to be asked for.
type New struct {
	Payment
	// Transition is that of the order.
	Transition uuid.UUID `db:"transition_id"`
	// CheckAt is when a worker asks the provider, if no outcome was heard by then.
	CheckAt time.Time `db:"next_check_at"`
}

// QueueInsert adds new payments to the batch that places their orders. They are Pending unless
// they say otherwise.
func QueueInsert(b *database.Batch, payments ...New) {
	payments = slices.Clone(payments)
	for i, p := range payments {
		payments[i].State = cmp.Or(p.State, Pending)
	}
	database.QueueInsert(b, "payments", payments)
}

// QueueGet adds the reading of an order's payment to a batch; into stays as it is if there is none.
func QueueGet(b *database.Batch, order regions.Ref, into *Payment) {
	b.Queue(`
SELECT `+database.Select[Payment]("p")+`
FROM payments p
WHERE p.region = $1 AND p.id = $2`, order.Region, order.ID).Query(database.CollectFirst(into, database.Scan[Payment]))
}

// Settlement is what a provider said of a payment, to be acted on.
type Settlement struct {
	Payment regions.Ref `db:"*"`
	// Provider is who said it; "" where the payment's own was asked.
	Provider string
	// Transition is left on the payment's row if, and only if, this changed its state.
	Transition uuid.UUID `db:"transition_id"`
	Outcome    Outcome   `db:"said_*"`
}

// QueueOutcomes adds what providers said of payments to the batch that acts on it, a
// payment at most once. What a provider says of another's payment changes nothing, nor
// does a success that is not of the very amount that was asked for.
func QueueOutcomes(b *database.Batch, settlements ...Settlement) {
	var said []Settlement
	for _, s := range settlements {
		if s.Outcome.Status == StatusRequiresAction || s.Outcome.Status.Final() {
			said = append(said, s)
		}
	}
	if said == nil {
		return
	}
	b.QueueArgs(`
UPDATE payments p SET
  status = CASE s.said_status WHEN 'succeeded' THEN 'captured' ELSE s.said_status END,
  captured_minor = CASE s.said_status WHEN 'succeeded' THEN s.said_captured_minor ELSE p.captured_minor END,
  failure_code = CASE WHEN s.said_status IN ('failed', 'cancelled') THEN s.said_failure_code ELSE '' END,
  provider_ref = s.said_provider_ref, transition_id = s.transition_id, updated_at = now()
FROM `+database.Unnest[Settlement]("s")+`
WHERE p.region = s.region::crdb_internal_region AND p.id = s.id AND (p.provider = s.provider OR s.provider = '')
  AND CASE s.said_status
    -- a success outranks whatever was heard before
    WHEN 'succeeded' THEN p.status <> 'captured' AND p.amount_minor = s.said_captured_minor AND p.currency = s.said_currency
    WHEN 'requires_action' THEN p.status = 'pending'
    ELSE p.status IN ('pending', 'requires_action') END`, database.Columns(said))
}

// QueueCheckNow makes a worker look at the order's payment at once, if it is still open: its
// order was cancelled, so the provider is to be told. It does nothing unless condition, SQL with
// named arguments, holds when the batch runs.
func QueueCheckNow(b *database.Batch, order regions.Ref, condition string, args database.Args) {
	b.QueueArgs(`
UPDATE payments SET next_check_at = now()
WHERE region = @payment_region AND id = @payment_id AND status IN ('pending', 'requires_action') AND `+condition,
		args.With(database.Args{"payment_region": order.Region, "payment_id": order.ID}))
}

// QueueSetAside leaves a payment to a person, once, if the provider took another amount for
// it than was asked for: from then on workers ask about it no more than once a day. It is
// settled by whatever changes its state afterwards. provider is who said it; "" where the
// payment's own was asked. event is written if, and only if, the payment is set aside.
func QueueSetAside(b *database.Batch, payment regions.Ref, provider string, outcome Outcome, event outbox.Event) error {
	b.QueueArgs(`
UPDATE payments SET set_aside_at = now(), updated_at = now()
WHERE region = @region AND id = @id AND (@provider::text = '' OR provider = @provider::text)
  AND status <> 'captured' AND set_aside_at IS NULL AND (amount_minor <> @captured OR currency <> @currency)`, database.Args{
		"region": payment.Region, "id": payment.ID, "provider": provider,
		"captured": outcome.CapturedMinor, "currency": outcome.Amount.Currency,
	})
	return outbox.QueueWhere(b, event,
		`EXISTS (SELECT 1 FROM payments WHERE region = @payment_region AND id = @payment_id AND set_aside_at = now())`,
		database.Args{"payment_region": payment.Region, "payment_id": payment.ID})
}
