package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"meridian/internal/secret"
)

// Config is how a Server behaves. Zero fields take the default named at each; Secret has none.
type Config struct {
	// Secret signs page cursors and guests' tokens. Every pod of every region needs the same; at least 32 bytes.
	Secret secret.Bytes
	// PreviousSecrets are still accepted, so that Secret can be changed without signing guests out of their carts.
	PreviousSecrets []secret.Bytes
	// BodyLimit is the largest request body in bytes, where a route does not say otherwise; 1 MiB.
	BodyLimit int64
	// ImportLimit is the largest file of products that sellers may send, in bytes; 1 GiB.
	ImportLimit int64
	// RequestTimeout is how long a request may take; 15 s.
	RequestTimeout time.Duration
	// AllowedOrigins are the web origins whose pages may call the API ("https://shop.example", or "*"); none.
	AllowedOrigins []string
	// TrustedProxies are the networks whose X-Forwarded-For and traceparent are believed; none.
	TrustedProxies []netip.Prefix
	// Limits bounds how often one client may call.
	Limits Limits
	// DrainDelay is how long a stopping server still takes new requests while it says that it is not ready, so that
	// load balancers notice; 5 s. Negative means none.
	DrainDelay time.Duration
	// DrainTimeout is how long requests in flight are then waited for; 20 s.
	DrainTimeout time.Duration
	// Debug adds X-Meridian-Round-Trips, X-Meridian-Statements, X-Meridian-Statements-Away and Server-Timing to every
	// answer: see database.Cost.
	Debug bool
}

// Limits are the rates of one client: an account where the caller is signed in, else an address (an IPv6 /64).
// Each pod counts for itself.
type Limits struct {
	// Default is for ordinary calls; 600 a minute.
	Default Rate
	// SignIn is for sign-in, registration and whatever else tests a secret, by address; 20 a minute.
	SignIn Rate
}

// A Rate is a token bucket: Requests at once, refilled evenly over Window. The zero Rate is the default; negative
// Requests means unlimited.
type Rate struct {
	Requests int
	Window   time.Duration
}

const (
	defaultBodyLimit      = 1 << 20
	defaultImportLimit    = 1 << 30
	defaultRequestTimeout = 15 * time.Second
	defaultDrainDelay     = 5 * time.Second
	defaultDrainTimeout   = 20 * time.Second
)

var (
	defaultRate = Rate{Requests: 600, Window: time.Minute}
	signInRate  = Rate{Requests: 20, Window: time.Minute}
)

// Validate reports every fault of the configuration at once.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for i, s := range append([]secret.Bytes{c.Secret}, c.PreviousSecrets...) {
		if len(s) < secret.MinBytes {
			fault("secret %d has %d bytes: give at least %d random ones", i, len(s), secret.MinBytes)
		}
	}
	if c.BodyLimit < 0 {
		fault("body limit %d: give a number of bytes", c.BodyLimit)
	}
	if c.ImportLimit < 0 {
		fault("import limit %d: give a number of bytes", c.ImportLimit)
	}
	if c.RequestTimeout < 0 {
		fault("request timeout %s: give a positive duration", c.RequestTimeout)
	}
	if c.DrainTimeout < 0 {
		fault("drain timeout %s: give a positive duration", c.DrainTimeout)
	}
	for _, origin := range c.AllowedOrigins {
		if !isOrigin(origin) {
			fault("allowed origin %q: give scheme and host, such as https://shop.example, or *", origin)
		}
	}
	faults = append(faults, c.Limits.Default.validate("default"), c.Limits.SignIn.validate("sign-in"))
	return errors.Join(faults...)
}

func isOrigin(text string) bool {
	if text == "*" {
		return true
	}
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && text == u.Scheme+"://"+u.Host && u.Host != ""
}

func (r Rate) validate(name string) error {
	if r.Requests > 0 && r.Window < time.Second {
		return fmt.Errorf("%s rate of %d requests: give a window of a second or more, not %s", name, r.Requests, r.Window)
	}
	return nil
}

func (c Config) withDefaults() Config {
	c.BodyLimit = cmp.Or(c.BodyLimit, defaultBodyLimit)
	c.ImportLimit = cmp.Or(c.ImportLimit, defaultImportLimit)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, defaultRequestTimeout)
	c.DrainDelay = cmp.Or(c.DrainDelay, defaultDrainDelay)
	c.DrainTimeout = cmp.Or(c.DrainTimeout, defaultDrainTimeout)
	if c.Limits.Default.Requests == 0 {
		c.Limits.Default = defaultRate
	}
	if c.Limits.SignIn.Requests == 0 {
		c.Limits.SignIn = signInRate
	}
	return c
}
