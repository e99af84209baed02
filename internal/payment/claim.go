package payment

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/regions"
)

// Due is a payment whose outcome has not been heard, with what a worker needs of its
// order to ask for it again.
type Due struct {
	Payment
	OrderOpen      bool      // the order still waits for the payment
	OrderChangedAt time.Time // when the order came to its present state, by the database's clock
}

// Orders is what payments need of orders, as a table expression that takes an alias. Its columns
// are region, id, open (whether the order still waits for its payment) and changed_at.
type Orders string

// checkLife is how long a claimed payment is left alone: longer than asking takes.
const checkLife = time.Minute

// paymentsDue claims a payment that was set aside again after a day only: whoever was told of it
// may have put it right at the provider.
var paymentsDue = database.Claims{
	Table: "payments", Key: []string{"id"},
	Where: "status IN ('pending', 'requires_action')", Due: "next_check_at",
	Wait:      "CASE WHEN t.set_aside_at IS NULL THEN " + database.Backoff("t.attempts", checkLife, time.Hour) + " ELSE 86400 END",
	On:        "o.region = t.region AND o.id = t.order_id",
	Returning: database.Select[Payment]("t") + ", o.open, o.changed_at",
}

// ClaimDue claims up to limit payments whose outcome is overdue. The next look is later
// each time, up to an hour, and a day later for one that was set aside.
func ClaimDue(ctx context.Context, db *database.DB, of database.Reach, orders Orders, now time.Time, limit int) ([]Due, error) {
	claims := paymentsDue
	claims.Now, claims.Join = now, string(orders)+" o"
	due, err := database.Claim(ctx, db, of, claims, func(row pgx.CollectableRow) (d Due, err error) {
		err = row.Scan(append(database.Targets(&d.Payment), &d.OrderOpen, &d.OrderChangedAt)...)
		return d, err
	}, limit)
	if err != nil {
		return nil, fmt.Errorf("claim payments to check: %w", err)
	}
	return due, nil
}

// DueRefund is a refund to be sent.
type DueRefund struct {
	Ref         regions.Ref
	OrderID     uuid.UUID
	PaymentID   uuid.UUID
	AmountMinor int64
	Currency    money.Currency
	Provider    string
	PaymentRef  string // the provider's own id of the payment
}

// refundClaim is how long a claimed refund is left alone: longer than sending it takes.
const refundClaim = time.Minute

var refundsDue = database.Claims{
	Table: "refunds", Key: []string{"id"},
	Where: "status = 'pending' AND NOT made_at_provider", Due: "next_attempt_at",
	Wait: database.Backoff("t.attempts", refundClaim, time.Hour),
	Join: "payments p", On: "p.region = t.region AND p.id = t.payment_id",
	Returning: "t.region, t.id, t.order_id, t.payment_id, t.amount_minor, t.currency, p.provider, p.provider_ref",
}

// ClaimRefunds claims up to limit refunds that are due, with the provider of each one's
// payment. The next try is later each time, up to an hour.
func ClaimRefunds(ctx context.Context, db *database.DB, of database.Reach, limit int) ([]DueRefund, error) {
	due, err := database.Claim(ctx, db, of, refundsDue, func(row pgx.CollectableRow) (d DueRefund, err error) {
		err = row.Scan(&d.Ref.Region, &d.Ref.ID, &d.OrderID, &d.PaymentID, &d.AmountMinor, &d.Currency, &d.Provider, &d.PaymentRef)
		return d, err
	}, limit)
	if err != nil {
		return nil, fmt.Errorf("claim refunds: %w", err)
	}
	return due, nil
}
