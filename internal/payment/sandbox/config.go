package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Config says how the sandbox runs. APIKey, Secret and WebhookURL have no default: with a well-known secret anybody
// could pay without paying.
type Config struct {
	APIKey         string // callers send it as a bearer token
	Secret         string // signs webhooks
	PreviousSecret string // also signs them, while a secret is being replaced; may be empty

	// WebhookURL returns where a notice about a payment goes, or "" for nowhere. try counts from 0, so that a later
	// try may go elsewhere. It must not block.
	WebhookURL func(paymentID string, try int) string

	StateFile string // where payments are kept over restarts; empty keeps them in memory only. One server a file.

	Delay           time.Duration // from Start's answer to the outcome, and so for refunds; default 20ms
	HangFor         time.Duration // how long card_timeout hangs at most; default 30s
	DeliveryTimeout time.Duration // of one try of a webhook; default 10s
	FirstBackoff    time.Duration // before the second try of a webhook, doubled each time; default 100ms
	MaxBackoff      time.Duration // default 1m
	MaxTries        int           // of one webhook; default 24, which with the backoff above is about a quarter of an hour
	MaxConcurrent   int           // webhooks sent at the same time; default 64
	MaxQueue        int           // outcomes and webhooks waiting; beyond it Start is answered 503; default 100,000
	MaxPayments     int           // remembered; beyond it the oldest settled ones are forgotten; default 500,000

	Now    func() time.Time // the clock; default time.Now
	Logger *slog.Logger     // default slog.Default(); never sees a secret or personal data
}

// withDefaults returns the configuration with the defaults of what is not set.
func (c Config) withDefaults() Config {
	c.Delay = cmp.Or(c.Delay, 20*time.Millisecond)
	c.HangFor = cmp.Or(c.HangFor, 30*time.Second)
	c.DeliveryTimeout = cmp.Or(c.DeliveryTimeout, 10*time.Second)
	c.FirstBackoff = cmp.Or(c.FirstBackoff, 100*time.Millisecond)
	c.MaxBackoff = cmp.Or(c.MaxBackoff, time.Minute)
	c.MaxTries = cmp.Or(c.MaxTries, 24)
	c.MaxConcurrent = cmp.Or(c.MaxConcurrent, 64)
	c.MaxQueue = cmp.Or(c.MaxQueue, 100_000)
	c.MaxPayments = cmp.Or(c.MaxPayments, 500_000)
	if c.Now == nil {
		c.Now = time.Now
	}
	c.Logger = cmp.Or(c.Logger, slog.Default())
	return c
}

// Validate reports every fault at once. A value that has a default may be left out.
func (c Config) Validate() error {
	var faults []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("sandbox: "+format, args...))
		}
	}
	need(len(c.APIKey) >= minSecretBytes, "api key is shorter than %d bytes: set a random one", minSecretBytes)
	need(len(c.Secret) >= minSecretBytes, "secret is shorter than %d bytes: set a random one", minSecretBytes)
	need(c.PreviousSecret == "" || len(c.PreviousSecret) >= minSecretBytes, "previous secret is shorter than %d bytes", minSecretBytes)
	need(c.WebhookURL != nil, "webhook url is not set")
	for _, d := range []time.Duration{c.Delay, c.HangFor, c.DeliveryTimeout, c.FirstBackoff, c.MaxBackoff} {
		need(d >= 0, "a duration is %s, want 0 or more", d)
	}
	for _, n := range []int{c.MaxTries, c.MaxConcurrent, c.MaxQueue, c.MaxPayments} {
		need(n >= 0, "a limit is %d, want 0 or more", n)
	}
	return errors.Join(faults...)
}

// minSecretBytes is the least length of a shared secret: 128 bits.
const minSecretBytes = 16
