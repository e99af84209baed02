package payment

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meridian/internal/money"
)

// Provider is a company that takes money for us. Every method but Name, CheckMethod and ParseWebhook speaks to it over
// the network, so it is called outside any transaction, with a deadline on ctx. Every one of them may be repeated: a
// caller that got an error, or no answer, calls again with the same identifiers and can do no harm.
//
// A payment that is declined is not an error: it is an Outcome with StatusFailed. An error says that we do not know
// the outcome, and errors.Is(err, ErrUnavailable) that asking again, later, is worth it. After an error from Start
// the payment may well exist, and may even have succeeded: Find tells.
//
// The suite in paymenttest holds an implementation to this text.
type Provider interface {
	// Name is the lower-case word for the provider in our rows and in the path of its webhook, such as "sandbox".
	Name() string

	// CheckMethod says beforehand that a text cannot be one of the provider's method tokens. Its error is the remedy,
	// for the shopper's client to read ("must be …"), and does not repeat the text: it may be what nobody should see,
	// such as a card number. A token that passes may still turn out to be unknown. It does no I/O.
	CheckMethod(method string) error

	// Start asks for the money. It is idempotent by StartInput.PaymentID: a second call starts nothing and answers
	// about the first payment, as it stands by then (same ProviderRef; the Status may have moved on).
	//
	// Errors: ErrUnavailable (retry), ErrConflict (the id was used with other content), *RejectedError.
	Start(ctx context.Context, in StartInput) (Outcome, error)

	// Find tells what became of a payment. It changes nothing.
	//
	// Where no answer to a Start was ever heard (Asked.ProviderRef is empty), a provider that finds payments by its own
	// id alone may answer ErrUnknownPayment although it has the payment. Start then tells: it starts nothing twice.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment: the provider never heard of it, as far as it knows now. A
	// Start still on its way may yet reach it, so "unknown" is final only when no Start can be in flight any more.
	Find(ctx context.Context, asked Asked) (Outcome, error)

	// Cancel gives a payment up, as well as the provider can, and answers with what became of it:
	// StatusCancelled means that it cannot succeed any more; StatusSucceeded, that it was too late (refund it);
	// StatusFailed, that there was nothing to cancel; StatusProcessing, that it is in flight and cannot be stopped:
	// it may still succeed, and is to be refunded when it does. It finds the payment also where Find could not.
	// A provider that can makes sure that a Start still on its way comes to nothing: it may answer StatusCancelled for a
	// payment that it never heard of.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment (with the reservation made at Find).
	Cancel(ctx context.Context, asked Asked) (Outcome, error)

	// Refund gives money back. It is idempotent by RefundInput.RefundID, so calling it again is also how to find out
	// what became of a refund that is pending. The provider refuses to give back more than was captured.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment, ErrConflict, ErrRefundTooLarge, *RejectedError.
	Refund(ctx context.Context, in RefundInput) (RefundOutcome, error)

	// ParseWebhook verifies the signature of a notice and only then reads it. now is what the age of the signature
	// is measured against (SignatureTolerance). It does no I/O.
	//
	// Errors: ErrBadSignature, ErrBadEvent. Both are final for this delivery.
	ParseWebhook(header http.Header, body []byte, now time.Time) (Event, error)
}

// Capturer is a provider that can hold money before it takes it: its Start may end in StatusAuthorized.
type Capturer interface {
	// Capture takes the amount of what is held, and lets go of the rest: it may be done once. It is idempotent: a
	// payment that was captured before is answered as it stands.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment, *RejectedError: more than is held, or nothing is held any more.
	Capture(ctx context.Context, asked Asked, amount money.Amount) (Outcome, error)
}

// Resolver is a provider that names payments in some notices by its own id alone (Event.PaymentRef).
type Resolver interface {
	// PaymentOf is our id of a payment that the provider names by its own, as notices of disputes do.
	//
	// Errors: ErrUnavailable (retry), ErrUnknownPayment: it is not one of ours.
	PaymentOf(ctx context.Context, providerRef string) (string, error)
}

// SignatureTolerance is how far the time in a webhook's signature may be from now, either way. It bounds for how
// long a recorded notice can be replayed. Stripe's libraries use the same five minutes.
const SignatureTolerance = 5 * time.Minute

// Status is where a payment stands at its provider.
type Status string

// The states of a payment. Processing, RequiresAction and Authorized are open: something is still to come. Succeeded and
// Cancelled are final. Failed is final for us, but a success outranks it: see Event.
const (
	StatusProcessing     Status = "processing"
	StatusRequiresAction Status = "requires_action" // the shopper has to do something, such as 3-D Secure
	StatusAuthorized     Status = "authorized"      // the money is held for us: Capturer takes it, Cancel lets go of it
	StatusSucceeded      Status = "succeeded"       // the money is captured
	StatusFailed         Status = "failed"          // declined: Outcome.FailureCode says why
	StatusCancelled      Status = "cancelled"       // given up by us before it succeeded
)

// Valid reports whether s is one of the six states.
func (s Status) Valid() bool {
	return s == StatusProcessing || s == StatusRequiresAction || s == StatusAuthorized || s.Final()
}

// Final reports whether nothing more is expected to come.
func (s Status) Final() bool {
	return s == StatusSucceeded || s == StatusFailed || s == StatusCancelled
}

// Line is one line of what is paid for: a line of the order, or its shipping or its tax.
type Line struct {
	SKU      string       // "shipping" and "tax" for the lines that are no article
	Title    string       // as the shopper saw it
	Quantity int64        // at least 1
	Total    money.Amount // of the whole line; below zero for a discount
}

// StartInput is a payment to be started.
type StartInput struct {
	PaymentID string       // our public id (pay_euw_…): the idempotency key
	OrderID   string       // our public id of the order, shown in the provider's books
	Amount    money.Amount // above zero
	Lines     []Line       // the very lines the order holds; they sum to Amount
	Method    string       // the token that stands for the card, such as "card_success"; never a card number
	ReturnURL string       // where the shopper comes back to after an action; may be empty
	PlacedAt  time.Time    // when we wrote the payment down, before its first Start; some providers need it
}

// Asked is a payment that a provider was, or may have been, asked for, with all that we know of it: providers find
// theirs by different things.
type Asked struct {
	PaymentID   string
	OrderID     string
	ProviderRef string // the provider's own id; empty where no answer about the payment was ever heard
	Amount      money.Amount
	PlacedAt    time.Time
}

// Asked returns the payment that the input starts, as long as nothing was heard of it.
func (in StartInput) Asked() Asked {
	return Asked{PaymentID: in.PaymentID, OrderID: in.OrderID, Amount: in.Amount, PlacedAt: in.PlacedAt}
}

// MaxLines bounds the lines of one payment.
const MaxLines = 500

// Validate reports every fault of the input at once. Providers call it before they send anything, so that an order
// whose lines do not add up never becomes a charge.
func (in StartInput) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if in.PaymentID == "" {
		fault("payment id is empty")
	}
	if in.OrderID == "" {
		fault("order id is empty")
	}
	if in.Method == "" {
		fault("method is empty")
	}
	if in.Amount.Minor <= 0 || in.Amount.Currency == "" {
		fault("amount is %d %q, want more than zero and a currency", in.Amount.Minor, in.Amount.Currency)
	}
	if len(in.Lines) == 0 || len(in.Lines) > MaxLines {
		fault("%d lines, want 1 to %d", len(in.Lines), MaxLines)
	}
	if err := in.checkLines(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkLines adds the lines up and compares them with the amount.
func (in StartInput) checkLines() error {
	sum := money.Amount{Currency: in.Amount.Currency}
	for i, line := range in.Lines {
		if line.Quantity < 1 {
			return fmt.Errorf("line %d: quantity is %d, want at least 1", i, line.Quantity)
		}
		var err error
		if sum, err = sum.Add(line.Total); err != nil {
			return fmt.Errorf("line %d: %w", i, err)
		}
	}
	if sum.Minor != in.Amount.Minor {
		return fmt.Errorf("lines sum to %d, the amount is %d", sum.Minor, in.Amount.Minor)
	}
	return nil
}

// Outcome is where a payment stands, as the provider told it.
type Outcome struct {
	Status        Status
	ProviderRef   string       // the provider's own id of the payment
	FailureCode   string       // why it failed, such as "card_declined"; empty otherwise
	ClientSecret  string       `db:"-"` // what the shopper's browser needs for StatusRequiresAction; never log it
	Amount        money.Amount `db:"*"` // what was asked for
	CapturedMinor int64        // what was taken, in minor units of Amount's currency: 0 until StatusSucceeded
}

// RefundInput is money to be given back.
type RefundInput struct {
	RefundID  string // our public id (rfd_euw_…): the idempotency key
	PaymentID string
	// PaymentRef is the provider's own id of the payment, which is known: it was captured.
	PaymentRef string
	Amount     money.Amount // above zero, in the payment's currency
}

// RefundStatus is where a refund stands at its provider.
type RefundStatus string

// The states of a refund. Pending is open; a failed refund gave nothing back and never will: a new attempt needs a
// new RefundID.
const (
	RefundPending   RefundStatus = "pending"
	RefundSucceeded RefundStatus = "succeeded"
	RefundFailed    RefundStatus = "failed"
)

// Valid reports whether s is one of the three states.
func (s RefundStatus) Valid() bool {
	return s == RefundPending || s == RefundSucceeded || s == RefundFailed
}

// RefundOutcome is where a refund stands, as the provider told it.
type RefundOutcome struct {
	Status      RefundStatus
	ProviderRef string // the provider's own id of the refund
	FailureCode string // why it failed; empty otherwise
	Amount      money.Amount
}

// EventType is what a webhook tells.
type EventType string

// The kinds of event. EventOther is a genuine notice that does not concern us: acknowledge it and forget it. After
// EventPaymentAuthorized the money waits to be taken, or let go of; after one of a dispute, a person has to look.
// EventRefundMade tells that a refund which we did not ask for was made, or has changed: the Ledger tells more.
const (
	EventPaymentSucceeded      EventType = "payment.succeeded"
	EventPaymentFailed         EventType = "payment.failed"
	EventPaymentCancelled      EventType = "payment.cancelled"
	EventPaymentRequiresAction EventType = "payment.requires_action"
	EventPaymentAuthorized     EventType = "payment.authorized"
	EventRefundSucceeded       EventType = "refund.succeeded"
	EventRefundFailed          EventType = "refund.failed"
	EventRefundMade            EventType = "refund.made"
	EventDisputeOpened         EventType = "dispute.opened"
	EventDisputeClosed         EventType = "dispute.closed"
	EventOther                 EventType = "other"
)

// Dispute is a payment that the shopper's bank takes back, or wants to. What is to be done about it is done at the
// provider.
type Dispute struct {
	ProviderRef string       // the provider's own id of the dispute
	PaymentRef  string       // the provider's own id of the payment
	Reason      string       // such as "fraudulent"
	Status      string       // in the provider's words, such as "needs_response", "won" or "lost"
	Amount      money.Amount // that is disputed
}

// Event is one verified notice from a provider. It may come twice (same ID), late, before the answer to the call
// that caused it, or after a later one. Outcome and Refund are therefore what was true at OccurredAt, not now. In
// particular, a payment.failed may tell of a first try whose second succeeded, whichever notice comes first: a
// success outranks a failure.
type Event struct {
	ID         string // the provider's id of the event, the same in each delivery of it
	Type       EventType
	PaymentID  string        // ours; set for payment and refund events
	PaymentRef string        // the provider's own id of the payment; set for EventRefundMade where that does not know ours
	RefundID   string        // ours; set for refund events
	Outcome    Outcome       // set for payment events
	Refund     RefundOutcome // set for refund events
	Dispute    Dispute       // set for dispute events, which know the payment by Dispute.PaymentRef
	OccurredAt time.Time     // when it happened by the provider's clock, UTC
}

// What can go wrong with a provider. Only ErrUnavailable is worth a retry of the same call.
var (
	// ErrUnavailable means that the provider did not answer, or not sensibly, or that we do not ask it for a while
	// because it has been failing. What was asked may have happened. Retry later, with the same identifiers.
	ErrUnavailable = errors.New("payment provider unavailable")

	// ErrUnknownPayment means that the provider has no payment of that id.
	ErrUnknownPayment = errors.New("payment unknown to the provider")

	// ErrConflict means that the identifier was used before with other content. It is a fault of the caller.
	ErrConflict = errors.New("identifier used before with other content")

	// ErrRefundTooLarge means that the refund, with those before it, exceeds what was captured. Nothing was refunded.
	ErrRefundTooLarge = errors.New("refund exceeds what was captured")

	// ErrBadSignature means that a webhook was not signed by the provider, or too long ago. Do not read its body.
	ErrBadSignature = errors.New("bad webhook signature")

	// ErrBadEvent means that a webhook was signed by the provider but cannot be understood.
	ErrBadEvent = errors.New("bad webhook event")
)

// RejectedError is the provider's refusal of a request it read and did not like: a bad amount, an unknown method.
// Nothing happened, and the same request will be refused again. (That it does not know us, because of a wrong API key,
// is ErrUnavailable: nothing is wrong with the request, and it works once the key is right.)
type RejectedError struct {
	Status  int    // of HTTP; 0 if it was refused before it was sent
	Code    string // stable, for programs
	Message string // for people; holds no personal data
}

// Error returns the code and the message.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("payment provider rejected the request: %s: %s", e.Code, e.Message)
}
