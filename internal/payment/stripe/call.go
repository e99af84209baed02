package stripe

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/sony/gobreaker/v2"
	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// ask makes one call through the breaker. Its errors are those of the provider's contract; a rejection by Stripe
// itself is a *refusal.
func ask[T any](c *Client, call func() (T, error)) (T, error) {
	var answer T
	_, err := c.breaker.Execute(func() (none struct{}, err error) {
		answer, err = call()
		return none, err
	})
	if err != nil {
		var none T
		return none, asProviderError(err)
	}
	return answer, nil
}

// answered reports whether Stripe answered, even if it rejected the call.
func answered(err error) bool {
	var said *stripego.Error
	return err == nil || errors.As(err, &said) && said.HTTPStatusCode < 500 && said.HTTPStatusCode != http.StatusTooManyRequests
}

// refusal is Stripe's rejection of a call. The library's own error prints all that Stripe sent, names and addresses
// included; only the fields here are passed on.
type refusal struct {
	status                     int
	kind, code, decline, param string
	request                    string
	means                      error // in the provider's contract
}

// Error lists what Stripe's support would ask for.
func (r *refusal) Error() string {
	text := fmt.Sprintf("stripe answered %d %s", r.status, r.kind)
	for _, part := range []string{r.code, r.decline, r.param, r.request} {
		if part != "" {
			text += " " + part
		}
	}
	return text
}

// Unwrap returns the error of the provider's contract that the refusal stands for.
func (r *refusal) Unwrap() error { return r.means }

// asProviderError turns everything but a rejection by Stripe into payment.ErrUnavailable.
func asProviderError(err error) error {
	var said *stripego.Error
	var network *url.Error
	switch {
	case errors.As(err, &said):
		return newRefusal(said)
	case errors.As(err, &network):
		return fmt.Errorf("%w: %w", payment.ErrUnavailable, network.Err)
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	return fmt.Errorf("%w: stripe's answer cannot be read", payment.ErrUnavailable) // the error would quote it
}

func newRefusal(said *stripego.Error) *refusal {
	r := &refusal{
		status: said.HTTPStatusCode, kind: string(said.Type), code: string(said.Code), decline: string(said.DeclineCode),
		param: said.Param, request: said.RequestID,
	}
	r.means = meaning(r)
	return r
}

// meaning reads a refusal. A key that is wrong or may too little is no fault of the request: it works once the key is
// right.
func meaning(r *refusal) error {
	switch r.status {
	case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound:
	default: // 401 and 403, 409 while another call has the key or the lock, 429, 5xx
		return payment.ErrUnavailable
	}
	switch {
	case r.kind == string(stripego.ErrorTypeIdempotency):
		return payment.ErrConflict
	case r.status == http.StatusNotFound && r.code == string(stripego.ErrorCodeResourceMissing):
		return payment.ErrUnknownPayment
	case r.status == http.StatusNotFound, r.kind == "": // not Stripe's doing
		return payment.ErrUnavailable
	}
	return &payment.RejectedError{Status: r.status, Code: cmp.Or(r.decline, r.code, r.kind), Message: "stripe refuses " +
		cmp.Or(r.param, "it")}
}

// isRefusal reports whether err is a refusal with one of the codes.
func isRefusal(err error, codes ...stripego.ErrorCode) bool {
	var r *refusal
	return errors.As(err, &r) && slices.Contains(codes, stripego.ErrorCode(r.code))
}
