package order_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"meridian/internal/payment"
)

// bank is a payment provider whose answers the tests choose. It keeps no more than it was told.
type bank struct {
	mu       sync.Mutex
	outcomes map[string]payment.Outcome // by payment id
	refunds  map[string]payment.RefundInput
	started  map[string]payment.StartInput
	calls    map[string]int // by method

	asked    func(ctx context.Context)                            // by Find, before it answers; nil: nothing
	onStart  func(in payment.StartInput) (payment.Outcome, error) // nil: processing
	onFind   error
	onCancel error
	onRefund func(in payment.RefundInput) (payment.RefundOutcome, error) // nil: succeeded
}

func newBank() *bank {
	return &bank{
		outcomes: map[string]payment.Outcome{}, refunds: map[string]payment.RefundInput{},
		started: map[string]payment.StartInput{}, calls: map[string]int{},
	}
}

func (b *bank) Name() string { return "bank" }

func (b *bank) CheckMethod(string) error { return nil }

// set says what the bank will answer about a payment from now on.
func (b *bank) set(id string, outcome payment.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[id] = outcome
}

func (b *bank) Start(_ context.Context, in payment.StartInput) (payment.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["start"]++
	if err := in.Validate(); err != nil {
		return payment.Outcome{}, &payment.RejectedError{Code: "invalid", Message: err.Error()}
	}
	b.started[in.PaymentID] = in
	outcome, err := payment.Outcome{Status: payment.StatusProcessing, ProviderRef: "bank_1", Amount: in.Amount}, error(nil)
	if b.onStart != nil {
		outcome, err = b.onStart(in)
	}
	if err == nil {
		b.outcomes[in.PaymentID] = outcome
	}
	return outcome, err
}

func (b *bank) Find(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	if b.asked != nil {
		b.asked(ctx)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["find"]++
	if b.onFind != nil {
		return payment.Outcome{}, b.onFind
	}
	outcome, ok := b.outcomes[asked.PaymentID]
	if !ok {
		return payment.Outcome{}, payment.ErrUnknownPayment
	}
	return outcome, nil
}

func (b *bank) Cancel(_ context.Context, asked payment.Asked) (payment.Outcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["cancel"]++
	if b.onCancel != nil {
		return payment.Outcome{}, b.onCancel
	}
	outcome, ok := b.outcomes[asked.PaymentID]
	if !ok {
		return payment.Outcome{}, payment.ErrUnknownPayment
	}
	if !outcome.Status.Final() {
		outcome.Status = payment.StatusCancelled
		b.outcomes[asked.PaymentID] = outcome
	}
	return outcome, nil
}

func (b *bank) Refund(_ context.Context, in payment.RefundInput) (payment.RefundOutcome, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls["refund"]++
	b.refunds[in.RefundID] = in
	if b.onRefund != nil {
		return b.onRefund(in)
	}
	return payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: "bank_r1", Amount: in.Amount}, nil
}

func (b *bank) ParseWebhook(http.Header, []byte, time.Time) (payment.Event, error) {
	return payment.Event{}, errors.New("the bank sends no webhooks")
}

// repaid is what the bank was told to give back of a payment.
func (b *bank) repaid(id string) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	var sum int64
	for _, refund := range b.refunds {
		if refund.PaymentID == id {
			sum += refund.Amount.Minor
		}
	}
	return sum
}
