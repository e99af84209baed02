package pod

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/internal/account"
	"meridian/internal/api"
	"meridian/internal/database"
	"meridian/internal/discovery"
	"meridian/internal/finance"
	"meridian/internal/order"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/secret"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// Config configures a pod. Regions, Region, Secret and Database.URL are required.
type Config struct {
	// Regions is every region of the shop; Region the name of this pod's.
	Regions *regions.Set
	Region  string
	// Database configures the connections. Its Region is set by New.
	Database database.Config
	// Secret is the deployment's, the same in every pod of every region: 32 random bytes
	// or more. The key of each purpose is derived from it.
	Secret secret.Bytes
	// API configures the HTTP server. Its Secret is set by New.
	API api.Config
	// Sandbox is the payment provider that takes no money; its BaseURL "" leaves it out.
	Sandbox sandbox.ClientConfig
	// Stripe is the payment provider that takes money; its SecretKey "" leaves it out. Its
	// Transport is set by New.
	Stripe stripe.Config
	// PayWithin is how long an order waits for its payment, CheckPaymentAfter when a worker
	// first asks what became of it; zero takes the order package's defaults.
	PayWithin, CheckPaymentAfter time.Duration
	// GuestPayWithin is how long a guest's order waits, and Unpaid what orders hold unpaid at most; zero takes the order
	// package's defaults.
	GuestPayWithin time.Duration
	Unpaid         order.UnpaidLimits
	// PriceLead is how long before it is in force a change of prices must be written, QuoteLife how
	// long checkout honours a quote; zero takes the pricing package's defaults.
	PriceLead, QuoteLife time.Duration
	// ApproveAbove says which changes of prices need two people.
	ApproveAbove finance.ApproveAbove
	// RatesURL is where the exchange rates of the European Central Bank are fetched from: a URL
	// or a file. Empty fetches none.
	RatesURL string
	// Search configures the pod's search.
	Search SearchConfig
	// EventsURL receives the shop's events (see outbox.PostTo), signed with EventsSecret.
	// Without one they are written to the log.
	EventsURL    string
	EventsSecret secret.Bytes
	// Argon2 is the cost of hashing a password; zero takes the default.
	Argon2 account.Argon2
	// Directory is where the pod announces itself while it serves, as Instance; nil leaves it out.
	Directory discovery.Directory
	Instance  discovery.Instance
	// Log receives the pod's log lines.
	Log *slog.Logger
	// Registry collects metrics; pods of one process share one. Nil makes one.
	Registry *prometheus.Registry
	// OTLPEndpoint takes traces and metrics; "" keeps no traces.
	OTLPEndpoint string
	// TraceRatio is the share of traces begun here that are kept; 0 means all.
	TraceRatio float64
	// Version of the binary, for traces.
	Version string
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	if c.Regions == nil {
		faults = append(faults, errors.New("the regions are missing"))
	} else if _, ok := c.Regions.Get(c.Region); !ok {
		faults = append(faults, fmt.Errorf("region %q is not known (--region, MERIDIAN_REGION): use one of %s", c.Region,
			strings.Join(c.Regions.Names(), ", ")))
	}
	if len(c.Secret) < secret.MinBytes {
		faults = append(faults, fmt.Errorf("the secret has %d bytes: give at least %d random ones", len(c.Secret), secret.MinBytes))
	}
	if c.EventsURL != "" && len(c.EventsSecret) < 16 {
		faults = append(faults, errors.New("events are sent to a URL, so their secret needs 16 random bytes or more"))
	}
	if c.Stripe.SecretKey != "" || len(c.Stripe.WebhookSecrets) > 0 {
		if err := c.Stripe.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("%w (MERIDIAN_STRIPE_SECRET_KEY, MERIDIAN_STRIPE_WEBHOOK_SECRET, --stripe-capture, --stripe-url)",
				err))
		}
	}
	if c.Regions != nil {
		if err := c.Search.Validate(c.Regions); err != nil {
			faults = append(faults, err)
		}
	}
	if c.Directory != nil {
		if err := c.Instance.Validate(); err != nil {
			faults = append(faults, fmt.Errorf("announcing this pod: %w (--advertise, --instance-id, --weight)", err))
		}
	}
	if c.PayWithin < 0 || c.GuestPayWithin < 0 || c.CheckPaymentAfter < 0 {
		faults = append(faults, errors.New("payment times must not be negative"))
	}
	reporting := telemetry.Config{OTLPEndpoint: c.OTLPEndpoint, SampleRatio: c.TraceRatio}
	return errors.Join(append(faults, c.Database.Validate(), reporting.Validate())...)
}
