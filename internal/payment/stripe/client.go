package stripe

import (
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"time"

	"github.com/sony/gobreaker/v2"
	stripego "github.com/stripe/stripe-go/v85"

	"meridian/internal/payment"
)

// APIVersion is the version of Stripe's API that this package supports. The library sends it with every request and
// accepts no events of another release. A test fails if the library's version differs, so that an upgrade is a
// decision.
const APIVersion = "2026-03-25.dahlia"

// Client takes payments through Stripe. It implements payment.Provider, Capturer, Resolver and Ledger, and is safe for
// concurrent use. It shares nothing with other clients of the library in the same process.
type Client struct {
	cfg     Config
	stripe  *stripego.Client
	breaker *gobreaker.CircuitBreaker[struct{}]
}

var (
	_ payment.Provider = (*Client)(nil)
	_ payment.Capturer = (*Client)(nil)
	_ payment.Resolver = (*Client)(nil)
	_ payment.Ledger   = (*Client)(nil)
)

// New checks the configuration. It does not call Stripe.
func New(cfg Config) (*Client, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	c := &Client{cfg: cfg.withDefaults()}
	c.stripe = stripego.NewClient(c.cfg.SecretKey, stripego.WithBackends(stripego.NewBackendsWithConfig(&stripego.BackendConfig{
		URL:               new(c.cfg.BaseURL),
		HTTPClient:        c.newHTTPClient(),
		MaxNetworkRetries: new(int64(c.cfg.Retries)),
		EnableTelemetry:   new(false),
		// What it would log has bodies in it. What goes wrong is in the errors, without them.
		LeveledLogger: &stripego.LeveledLogger{Level: stripego.LevelNull},
	})))
	c.breaker = gobreaker.NewCircuitBreaker[struct{}](gobreaker.Settings{
		Name:         "stripe",
		Interval:     breakerWindow,
		Timeout:      c.cfg.BreakerPause,
		ReadyToTrip:  c.readyToTrip,
		IsSuccessful: answered,
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) }, // the caller went
	})
	return c, nil
}

// breakerWindow is the time over which the breaker counts failures.
const breakerWindow = 10 * time.Second

// readyToTrip reports whether the circuit opens after a failure.
func (c *Client) readyToTrip(counts gobreaker.Counts) bool {
	return counts.Requests >= uint32(c.cfg.BreakerTries) && uint64(counts.TotalFailures)*5 >= uint64(counts.Requests)*4
}

func (c *Client) newHTTPClient() *http.Client {
	return &http.Client{
		Transport:     bounded{c.cfg.Transport},
		Timeout:       c.cfg.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// maxAnswerBytes bounds an answer. A page of a hundred refunds has some hundred kilobytes.
const maxAnswerBytes = 2 << 20

// bounded is a transport that bounds answers, which the library reads whole.
type bounded struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswerBytes), response.Body}
	return response, nil
}

// Name implements payment.Provider.
func (c *Client) Name() string { return "stripe" }

// methodToken matches the id of a PaymentMethod.
var methodToken = regexp.MustCompile(`^pm_[A-Za-z0-9_]{1,100}$`)

// CheckMethod implements payment.Provider.
func (c *Client) CheckMethod(method string) error {
	if !methodToken.MatchString(method) {
		return errors.New("must be the id of a Stripe PaymentMethod, which begins with pm_")
	}
	return nil
}
