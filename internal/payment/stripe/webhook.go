package stripe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	stripego "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"meridian/internal/payment"
)

// ParseWebhook implements payment.Provider. It returns payment.ErrBadEvent for an event of another API release than
// APIVersion's, whose fields may mean something else. Stripe sends the event again for three days, in which the
// endpoint can be corrected; until then the workers ask.
func (c *Client) ParseWebhook(header http.Header, body []byte, now time.Time) (payment.Event, error) {
	signature := header.Get("Stripe-Signature")
	if !recent(signature, now) {
		return payment.Event{}, payment.ErrBadSignature
	}
	in, err := c.verify(signature, body)
	if err != nil {
		return payment.Event{}, err
	}
	event, err := eventOf(in)
	if err != nil {
		return payment.Event{}, fmt.Errorf("%w: %s: %w", payment.ErrBadEvent, in.Type, err)
	}
	return event, nil
}

// recent reports whether a signature was made within payment.SignatureTolerance of now. The library uses the
// machine's clock only, and accepts times in the future.
func recent(signature string, now time.Time) bool {
	for part := range strings.SplitSeq(signature, ",") {
		if text, ok := strings.CutPrefix(part, "t="); ok {
			seconds, err := strconv.ParseInt(text, 10, 64)
			return err == nil && now.Sub(time.Unix(seconds, 0)).Abs() <= payment.SignatureTolerance
		}
	}
	return false
}

// verify parses a body that is signed with one of the secrets.
func (c *Client) verify(signature string, body []byte) (stripego.Event, error) {
	// recent has compared the times.
	options := webhook.ConstructEventOptions{IgnoreTolerance: true}
	for _, secret := range c.cfg.WebhookSecrets {
		event, err := webhook.ConstructEventWithOptions(body, signature, secret, options)
		switch {
		case err == nil:
			return event, nil
		case errors.Is(err, webhook.ErrNoValidSignature):
			continue // perhaps it is the other secret's
		case errors.Is(err, webhook.ErrInvalidHeader), errors.Is(err, webhook.ErrNotSigned):
			return stripego.Event{}, payment.ErrBadSignature
		}
		// It is signed, and then not what the library takes. What it is stays out of the log.
		return stripego.Event{}, fmt.Errorf("%w: not an event of API version %s", payment.ErrBadEvent, APIVersion)
	}
	return stripego.Event{}, payment.ErrBadSignature
}

// eventOf converts an event whose signature is valid. It takes the state from the object in the event, as it was
// then.
func eventOf(in stripego.Event) (payment.Event, error) {
	event := payment.Event{ID: in.ID, Type: payment.EventOther, OccurredAt: time.Unix(in.Created, 0).UTC()}
	if in.ID == "" || in.Created <= 0 || in.Data == nil {
		return payment.Event{}, errors.New("event has no id, no time or no object")
	}
	switch in.Type {
	case stripego.EventTypePaymentIntentSucceeded, stripego.EventTypePaymentIntentPaymentFailed,
		stripego.EventTypePaymentIntentCanceled, stripego.EventTypePaymentIntentRequiresAction,
		stripego.EventTypePaymentIntentAmountCapturableUpdated:
		return withPayment(event, in)
	case stripego.EventTypeRefundCreated, stripego.EventTypeRefundUpdated, stripego.EventTypeRefundFailed,
		stripego.EventTypeChargeRefundUpdated:
		return withRefund(event, in)
	case stripego.EventTypeChargeDisputeCreated, stripego.EventTypeChargeDisputeClosed:
		return withDispute(event, in)
	}
	return event, nil
}

// announcements maps Stripe's events to ours, with the state of the payment they announce.
var announcements = map[stripego.EventType]struct {
	event  payment.EventType
	status payment.Status
}{
	stripego.EventTypePaymentIntentSucceeded:               {payment.EventPaymentSucceeded, payment.StatusSucceeded},
	stripego.EventTypePaymentIntentPaymentFailed:           {payment.EventPaymentFailed, payment.StatusFailed},
	stripego.EventTypePaymentIntentCanceled:                {payment.EventPaymentCancelled, payment.StatusCancelled},
	stripego.EventTypePaymentIntentRequiresAction:          {payment.EventPaymentRequiresAction, payment.StatusRequiresAction},
	stripego.EventTypePaymentIntentAmountCapturableUpdated: {payment.EventPaymentAuthorized, payment.StatusAuthorized},
}

// withPayment adds the payment that an event is about. It ignores a payment that is not the shop's, since others may
// use the account, and one whose state is not the announced one, such as an intent closed after it was declined.
func withPayment(event payment.Event, in stripego.Event) (payment.Event, error) {
	var intent stripego.PaymentIntent
	if err := json.Unmarshal(in.Data.Raw, &intent); err != nil {
		return payment.Event{}, errors.New("its payment cannot be read")
	}
	announced := announcements[in.Type]
	if intent.Metadata[metaPayment] == "" || statusOf(&intent) != announced.status {
		return event, nil
	}
	outcome, err := outcomeOf(&intent)
	if err != nil {
		return payment.Event{}, err
	}
	event.Type, event.PaymentID, event.Outcome = announced.event, intent.Metadata[metaPayment], outcome
	return event, nil
}

// withRefund adds the refund that an event is about, once it has ended. A refund made in Stripe's dashboard has no id
// of ours: of that the event tells only which payment it is of, since whatever else it says may be old.
func withRefund(event payment.Event, in stripego.Event) (payment.Event, error) {
	var refund stripego.Refund
	if err := json.Unmarshal(in.Data.Raw, &refund); err != nil {
		return payment.Event{}, errors.New("its refund cannot be read")
	}
	if refund.Metadata[metaRefund] == "" || refund.Metadata[metaPayment] == "" {
		return madeInDashboard(event, refund.PaymentIntent), nil
	}
	outcome, err := refundOutcomeOf(&refund)
	if err != nil {
		return payment.Event{}, err
	}
	switch outcome.Status {
	case payment.RefundSucceeded:
		event.Type = payment.EventRefundSucceeded
	case payment.RefundFailed:
		event.Type = payment.EventRefundFailed
	default:
		return event, nil
	}
	event.PaymentID, event.RefundID, event.Refund = refund.Metadata[metaPayment], refund.Metadata[metaRefund], outcome
	return event, nil
}

// madeInDashboard returns an event about a refund, of a payment, that the shop did not ask for. It ignores one of a charge
// that no PaymentIntent made, which is not the shop's.
func madeInDashboard(event payment.Event, intent *stripego.PaymentIntent) payment.Event {
	if intent == nil || intent.ID == "" {
		return event
	}
	event.Type, event.PaymentRef = payment.EventRefundMade, intent.ID
	return event
}

// withDispute adds the dispute that an event is about. A dispute names the payment by Stripe's id only: PaymentOf
// finds ours.
func withDispute(event payment.Event, in stripego.Event) (payment.Event, error) {
	var dispute stripego.Dispute
	if err := json.Unmarshal(in.Data.Raw, &dispute); err != nil {
		return payment.Event{}, errors.New("its dispute cannot be read")
	}
	if dispute.PaymentIntent == nil || dispute.PaymentIntent.ID == "" {
		return event, nil // of a charge that no PaymentIntent made: not ours
	}
	event.Type = payment.EventDisputeOpened
	if in.Type == stripego.EventTypeChargeDisputeClosed {
		event.Type = payment.EventDisputeClosed
	}
	event.Dispute = payment.Dispute{
		ProviderRef: dispute.ID, PaymentRef: dispute.PaymentIntent.ID, Reason: string(dispute.Reason), Status: string(dispute.Status),
	}
	if amount, err := fromStripe(dispute.Amount, dispute.Currency); err == nil { // without one it is to be noted too
		event.Dispute.Amount = amount
	}
	return event, nil
}
