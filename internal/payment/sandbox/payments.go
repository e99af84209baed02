package sandbox

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"meridian/internal/payment"
)

// maxIDBytes bounds the identifiers that callers choose.
const maxIDBytes = 255

// startPayment handles POST /v1/payments: it creates a payment, or answers with the one there is.
func (s *Server) startPayment(w http.ResponseWriter, r *http.Request) error {
	var body startJSON
	if err := readJSON(w, r, &body); err != nil {
		return err
	}
	if err := checkKey(r, body.ID); err != nil {
		return err
	}
	if _, err := body.input(); err != nil {
		return badRequest(err)
	}
	plan, err := parseMethod(body.Method)
	if err != nil {
		return badRequest(err)
	}
	if plan.answer == answerUnavailable {
		return unavailable("card_unavailable")
	}
	p, jobs, err := s.create(body, plan)
	if err != nil {
		return err
	}
	return s.answerStart(w, r, p, plan, jobs)
}

// checkKey requires the idempotency key to be the object's own id, so that only one of them decides what is the same.
func checkKey(r *http.Request, id string) error {
	if id == "" || len(id) > maxIDBytes {
		return badRequest(fmt.Errorf("id has %d bytes, want 1 to %d", len(id), maxIDBytes))
	}
	if r.Header.Get("Idempotency-Key") != id {
		return badRequest(errors.New("the Idempotency-Key header is not the id in the body: send the same in both"))
	}
	return nil
}

// create makes the payment unless there is one. It returns the jobs to queue once the call is answered.
func (s *Server) create(body startJSON, plan plan) (*paymentState, []job, error) {
	content, err := hashOf(body)
	if err != nil {
		return nil, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.memory.payments[body.ID]; p != nil {
		if p.Content != content {
			return nil, nil, conflict("payment", body.ID)
		}
		return p, nil, nil
	}
	if err := s.makeRoom(); err != nil {
		return nil, nil, err
	}
	p := s.newPayment(body, content, plan)
	if !plan.start.Final() {
		if err := s.save(record{Payment: &p}); err != nil {
			return nil, nil, err
		}
		return &p, settleJobs(&p), nil
	}
	return s.conclude(p, plan)
}

// newPayment returns a payment as it starts.
func (s *Server) newPayment(body startJSON, content string, plan plan) paymentState {
	now := s.cfg.Now().UTC()
	p := paymentState{
		ID: body.ID, OrderID: body.OrderID, Reference: newID("sbx"), Content: content, Method: body.Method,
		Status: plan.start, Amount: body.Amount, CreatedAt: now,
	}
	switch {
	case plan.start == payment.StatusRequiresAction:
		p.ClientSecret = newID("secret")
	case plan.start == payment.StatusProcessing && plan.end != "":
		p.DueAt = now.Add(s.delay(plan.delay))
	}
	return p
}

// hashOf returns a hash by which a repeated body is recognised.
func hashOf(body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", fmt.Errorf("encode the request: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// conflict returns a 422 for an id that names something else.
func conflict(what, id string) error {
	return &apiError{http.StatusUnprocessableEntity, codeConflict, fmt.Sprintf("%s %q exists with other content", what, id)}
}

// delay returns the card's own delay, or the configured one if it has none.
func (s *Server) delay(own time.Duration) time.Duration {
	if own > 0 {
		return own
	}
	return s.cfg.Delay
}

// maxForgetScan bounds the search for a payment that can be forgotten.
const maxForgetScan = 100

// makeRoom rejects new work when too much is waiting, and forgets the oldest settled payment when there are too many.
// s.mu is held.
func (s *Server) makeRoom() error {
	if s.closed {
		return unavailable("the sandbox is shutting down")
	}
	if len(s.queue) >= s.cfg.MaxQueue {
		return unavailable("too many outcomes and webhooks are waiting")
	}
	for range maxForgetScan {
		if len(s.memory.payments) < s.cfg.MaxPayments {
			return nil
		}
		id := s.memory.order[0]
		s.memory.order = s.memory.order[1:]
		switch p := s.memory.payments[id]; {
		case p == nil:
		case !p.settled():
			s.memory.order = append(s.memory.order, id) // its turn comes again
		default:
			if err := s.save(record{Forget: id}); err != nil {
				return err
			}
		}
	}
	return unavailable("too many payments are open")
}

// answerStart answers as the card says, true or not, and queues the jobs.
func (s *Server) answerStart(w http.ResponseWriter, r *http.Request, p *paymentState, plan plan, jobs []job) error {
	switch plan.answer {
	case answerError:
		s.push(jobs...)
		return &apiError{http.StatusInternalServerError, codeInternal, "card_error_then_success"}
	case answerHang:
		defer s.push(jobs...)
		return s.hang(r)
	case answerAfterNotice:
		s.doNow(r.Context(), jobs)
		return writeJSON(w, http.StatusCreated, p.json()) // as it was before
	default:
		return s.answer(w, http.StatusCreated, p.json(), jobs)
	}
}

// hang waits until the caller has given up.
func (s *Server) hang(r *http.Request) error {
	limit := time.NewTimer(s.cfg.HangFor)
	defer limit.Stop()
	select {
	case <-r.Context().Done():
		return r.Context().Err()
	case <-s.closing:
	case <-limit.C:
	}
	return &apiError{http.StatusGatewayTimeout, codeUnavailable, "card_timeout"}
}

// answer sends the answer and only then queues the jobs.
func (s *Server) answer(w http.ResponseWriter, status int, body any, jobs []job) error {
	s.answering.RLock()
	defer s.answering.RUnlock()
	defer s.push(jobs...)
	if err := writeJSON(w, status, body); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return nil
}

// getPayment handles GET /v1/payments/{id}.
func (s *Server) getPayment(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	p, err := s.payment(r.PathValue("id"))
	s.mu.Unlock()
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, p.json())
}

// payment returns the payment of that id, or a 404. s.mu is held.
func (s *Server) payment(id string) (*paymentState, error) {
	if s.closed {
		return nil, unavailable("the sandbox is shutting down")
	}
	p := s.memory.payments[id]
	if p == nil {
		return nil, &apiError{http.StatusNotFound, codeUnknownPayment, "no payment has this id"}
	}
	return p, nil
}

// cancelPayment handles POST /v1/payments/{id}/cancel: it cancels a payment that can still be stopped, and answers
// with its state.
func (s *Server) cancelPayment(w http.ResponseWriter, r *http.Request) error {
	p, jobs, err := s.cancel(r.PathValue("id"))
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, p.json(), jobs)
}

func (s *Server) cancel(id string) (*paymentState, []job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.payment(id)
	if err != nil {
		return nil, nil, err
	}
	plan, err := parseMethod(p.Method)
	if err != nil {
		return nil, nil, err
	}
	if p.Status.Final() || plan.inFlight && p.Status == payment.StatusProcessing {
		return p, nil, nil
	}
	plan.end, plan.copies, plan.reordered = payment.StatusCancelled, 1, false
	return s.conclude(*p, plan)
}

// confirmJSON is the body of POST /v1/payments/{id}/confirm. A caller with the API key may leave it out.
type confirmJSON struct {
	ClientSecret string `json:"client_secret"`
}

// confirmPayment handles POST /v1/payments/{id}/confirm, by which a shopper authorises a payment.
func (s *Server) confirmPayment(w http.ResponseWriter, r *http.Request) error {
	var body confirmJSON
	keyed := s.hasKey(r)
	if !keyed || r.ContentLength != 0 {
		if err := readJSON(w, r, &body); err != nil {
			return err
		}
	}
	p, jobs, err := s.confirm(r.PathValue("id"), body.ClientSecret, keyed)
	if err != nil {
		return err
	}
	return s.answer(w, http.StatusOK, p.json(), jobs)
}

func (s *Server) confirm(id, secret string, keyed bool) (*paymentState, []job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := s.payment(id)
	if err != nil {
		return nil, nil, err
	}
	if !keyed && (p.ClientSecret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(p.ClientSecret)) != 1) {
		return nil, nil, &apiError{http.StatusUnauthorized, codeUnauthorized, "send the payment's client_secret"}
	}
	if p.Status != payment.StatusRequiresAction {
		return nil, nil, &apiError{http.StatusConflict, codeNotWaiting, fmt.Sprintf("payment is %s: there is nothing to confirm", p.Status)}
	}
	plan, err := parseMethod(p.Method)
	if err != nil {
		return nil, nil, err
	}
	next := *p
	next.Status = payment.StatusProcessing
	if plan.end != "" {
		next.DueAt = s.cfg.Now().UTC().Add(s.delay(plan.delay))
	}
	if err := s.save(record{Payment: &next}); err != nil {
		return nil, nil, err
	}
	return &next, settleJobs(&next), nil
}
