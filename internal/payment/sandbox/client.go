package sandbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sony/gobreaker/v2"

	"meridian/internal/payment"
)

// Client calls a sandbox over HTTP. It implements payment.Provider and Ledger, and is safe for concurrent use.
type Client struct {
	cfg     ClientConfig
	http    *http.Client
	breaker *gobreaker.CircuitBreaker[[]byte]
}

var (
	_ payment.Provider = (*Client)(nil)
	_ payment.Ledger   = (*Client)(nil)
)

// ClientConfig says where the sandbox is, and bounds the calls to it. BaseURL and the two secrets have no default.
type ClientConfig struct {
	BaseURL       string // such as "http://127.0.0.1:8090"
	APIKey        string
	WebhookSecret string

	Timeout      time.Duration // of a call with all its tries; default 10s. The caller's deadline counts too.
	Tries        int           // of a call, when the sandbox fails or cannot be reached; default 3
	FirstBackoff time.Duration // before the second try, growing, with jitter; default 50ms

	// The circuit breaker opens when, within ten seconds, at least BreakerTries tries were made and four in five of
	// them failed. Then calls fail at once with payment.ErrUnavailable, until BreakerPause has passed and one works.
	// Cards that make the sandbox fail count as failures.
	BreakerTries int           // default 20
	BreakerPause time.Duration // default 5s

	Transport http.RoundTripper // default: one of its own; set it to add tracing
}

// breakerWindow is the time over which the breaker counts failures.
const breakerWindow = 10 * time.Second

// maxConnections bounds the connections to the sandbox.
const maxConnections = 256

// withDefaults returns the configuration with the defaults of what is not set.
func (c ClientConfig) withDefaults() ClientConfig {
	c.BaseURL = strings.TrimRight(c.BaseURL, "/")
	c.Timeout = cmp.Or(c.Timeout, 10*time.Second)
	c.Tries = cmp.Or(c.Tries, 3)
	c.FirstBackoff = cmp.Or(c.FirstBackoff, 50*time.Millisecond)
	c.BreakerTries = cmp.Or(c.BreakerTries, 20)
	c.BreakerPause = cmp.Or(c.BreakerPause, 5*time.Second)
	if c.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = 64, maxConnections
		c.Transport = transport
	}
	return c
}

// Validate reports every fault at once. A value that has a default may be left out.
func (c ClientConfig) Validate() error {
	var faults []error
	need := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New("sandbox client: "+fault))
		}
	}
	base, err := url.Parse(c.BaseURL)
	need(err == nil && (base.Scheme == "http" || base.Scheme == "https") && base.Host != "", "base url is not an http or https url")
	need(len(c.APIKey) >= minSecretBytes, "api key is too short: set the sandbox's")
	need(len(c.WebhookSecret) >= minSecretBytes, "webhook secret is too short: set the sandbox's")
	need(c.Timeout >= 0 && c.FirstBackoff >= 0 && c.BreakerPause >= 0, "a duration is below 0")
	need(c.Tries >= 0 && c.BreakerTries >= 0, "a number of tries is below 0")
	return errors.Join(faults...)
}

// NewClient checks the configuration. It does not call the sandbox.
func NewClient(cfg ClientConfig) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg.withDefaults()}
	c.http = &http.Client{
		Transport:     c.cfg.Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.breaker = gobreaker.NewCircuitBreaker[[]byte](gobreaker.Settings{
		Name:         "payment sandbox",
		Interval:     breakerWindow,
		Timeout:      c.cfg.BreakerPause,
		ReadyToTrip:  c.readyToTrip,
		IsSuccessful: func(err error) bool { return !isRetryable(err) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // the caller went
	})
	return c, nil
}

// readyToTrip reports whether the circuit opens after a failure.
func (c *Client) readyToTrip(counts gobreaker.Counts) bool {
	return counts.Requests >= uint32(c.cfg.BreakerTries) && uint64(counts.TotalFailures)*5 >= uint64(counts.Requests)*4
}

// Name implements payment.Provider.
func (c *Client) Name() string { return "sandbox" }

// CheckMethod implements payment.Provider.
func (c *Client) CheckMethod(method string) error {
	if _, err := parseMethod(method); err != nil {
		return errors.New("must be one of the sandbox's test cards, such as card_success: its page lists them")
	}
	return nil
}

// Start implements payment.Provider.
func (c *Client) Start(ctx context.Context, in payment.StartInput) (payment.Outcome, error) {
	if err := in.Validate(); err != nil {
		return payment.Outcome{}, fmt.Errorf("start payment: %w", &payment.RejectedError{Code: codeBadRequest, Message: err.Error()})
	}
	outcome, err := c.ask(ctx, http.MethodPost, "/v1/payments", in.PaymentID, in.PaymentID, newStartJSON(in))
	if err == nil && outcome.Amount != in.Amount {
		err = fmt.Errorf("%w: it answered about %s, not %s", payment.ErrUnavailable, outcome.Amount, in.Amount)
	}
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("start payment %s: %w", in.PaymentID, err)
	}
	return outcome, nil
}

// Find implements payment.Provider.
func (c *Client) Find(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	outcome, err := c.ask(ctx, http.MethodGet, "/v1/payments/"+url.PathEscape(asked.PaymentID), asked.PaymentID, "", nil)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("find payment %s: %w", asked.PaymentID, err)
	}
	return outcome, nil
}

// Cancel implements payment.Provider.
func (c *Client) Cancel(ctx context.Context, asked payment.Asked) (payment.Outcome, error) {
	path := "/v1/payments/" + url.PathEscape(asked.PaymentID) + "/cancel"
	outcome, err := c.ask(ctx, http.MethodPost, path, asked.PaymentID, "", nil)
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("cancel payment %s: %w", asked.PaymentID, err)
	}
	return outcome, nil
}

// ask makes a call about a payment and returns its outcome. An answer about another payment, or one that makes no
// sense, is payment.ErrUnavailable.
func (c *Client) ask(ctx context.Context, method, path, paymentID, key string, in any) (payment.Outcome, error) {
	var out paymentJSON
	if err := c.call(ctx, method, path, key, in, &out); err != nil {
		return payment.Outcome{}, err
	}
	outcome, err := out.outcome()
	if err == nil && out.ID != paymentID {
		err = errors.New("it answered about another payment")
	}
	if err != nil {
		return payment.Outcome{}, fmt.Errorf("%w: %w", payment.ErrUnavailable, err)
	}
	return outcome, nil
}

// Refund implements payment.Provider.
func (c *Client) Refund(ctx context.Context, in payment.RefundInput) (payment.RefundOutcome, error) {
	body := refundInputJSON{ID: in.RefundID, PaymentID: in.PaymentID, Amount: newAmountJSON(in.Amount)}
	var out refundJSON
	if err := c.call(ctx, http.MethodPost, "/v1/refunds", in.RefundID, body, &out); err != nil {
		return payment.RefundOutcome{}, fmt.Errorf("refund %s: %w", in.RefundID, err)
	}
	outcome, err := out.outcome()
	if err == nil && (out.ID != in.RefundID || out.PaymentID != in.PaymentID || outcome.Amount != in.Amount) {
		err = errors.New("it answered about another refund")
	}
	if err != nil {
		return payment.RefundOutcome{}, fmt.Errorf("refund %s: %w: %w", in.RefundID, payment.ErrUnavailable, err)
	}
	return outcome, nil
}
