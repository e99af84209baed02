package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/cenkalti/backoff/v5"

	"meridian/internal/payment"
)

// call sends a request until it is answered, at most Tries times and within Timeout, and decodes the answer into out.
// All calls are idempotent, so each may be repeated.
func (c *Client) call(ctx context.Context, method, path, key string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	try := func() ([]byte, error) {
		answer, err := c.breaker.Execute(func() ([]byte, error) { return c.try(ctx, method, path, key, body) })
		if err != nil && !isRetryable(err) {
			return nil, backoff.Permanent(err)
		}
		return answer, err
	}
	answer, err := backoff.Retry(ctx, try, backoff.WithBackOff(c.newBackOff()), backoff.WithMaxTries(uint(c.cfg.Tries)))
	if err != nil {
		return asProviderError(err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%w: decode the answer: %w", payment.ErrUnavailable, err)
	}
	return nil
}

// newBackOff returns the pauses between the tries of one call.
func (c *Client) newBackOff() backoff.BackOff {
	spacing := backoff.NewExponentialBackOff() // with jitter of half either way
	spacing.InitialInterval = c.cfg.FirstBackoff
	spacing.MaxInterval = 20 * c.cfg.FirstBackoff
	return spacing
}

// retryableError is a try that got no answer, or one that another try may improve on.
type retryableError struct{ err error }

func (e *retryableError) Error() string { return e.err.Error() }
func (e *retryableError) Unwrap() error { return e.err }

// isRetryable reports whether the call may be tried again.
func isRetryable(err error) bool {
	return errors.As(err, new(*retryableError))
}

// asProviderError turns everything but the errors of the provider's contract into payment.ErrUnavailable: an open
// breaker, a broken connection, a missed deadline.
func asProviderError(err error) error {
	if errors.Is(err, payment.ErrUnavailable) || errors.Is(err, payment.ErrUnknownPayment) ||
		errors.Is(err, payment.ErrConflict) || errors.Is(err, payment.ErrRefundTooLarge) ||
		errors.As(err, new(*payment.RejectedError)) {
		return err
	}
	return fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
}

// try sends a request once, and returns the body of a 2xx.
func (c *Client) try(ctx context.Context, method, path, key string, body []byte) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.cfg.BaseURL+path, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.cfg.APIKey)
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, &retryableError{err}
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxResponseBytes+1))
	if err == nil && len(answer) > maxResponseBytes {
		err = fmt.Errorf("answer is larger than %d bytes", maxResponseBytes)
	}
	if err != nil {
		return nil, &retryableError{fmt.Errorf("read the answer: %w", err)}
	}
	if response.StatusCode/100 == 2 {
		return answer, nil
	}
	return nil, errorOf(response.StatusCode, answer)
}

// errorOf maps an answer that is not 2xx to an error. It believes a code only with the status that the sandbox sends
// with it: a proxy's 404 does not mean that there is no such payment.
func errorOf(status int, body []byte) error {
	var sent errorJSON
	_ = json.Unmarshal(body, &sent) // without a body that can be read, the status has to do
	switch code := sent.Error.Code; {
	case status == http.StatusNotFound && code == codeUnknownPayment:
		return payment.ErrUnknownPayment
	case status == http.StatusUnprocessableEntity && code == codeConflict:
		return payment.ErrConflict
	case status == http.StatusUnprocessableEntity && code == codeRefundTooLarge:
		return fmt.Errorf("%w: %s", payment.ErrRefundTooLarge, sent.Error.Message)
	case status == http.StatusBadRequest && code != "", status == http.StatusUnprocessableEntity && code != "":
		return &payment.RejectedError{Status: status, Code: code, Message: sent.Error.Message}
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return &retryableError{fmt.Errorf("%w: answered %d %s", payment.ErrUnavailable, status, code)}
	default: // a wrong key, a wrong address, a proxy that has its own mind: nothing is wrong with the request
		return fmt.Errorf("%w: answered %d %s", payment.ErrUnavailable, status, code)
	}
}
