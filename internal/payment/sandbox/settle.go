package sandbox

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"meridian/internal/payment"
)

// declinedFirst is the failure code of the first try of card_reordered.
const declinedFirst = "card_declined"

// settlePayment gives a payment that is due its final status. It returns the jobs that deliver the notices.
func (s *Server) settlePayment(id string) ([]job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.memory.payments[id]
	if p == nil || p.Status.Final() || p.DueAt.IsZero() {
		return nil, nil // cancelled meanwhile, or done before
	}
	plan, err := parseMethod(p.Method)
	if err != nil {
		return nil, err
	}
	_, jobs, err := s.conclude(*p, plan)
	return jobs, err
}

// conclude gives a payment its final status and records it together with its notices. It returns the jobs that
// deliver them. s.mu is held.
func (s *Server) conclude(p paymentState, plan plan) (*paymentState, []job, error) {
	p.Status, p.DueAt, p.ClientSecret = plan.end, time.Time{}, ""
	switch plan.end {
	case payment.StatusFailed:
		p.FailureCode = plan.failureCode
	case payment.StatusSucceeded:
		p.Captured = p.Amount.Minor
	}
	events, err := s.noticesOf(p, plan)
	if err != nil {
		return nil, nil, err
	}
	if err := s.save(record{Payment: &p, Events: events}); err != nil {
		return nil, nil, err
	}
	return &p, s.deliveryJobs(events), nil
}

// noticesOf makes the events of a payment that has just ended.
//
// A real provider lets the shopper try again within one payment: the first try fails, and its payment.failed shows the
// payment as it stood then; the second succeeds. It promises no order of delivery, and a first notice that has to be
// repeated arrives after the second. plan.reordered makes sure of that.
func (s *Server) noticesOf(p paymentState, plan plan) ([]*eventState, error) {
	types := map[payment.Status]payment.EventType{
		payment.StatusSucceeded: payment.EventPaymentSucceeded,
		payment.StatusFailed:    payment.EventPaymentFailed,
		payment.StatusCancelled: payment.EventPaymentCancelled,
	}
	last, err := newEvent(types[p.Status], s.cfg.Now(), p.json(), nil)
	if err != nil {
		return nil, err
	}
	last.Copies = plan.copies
	if !plan.reordered {
		return []*eventState{last}, nil
	}
	p.Status, p.FailureCode, p.Captured = payment.StatusFailed, declinedFirst, 0
	first, err := newEvent(payment.EventPaymentFailed, p.CreatedAt, p.json(), nil)
	if err != nil {
		return nil, err
	}
	first.After = last.ID
	return []*eventState{last, first}, nil
}

// newEvent returns a notice to be delivered once.
func newEvent(kind payment.EventType, at time.Time, p paymentJSON, refund *refundJSON) (*eventState, error) {
	p.ClientSecret = "" // whoever reads notices has no business with it
	event := eventJSON{ID: newID("evt"), Type: string(kind), OccurredAt: at.UTC(), Payment: &p, Refund: refund}
	body, err := json.Marshal(event)
	if err != nil {
		return nil, fmt.Errorf("encode an event: %w", err)
	}
	return &eventState{ID: event.ID, PaymentID: p.ID, Body: body, Copies: 1}, nil
}

// settleRefund gives a refund that is due its final status. It returns the jobs that deliver the notice.
func (s *Server) settleRefund(paymentID, refundID string) ([]job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.memory.payments[paymentID]
	if p == nil {
		return nil, nil
	}
	i, ok := p.refund(refundID)
	if !ok || p.Refunds[i].Status != payment.RefundPending {
		return nil, nil
	}
	plan, err := parseMethod(p.Method)
	if err != nil {
		return nil, err
	}
	next := *p
	next.Refunds = slices.Clone(p.Refunds)
	next.Refunds[i].Status, next.Refunds[i].DueAt = plan.refundEnd, time.Time{}
	return s.concludeRefund(next, i)
}

// concludeRefund records a payment whose refund i has just got its final status, together with the notice. s.mu is
// held.
func (s *Server) concludeRefund(p paymentState, i int) ([]job, error) {
	kind := payment.EventRefundSucceeded
	if p.Refunds[i].Status == payment.RefundFailed {
		kind = payment.EventRefundFailed
		p.Refunds[i].FailureCode = "refund_failed"
	}
	refund := p.refundJSON(i)
	event, err := newEvent(kind, s.cfg.Now(), p.json(), &refund)
	if err != nil {
		return nil, err
	}
	events := []*eventState{event}
	if err := s.save(record{Payment: &p, Events: events}); err != nil {
		return nil, err
	}
	return s.deliveryJobs(events), nil
}
