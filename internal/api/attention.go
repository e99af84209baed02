package api

import (
	"errors"
	"net/http"
	"time"

	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/regions"
)

// attentionResponse is what no worker can finish: payments and refunds that wait for a person. More says that there are
// others of one of the regions.
type attentionResponse struct {
	Regions  []string             `json:"regions"`
	Payments []setAsideResponse   `json:"payments"`
	Refunds  []owedRefundResponse `json:"refunds"`
	More     bool                 `json:"more"`
}

type setAsideResponse struct {
	operatorPaymentResponse
	SetAsideAt time.Time `json:"set_aside_at"`
}

// operatorPaymentResponse is a payment as operators see it.
type operatorPaymentResponse struct {
	paymentResponse
	Order       string         `json:"order_id"`
	Currency    money.Currency `json:"currency"`
	Method      string         `json:"method"`
	ProviderRef string         `json:"provider_ref"`
	Attempts    int64          `json:"attempts"`
	CreatedAt   time.Time      `json:"created_at"`
}

// owedRefundResponse is a refund that failed, with its order.
type owedRefundResponse struct {
	refundResponse
	Order string `json:"order_id"`
}

// listAttention answers payments that were set aside and refunds that failed to operators, of all regions or of one.
func (s *Server) listAttention(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	q := newQuery(r)
	homes, limit := s.homes(q), q.Int("limit", defaultPageSize, 1, maxPageSize)
	if err := q.Err(); err != nil {
		return err
	}
	found, err := s.Orders.Attention(r.Context(), homes, limit+1)
	if err != nil {
		return err
	}
	answer := attentionResponse{Regions: homes, More: len(found.Payments) > limit || len(found.Refunds) > limit}
	for _, p := range found.Payments[:min(limit, len(found.Payments))] {
		answer.Payments = append(answer.Payments, setAsideResponse{s.newOperatorPaymentResponse(p.Payment), p.At.UTC()})
	}
	for _, f := range found.Refunds[:min(limit, len(found.Refunds))] {
		of := regions.Ref{Region: f.Ref.Region, ID: f.OrderID}
		answer.Refunds = append(answer.Refunds, owedRefundResponse{s.newRefundResponse(f), s.Orders.PublicID(of)})
	}
	return writeJSON(w, http.StatusOK, answer)
}

func (s *Server) newOperatorPaymentResponse(p payment.Payment) operatorPaymentResponse {
	return operatorPaymentResponse{
		paymentResponse: paymentResponse{
			ID: s.Orders.PaymentID(p.Ref), Provider: p.Provider, Status: p.State, FailureCode: p.FailureCode, AmountMinor: p.AmountMinor,
			CapturedMinor: p.CapturedMinor, RefundedMinor: p.RefundedMinor,
		},
		Order: s.Orders.PublicID(regions.Ref{Region: p.Ref.Region, ID: p.OrderID}), Currency: p.Currency, Method: p.Method,
		ProviderRef: p.ProviderRef, Attempts: p.Attempts, CreatedAt: p.CreatedAt.UTC(),
	}
}

// paymentViewResponse is a payment with what its provider says of it now: Said, or why there is none.
type paymentViewResponse struct {
	operatorPaymentResponse
	Said      *saidResponse `json:"provider_says"`
	SaidError string        `json:"provider_error,omitzero"`
}

type saidResponse struct {
	Status        payment.Status `json:"status"`
	ProviderRef   string         `json:"provider_ref"`
	FailureCode   string         `json:"failure_code,omitzero"`
	Currency      money.Currency `json:"currency"`
	AmountMinor   int64          `json:"amount_minor"`
	CapturedMinor int64          `json:"captured_minor"`
}

// getOperatorPayment answers a payment to operators, and asks its provider about it.
func (s *Server) getOperatorPayment(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	ref, err := s.pathRef(r, "payment_id", regions.PaymentPrefix)
	if err != nil {
		return err
	}
	view, err := s.Orders.ViewPayment(r.Context(), ref)
	if err != nil {
		return err
	}
	answer := paymentViewResponse{operatorPaymentResponse: s.newOperatorPaymentResponse(view.Payment)}
	switch {
	case view.SaidErr == nil:
		answer.Said = &saidResponse{
			Status: view.Said.Status, ProviderRef: view.Said.ProviderRef, FailureCode: view.Said.FailureCode,
			Currency: view.Said.Amount.Currency, AmountMinor: view.Said.Amount.Minor, CapturedMinor: view.Said.CapturedMinor,
		}
	case errors.Is(view.SaidErr, payment.ErrUnknownPayment):
		answer.SaidError = "unknown"
	case errors.Is(view.SaidErr, order.ErrUnknownProvider):
		answer.SaidError = "no_such_provider"
	default:
		answer.SaidError = "unavailable"
	}
	return writeJSON(w, http.StatusOK, answer)
}

// checkPayment has a worker ask the provider about an open payment at once, as if it had not been set aside.
func (s *Server) checkPayment(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.require(r, roleOperator); err != nil {
		return err
	}
	ref, err := s.pathRef(r, "payment_id", regions.PaymentPrefix)
	if err != nil {
		return err
	}
	if err := s.Orders.CheckPayment(r.Context(), ref); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}
