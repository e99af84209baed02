package payment

import (
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
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
	Ref           regions.Ref
	OrderID       uuid.UUID
	Provider      string
	ProviderRef   string
	Method        string
	State         State
	FailureCode   string
	Currency      money.Currency
	AmountMinor   int64
	CapturedMinor int64
	RefundedMinor int64
	Attempts      int64
	CreatedAt     time.Time
}

// Columns are the columns of payments (as p) that Scan reads.
const Columns = `p.region, p.id, p.order_id, p.provider, p.provider_ref, p.method, p.status, p.failure_code,
  p.currency, p.amount_minor, p.captured_minor, p.refunded_minor, p.attempts, p.created_at`

// Scan reads Columns.
func Scan(row pgx.CollectableRow) (Payment, error) {
	var p Payment
	err := row.Scan(p.targets()...)
	return p, err
}

// targets is where Columns are scanned to, in their order.
func (p *Payment) targets() []any {
	return []any{
		&p.Ref.Region, &p.Ref.ID, &p.OrderID, &p.Provider, &p.ProviderRef, &p.Method, &p.State, &p.FailureCode,
		&p.Currency, &p.AmountMinor, &p.CapturedMinor, &p.RefundedMinor, &p.Attempts, &p.CreatedAt,
	}
}

// New is a payment to be asked for.
type New struct {
	Payment
	// Transition is that of the order.
	Transition uuid.UUID
	// CheckAt is when a worker asks the provider, if no outcome was heard by then.
	CheckAt time.Time
}

// QueueInsert adds new payments to the batch that places their orders.
func QueueInsert(b *database.Batch, payments ...New) {
	n := len(payments)
	homes, providers, methods, currencies := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	ids, transitions := make([]uuid.UUID, n), make([]uuid.UUID, n)
	amounts, checks := make([]int64, n), make([]time.Time, n)
	for i, p := range payments {
		homes[i], providers[i], methods[i], currencies[i] = p.Ref.Region, p.Provider, p.Method, string(p.Currency)
		ids[i], transitions[i], amounts[i], checks[i] = p.Ref.ID, p.Transition, p.AmountMinor, p.CheckAt
	}
	// $1 = regions, $2 = ids, which are the orders', $3 = providers, $4 = methods,
	// $5 = currencies, $6 = amounts, $7 = transitions, $8 = next checks
	b.Queue(`
INSERT INTO payments (region, id, order_id, provider, method, currency, amount_minor, transition_id, next_check_at)
SELECT p.region::crdb_internal_region, p.id, p.id, p.provider, p.method, p.currency, p.amount, p.transition_id, p.next_check_at
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::int8[], $7::uuid[], $8::timestamptz[])
  AS p (region, id, provider, method, currency, amount, transition_id, next_check_at)`,
		homes, ids, providers, methods, currencies, amounts, transitions, checks)
}

// Settlement is what a provider said of a payment, to be acted on.
type Settlement struct {
	Payment regions.Ref
	// Provider is who said it; "" where the payment's own was asked.
	Provider string
	// Transition is left on the payment's row if, and only if, this changed its state.
	Transition uuid.UUID
	Outcome    Outcome
}

// QueueOutcomes adds what providers said of payments to the batch that acts on it, a
// payment at most once. What a provider says of another's payment changes nothing, nor
// does a success that is not of the very amount that was asked for.
func QueueOutcomes(b *database.Batch, settlements ...Settlement) {
	var succeeded, failed, needAction []Settlement
	for _, s := range settlements {
		switch s.Outcome.Status {
		case StatusSucceeded:
			succeeded = append(succeeded, s)
		case StatusFailed, StatusCancelled:
			failed = append(failed, s)
		case StatusRequiresAction:
			needAction = append(needAction, s)
		}
	}
	if succeeded != nil {
		c := settlementColumnsOf(succeeded)
		// $1 = regions, $2 = ids, $3 = providers, $4 = transitions, $5 = providers' ids,
		// $6 = captured, $7 = currencies
		b.Queue(`
UPDATE payments p SET status = 'captured', captured_minor = said.captured, provider_ref = said.provider_ref, failure_code = '',
  transition_id = said.transition_id, updated_at = now()
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::int8[], $7::text[])
  AS said (region, id, provider, transition_id, provider_ref, captured, currency)
WHERE p.region = said.region::crdb_internal_region AND p.id = said.id AND (p.provider = said.provider OR said.provider = '')
  AND p.status <> 'captured' AND p.amount_minor = said.captured AND p.currency = said.currency`,
			c.regions, c.ids, c.providers, c.transitions, c.refs, c.captured, c.currencies)
	}
	if failed != nil {
		c := settlementColumnsOf(failed)
		// $1 = regions, $2 = ids, $3 = providers, $4 = transitions, $5 = providers' ids,
		// $6 = statuses, $7 = failure codes
		b.Queue(`
UPDATE payments p SET status = said.status, provider_ref = said.provider_ref, failure_code = said.failure_code,
  transition_id = said.transition_id, updated_at = now()
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
  AS said (region, id, provider, transition_id, provider_ref, status, failure_code)
WHERE p.region = said.region::crdb_internal_region AND p.id = said.id AND (p.provider = said.provider OR said.provider = '')
  AND p.status IN ('pending', 'requires_action')`,
			c.regions, c.ids, c.providers, c.transitions, c.refs, c.statuses, c.failures)
	}
	if needAction != nil {
		c := settlementColumnsOf(needAction)
		// $1 = regions, $2 = ids, $3 = providers, $4 = transitions, $5 = providers' ids
		b.Queue(`
UPDATE payments p SET status = 'requires_action', provider_ref = said.provider_ref, transition_id = said.transition_id, updated_at = now()
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::uuid[], $5::text[]) AS said (region, id, provider, transition_id, provider_ref)
WHERE p.region = said.region::crdb_internal_region AND p.id = said.id AND (p.provider = said.provider OR said.provider = '')
  AND p.status = 'pending'`,
			c.regions, c.ids, c.providers, c.transitions, c.refs)
	}
}

// settlementColumns are settlements, a column a field.
type settlementColumns struct {
	regions, providers, refs, currencies, statuses, failures []string
	ids, transitions                                         []uuid.UUID
	captured                                                 []int64
}

func settlementColumnsOf(settlements []Settlement) settlementColumns {
	var c settlementColumns
	for _, s := range settlements {
		c.regions = append(c.regions, s.Payment.Region)
		c.ids = append(c.ids, s.Payment.ID)
		c.providers = append(c.providers, s.Provider)
		c.transitions = append(c.transitions, s.Transition)
		c.refs = append(c.refs, s.Outcome.ProviderRef)
		c.captured = append(c.captured, s.Outcome.CapturedMinor)
		c.currencies = append(c.currencies, string(s.Outcome.Amount.Currency))
		c.statuses = append(c.statuses, string(s.Outcome.Status))
		c.failures = append(c.failures, s.Outcome.FailureCode)
	}
	return c
}

// Standing is where a payment stands after a settlement; its zero value is that of no
// payment.
type Standing struct {
	State    State
	Provider string
	// OrderMoved says that the settlement moved the order on; PlacedAt is when that was placed.
	OrderMoved bool
	PlacedAt   time.Time
}

// QueueStandings adds the reading of where payments stand to the end of the batch that
// settles them: into[i] is for settlements[i].
func QueueStandings(b *database.Batch, settlements []Settlement, into []*Standing) {
	c := settlementColumnsOf(settlements)
	positions := make([]int64, len(settlements))
	for i := range settlements {
		*into[i] = Standing{}
		positions[i] = int64(i)
	}
	b.Queue(`
SELECT wanted.position, p.status, p.provider, o.transition_id = wanted.transition_id, o.placed_at
FROM unnest($1::text[], $2::uuid[], $3::uuid[], $4::int8[]) AS wanted (region, id, transition_id, position)
JOIN payments p ON p.region = wanted.region::crdb_internal_region AND p.id = wanted.id
JOIN orders o ON o.region = p.region AND o.id = p.order_id`,
		c.regions, c.ids, c.transitions, positions).Query(func(rows pgx.Rows) error {
		var i int
		var s Standing
		_, err := pgx.ForEachRow(rows, []any{&i, &s.State, &s.Provider, &s.OrderMoved, &s.PlacedAt}, func() error {
			*into[i] = s
			return nil
		})
		return err
	})
}

// QueueCheckNow makes a worker look at the order's payment at once, if it is still open:
// its order was cancelled, so the provider is to be told.
func QueueCheckNow(b *database.Batch, order regions.Ref, transition uuid.UUID) {
	b.Queue(`
UPDATE payments SET next_check_at = now()
WHERE region = $1 AND id = $2 AND status IN ('pending', 'requires_action')
  AND EXISTS (SELECT 1 FROM orders WHERE region = $1 AND id = $2 AND transition_id = $3)`,
		order.Region, order.ID, transition)
}
