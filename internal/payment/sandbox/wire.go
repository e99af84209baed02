package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// Bounds of what is read, in bytes.
const (
	maxRequestBytes  = 1 << 20 // of a request to the server
	maxResponseBytes = 1 << 20 // of an answer to the client
)

// The codes of errors, as the API sends them.
const (
	codeUnauthorized   = "unauthorized"
	codeBadRequest     = "bad_request"
	codeUnknownPayment = "unknown_payment"
	codeUnknownRefund  = "unknown_refund"
	codeConflict       = "idempotency_conflict"
	codeRefundTooLarge = "refund_too_large"
	codeNotWaiting     = "not_waiting"
	codeUnavailable    = "unavailable"
	codeInternal       = "internal"
)

// amountJSON is money on the wire.
type amountJSON struct {
	Minor    int64  `json:"minor"`
	Currency string `json:"currency"`
}

// newAmountJSON encodes an amount.
func newAmountJSON(a money.Amount) amountJSON {
	return amountJSON{Minor: a.Minor, Currency: string(a.Currency)}
}

// amount decodes an amount, whose currency must exist.
func (a amountJSON) amount() (money.Amount, error) {
	currency, err := money.ParseCurrency(a.Currency)
	return money.Amount{Minor: a.Minor, Currency: currency}, err
}

// lineJSON is a line of a payment on the wire.
type lineJSON struct {
	SKU      string     `json:"sku"`
	Title    string     `json:"title"`
	Quantity int64      `json:"quantity"`
	Total    amountJSON `json:"total"`
}

// startJSON is the body of POST /v1/payments.
type startJSON struct {
	ID        string     `json:"id"`
	OrderID   string     `json:"order_id"`
	Amount    amountJSON `json:"amount"`
	Lines     []lineJSON `json:"lines"`
	Method    string     `json:"method"`
	ReturnURL string     `json:"return_url,omitempty"`
}

// newStartJSON encodes a payment to be started.
func newStartJSON(in payment.StartInput) startJSON {
	out := startJSON{
		ID: in.PaymentID, OrderID: in.OrderID, Amount: newAmountJSON(in.Amount),
		Lines: make([]lineJSON, 0, len(in.Lines)), Method: in.Method, ReturnURL: in.ReturnURL,
	}
	for _, line := range in.Lines {
		out.Lines = append(out.Lines, lineJSON{line.SKU, line.Title, line.Quantity, newAmountJSON(line.Total)})
	}
	return out
}

// input decodes a payment to be started, and validates it.
func (b startJSON) input() (payment.StartInput, error) {
	amount, err := b.Amount.amount()
	if err != nil {
		return payment.StartInput{}, fmt.Errorf("amount: %w", err)
	}
	in := payment.StartInput{PaymentID: b.ID, OrderID: b.OrderID, Amount: amount, Method: b.Method, ReturnURL: b.ReturnURL}
	for i, line := range b.Lines {
		total, err := line.Total.amount()
		if err != nil {
			return payment.StartInput{}, fmt.Errorf("line %d: %w", i, err)
		}
		in.Lines = append(in.Lines, payment.Line{SKU: line.SKU, Title: line.Title, Quantity: line.Quantity, Total: total})
	}
	return in, in.Validate()
}

// paymentJSON is a payment on the wire, in answers and in webhooks.
type paymentJSON struct {
	ID            string         `json:"id"`
	OrderID       string         `json:"order_id"`
	Reference     string         `json:"reference"`
	Status        payment.Status `json:"status"`
	FailureCode   string         `json:"failure_code,omitempty"`
	ClientSecret  string         `json:"client_secret,omitempty"`
	Amount        amountJSON     `json:"amount"`
	CapturedMinor int64          `json:"captured_minor"`
	RefundedMinor int64          `json:"refunded_minor"`
	CreatedAt     time.Time      `json:"created_at"`
}

// outcome decodes a payment. It fails if its status and amounts contradict each other.
func (p paymentJSON) outcome() (payment.Outcome, error) {
	amount, err := p.Amount.amount()
	if err != nil {
		return payment.Outcome{}, err
	}
	if !p.Status.Valid() {
		return payment.Outcome{}, fmt.Errorf("payment has the unknown status %q", p.Status)
	}
	if captured := p.Status == payment.StatusSucceeded; captured != (p.CapturedMinor > 0) || p.CapturedMinor > amount.Minor {
		return payment.Outcome{}, fmt.Errorf("payment is %s with %d of %d captured", p.Status, p.CapturedMinor, amount.Minor)
	}
	return payment.Outcome{
		Status: p.Status, ProviderRef: p.Reference, FailureCode: p.FailureCode, ClientSecret: p.ClientSecret,
		Amount: amount, CapturedMinor: p.CapturedMinor,
	}, nil
}

// refundInputJSON is the body of POST /v1/refunds.
type refundInputJSON struct {
	ID        string     `json:"id"`
	PaymentID string     `json:"payment_id"`
	Amount    amountJSON `json:"amount"`
}

// refundJSON is a refund on the wire, in answers and in webhooks.
type refundJSON struct {
	ID          string               `json:"id,omitempty"` // the shop's; none for a refund that was made by hand
	PaymentID   string               `json:"payment_id"`
	Reference   string               `json:"reference"`
	Status      payment.RefundStatus `json:"status"`
	FailureCode string               `json:"failure_code,omitempty"`
	Amount      amountJSON           `json:"amount"`
	CreatedAt   time.Time            `json:"created_at"`
}

// outcome decodes a refund. It fails if its status or currency is unknown.
func (r refundJSON) outcome() (payment.RefundOutcome, error) {
	amount, err := r.Amount.amount()
	if err != nil {
		return payment.RefundOutcome{}, err
	}
	if !r.Status.Valid() {
		return payment.RefundOutcome{}, fmt.Errorf("refund has the unknown status %q", r.Status)
	}
	return payment.RefundOutcome{Status: r.Status, ProviderRef: r.Reference, FailureCode: r.FailureCode, Amount: amount}, nil
}

// eventJSON is the body of a webhook. Payment shows the payment as it was when the event happened.
type eventJSON struct {
	ID         string       `json:"id"`
	Type       string       `json:"type"`
	OccurredAt time.Time    `json:"occurred_at"`
	Payment    *paymentJSON `json:"payment,omitempty"`
	Refund     *refundJSON  `json:"refund,omitempty"`
}

// errorJSON is the body of every answer that is not 2xx.
type errorJSON struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

// apiError is an answer that is not 2xx.
type apiError struct {
	status  int
	code    string
	message string
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

// badRequest returns a 400 that says what to change.
func badRequest(err error) error {
	return &apiError{http.StatusBadRequest, codeBadRequest, err.Error()}
}

// unavailable returns a 503: nothing happened, and a later try may work.
func unavailable(message string) error {
	return &apiError{http.StatusServiceUnavailable, codeUnavailable, message}
}

// readJSON decodes one JSON object without unknown fields. It returns an apiError for anything else.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return &apiError{http.StatusRequestEntityTooLarge, codeBadRequest, fmt.Sprintf("body is larger than %d bytes", maxRequestBytes)}
	}
	if err != nil {
		return badRequest(fmt.Errorf("read the body: %w", err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badRequest(errors.New("read the body: want one JSON object and nothing after it"))
	}
	return nil
}

// writeJSON writes an answer. It fails only if the caller has gone.
func writeJSON(w http.ResponseWriter, status int, body any) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	return json.NewEncoder(w).Encode(body)
}
