package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meridian/internal/payment"
)

// ParseWebhook implements payment.Provider.
func (c *Client) ParseWebhook(header http.Header, body []byte, now time.Time) (payment.Event, error) {
	if err := verify(header, body, c.cfg.WebhookSecret, now); err != nil {
		return payment.Event{}, err
	}
	event, err := parseEvent(body)
	if err != nil {
		return payment.Event{}, fmt.Errorf("%w: %w", payment.ErrBadEvent, err)
	}
	return event, nil
}

// parseEvent parses a body whose signature is valid. Unknown fields and types are those of a newer sandbox and no
// error.
func parseEvent(body []byte) (payment.Event, error) {
	var in eventJSON
	if err := json.Unmarshal(body, &in); err != nil {
		return payment.Event{}, err
	}
	if in.ID == "" || len(in.ID) > maxIDBytes || in.OccurredAt.IsZero() {
		return payment.Event{}, errors.New("event has no id or no time")
	}
	event := payment.Event{ID: in.ID, Type: payment.EventType(in.Type), OccurredAt: in.OccurredAt.UTC()}
	switch event.Type {
	case payment.EventPaymentSucceeded, payment.EventPaymentFailed, payment.EventPaymentCancelled:
		return withPayment(event, in.Payment)
	case eventRefundCreated, payment.EventRefundSucceeded, payment.EventRefundFailed:
		return withRefund(event, in.Refund)
	default:
		event.Type = payment.EventOther
		return event, nil
	}
}

// withPayment adds the payment that an event is about. It fails if the two disagree.
func withPayment(event payment.Event, in *paymentJSON) (payment.Event, error) {
	if in == nil || in.ID == "" || len(in.ID) > maxIDBytes {
		return payment.Event{}, fmt.Errorf("%s without a payment", event.Type)
	}
	outcome, err := in.outcome()
	if err != nil {
		return payment.Event{}, err
	}
	want := map[payment.EventType]payment.Status{
		payment.EventPaymentSucceeded: payment.StatusSucceeded,
		payment.EventPaymentFailed:    payment.StatusFailed,
		payment.EventPaymentCancelled: payment.StatusCancelled,
	}
	if outcome.Status != want[event.Type] {
		return payment.Event{}, fmt.Errorf("%s about a payment that is %s", event.Type, outcome.Status)
	}
	event.PaymentID, event.Outcome = in.ID, outcome
	return event, nil
}

// withRefund adds the refund that an event is about. It fails if the two disagree.
func withRefund(event payment.Event, in *refundJSON) (payment.Event, error) {
	if in == nil || in.PaymentID == "" || len(in.ID) > maxIDBytes || len(in.PaymentID) > maxIDBytes {
		return payment.Event{}, fmt.Errorf("%s without a refund", event.Type)
	}
	if in.ID == "" { // made by hand
		event.Type, event.PaymentID = payment.EventRefundMade, in.PaymentID
		return event, nil
	}
	outcome, err := in.outcome()
	if err != nil {
		return payment.Event{}, err
	}
	want := map[payment.EventType]payment.RefundStatus{
		payment.EventRefundSucceeded: payment.RefundSucceeded,
		payment.EventRefundFailed:    payment.RefundFailed,
	}
	if outcome.Status != want[event.Type] {
		return payment.Event{}, fmt.Errorf("%s about a refund that is %s", event.Type, outcome.Status)
	}
	event.PaymentID, event.RefundID, event.Refund = in.PaymentID, in.ID, outcome
	return event, nil
}
