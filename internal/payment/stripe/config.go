package stripe

import (
	"cmp"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Capture says when the money of an authorised payment is taken.
type Capture string

// The ways to take money. With CaptureManual Start only has it held (payment.StatusAuthorized), and Client.Capture
// takes it: an order that was closed meanwhile costs its buyer nothing, instead of a charge and a refund.
const (
	CaptureAutomatic Capture = "automatic"
	CaptureManual    Capture = "manual"
)

// Config is the shop's account at Stripe. SecretKey and WebhookSecrets have no default.
type Config struct {
	SecretKey      string   // sk_… or, better, a restricted rk_… that may write PaymentIntents and refunds
	WebhookSecrets []string // whsec_… of the endpoint; while one is rolled, or a new endpoint takes over, both
	Capture        Capture  // default CaptureAutomatic

	BaseURL string        // default Stripe's own; https, or http on this machine
	Timeout time.Duration // of one request; default 5s. The caller's deadline counts too.
	Retries int           // of a request that was not answered sensibly; default 2, -1 for none

	// The circuit breaker opens when, within ten seconds, at least BreakerTries calls were made and four in five of
	// them failed, retries included. Then calls fail at once with payment.ErrUnavailable, until BreakerPause has passed
	// and one works.
	BreakerTries int           // default 20
	BreakerPause time.Duration // default 5s

	Transport http.RoundTripper // default: one of its own; set it to add tracing
	Now       func() time.Time  // default time.Now
}

// maxConnections bounds the connections to Stripe.
const maxConnections = 256

// withDefaults returns the configuration with the defaults of what is not set.
func (c Config) withDefaults() Config {
	c.Capture = cmp.Or(c.Capture, CaptureAutomatic)
	c.BaseURL = cmp.Or(c.BaseURL, "https://api.stripe.com")
	c.Timeout = cmp.Or(c.Timeout, 5*time.Second)
	c.Retries = max(cmp.Or(c.Retries, 2), 0)
	c.BreakerTries = cmp.Or(c.BreakerTries, 20)
	c.BreakerPause = cmp.Or(c.BreakerPause, 5*time.Second)
	if c.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = 64, maxConnections
		c.Transport = transport
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// minSecretBytes is shorter than any key or secret of Stripe's.
const minSecretBytes = 16

// Validate reports every fault at once, without the secrets. A value that has a default may be left out.
func (c Config) Validate() error {
	var faults []error
	need := func(ok bool, fault string) {
		if !ok {
			faults = append(faults, errors.New("stripe: "+fault))
		}
	}
	isKey := strings.HasPrefix(c.SecretKey, "sk_") || strings.HasPrefix(c.SecretKey, "rk_")
	need(isKey && len(c.SecretKey) >= minSecretBytes, "the secret key is not one: it begins with sk_ or rk_")
	need(len(c.WebhookSecrets) > 0, "a webhook secret is needed: without it nobody tells what became of a payment")
	for _, secret := range c.WebhookSecrets {
		need(strings.HasPrefix(secret, "whsec_") && len(secret) >= minSecretBytes, "a webhook secret is not one: it begins with whsec_")
	}
	need(c.Capture == "" || c.Capture == CaptureAutomatic || c.Capture == CaptureManual, "capture is not automatic or manual")
	need(c.BaseURL == "" || isSafe(c.BaseURL), "the base url is not an https url")
	need(c.Timeout >= 0 && c.BreakerPause >= 0, "a duration is below 0")
	need(c.Retries >= -1 && c.BreakerTries >= 0, "a number of tries is below 0")
	return errors.Join(faults...)
}

// isSafe reports whether the key may be sent to the URL.
func isSafe(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && ip != nil && ip.IsLoopback()
}
