package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// maxRefunds bounds the refunds of one payment.
const maxRefunds = 100

// createRefund handles POST /v1/refunds: it creates a refund, or answers with the one of that id.
func (s *Server) createRefund(w http.ResponseWriter, r *http.Request) error {
	var body refundInputJSON
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if err := checkKey(r, body.ID); err != nil {
		return err
	}
	amount, err := body.Amount.amount()
	if err != nil {
		return badRequest(fmt.Errorf("amount: %w", err))
	}
	if amount.Minor <= 0 {
		return badRequest(errors.New("amount: want more than zero"))
	}
	refund, jobs, err := s.refund(body, amount)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusCreated, refund, jobs)
}

func (s *Server) refund(body refundInputJSON, amount money.Amount) (refundJSON, []job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if owner, used := s.memory.refunds[body.ID]; used {
		refund, err := s.sameRefund(owner, body)
		return refund, nil, err
	}
	p, err := s.payment(body.PaymentID)
	if err != nil {
		return refundJSON{}, nil, err
	}
	if err := s.checkRefund(p, amount); err != nil {
		return refundJSON{}, nil, err
	}
	return s.addRefund(*p, refundState{ID: body.ID, Minor: body.Amount.Minor})
}

// sameRefund returns the existing refund if it is the one asked for, else a conflict. s.mu is held.
func (s *Server) sameRefund(owner string, body refundInputJSON) (refundJSON, error) {
	p, err := s.payment(owner)
	if err != nil {
		return refundJSON{}, err
	}
	i, ok := p.refund(body.ID)
	if !ok || p.ID != body.PaymentID || p.refundJSON(i).Amount != body.Amount {
		return refundJSON{}, conflict("refund", body.ID)
	}
	return p.refundJSON(i), nil
}

// checkRefund returns an error if the refund exceeds what was captured, or a limit.
func (s *Server) checkRefund(p *paymentState, amount money.Amount) error {
	if string(amount.Currency) != p.Amount.Currency {
		return badRequest(fmt.Errorf("amount: the payment is in %s: refund that", p.Amount.Currency))
	}
	if left := p.Captured - p.refunded(); amount.Minor > left {
		return &apiError{http.StatusUnprocessableEntity, codeRefundTooLarge, fmt.Sprintf("only %d can be refunded", left)}
	}
	if len(p.Refunds) >= maxRefunds {
		return &apiError{http.StatusUnprocessableEntity, "too_many_refunds", fmt.Sprintf("a payment has at most %d refunds", maxRefunds)}
	}
	if len(s.queue) >= s.cfg.MaxQueue {
		return unavailable("too many outcomes and webhooks are waiting")
	}
	return nil
}

// byHandJSON is the body of POST /v1/payments/{id}/refunds. It may be left out: then all that is left is given back.
type byHandJSON struct {
	Amount amountJSON `json:"amount"`
}

// refundByHand handles POST /v1/payments/{id}/refunds, which does what a dashboard's button does: it makes a refund that
// the shop did not ask for, and whose notices have no id of the shop's. Each call makes one.
func (s *Server) refundByHand(w http.ResponseWriter, r *http.Request) error {
	var body byHandJSON
	if r.ContentLength != 0 {
		if err := readJSON(w, r, &body); err != nil {
			return err
		}
	}
	refund, jobs, err := s.makeByHand(r.PathValue("id"), body)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusCreated, refund, jobs)
}

func (s *Server) makeByHand(id string, body byHandJSON) (refundJSON, []job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.payment(id)
	if err != nil {
		return refundJSON{}, nil, err
	}
	if body == (byHandJSON{}) {
		body.Amount = amountJSON{Minor: p.Captured - p.refunded(), Currency: p.Amount.Currency}
	}
	amount, err := body.Amount.amount()
	if err != nil {
		return refundJSON{}, nil, badRequest(fmt.Errorf("amount: %w", err))
	}
	if amount.Minor <= 0 {
		return refundJSON{}, nil, badRequest(errors.New("amount: want more than zero, and a payment of which something is left"))
	}
	if err := s.checkRefund(p, amount); err != nil {
		return refundJSON{}, nil, err
	}
	return s.addRefund(*p, refundState{Minor: amount.Minor, ByHand: true})
}

// addRefund records a refund that starts as the payment's card says. s.mu is held.
func (s *Server) addRefund(p paymentState, refund refundState) (refundJSON, []job, error) {
	plan, err := parseMethod(p.Method)
	if err != nil {
		return refundJSON{}, nil, err
	}
	now := s.cfg.Now().UTC()
	refund.Reference, refund.Status, refund.CreatedAt = newID("sbxr"), plan.refundStart, now
	if refund.ByHand {
		refund.ID = refund.Reference
	}
	p.Refunds = append(slices.Clone(p.Refunds), refund)
	i := len(p.Refunds) - 1
	if plan.refundEnd == "" {
		jobs, err := s.concludeRefund(p, i)
		return p.refundJSON(i), jobs, err
	}
	p.Refunds[i].DueAt = now.Add(s.delay(plan.refundDelay))
	jobs, err := s.savePending(p, i)
	return p.refundJSON(i), jobs, err
}

// savePending records a payment whose refund i has just been made and is pending. s.mu is held.
func (s *Server) savePending(p paymentState, i int) ([]job, error) {
	var events []*eventState
	if p.Refunds[i].ByHand { // the shop does not know of it yet
		made := p.refundJSON(i)
		event, err := newEvent(eventRefundCreated, made.CreatedAt, p.json(), &made)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	if err := s.save(record{Payment: &p, Events: events}); err != nil {
		return nil, err
	}
	settling := job{due: p.Refunds[i].DueAt, kind: settleRefundJob, id: p.ID, refundID: p.Refunds[i].ID}
	return append(s.deliveryJobs(events), settling), nil
}

// eventRefundCreated tells of a refund that was made by hand and is pending.
const eventRefundCreated payment.EventType = "refund.created"

// getRefund handles GET /v1/refunds/{id}.
func (s *Server) getRefund(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	p := s.memory.payments[s.memory.refunds[r.PathValue("id")]]
	s.mu.Unlock()
	if p != nil {
		if i, ok := p.refund(r.PathValue("id")); ok {
			return writeJSON(w, http.StatusOK, p.refundJSON(i))
		}
	}
	return &apiError{http.StatusNotFound, codeUnknownRefund, "no refund has this id"}
}
