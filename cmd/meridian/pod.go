package main

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/api"
	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/order"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/pod"
	"meridian/internal/secret"
	"meridian/regions"
)

// podFlags are the settings of a pod. Each is a flag and the environment variable that its help names. Secrets are
// taken from the environment alone, so that no list of processes shows them.
type podFlags struct {
	logFlags
	region, databaseURL                             string
	maxConns                                        int32
	statementTimeout, groupTimeout                  time.Duration
	origins, proxies                                []string
	drainDelay, drainTimeout, payWithin, checkAfter time.Duration
	sandboxURL, eventsURL, otlpEndpoint, traceRatio string
	ratesURL                                        string
	approveBP                                       int64
	approveSKUs                                     int
	debug                                           bool
	guestPayWithin                                  time.Duration
	unpaid                                          order.UnpaidLimits
	requestsPerMinute                               int
	secret, sandboxKey, sandboxHooks, eventsSign    string
	stripeURL, stripeCapture, stripeKey             string
	stripeHooks                                     []string
	searchEngine, searchDir, meiliURL, meiliKey     string
	searchRemotes, meiliRemoteKeys                  []string
}

func (f *podFlags) register(c *cobra.Command) {
	flags := c.Flags()
	// URLs are completed from the environment in config: as defaults of flags, --help would show the passwords in them.
	address := func(into *string, name, variable, usage string) {
		flags.StringVar(into, name, "", usage+" ["+variable+"]")
	}
	text := func(into *string, name, variable, otherwise, usage string) {
		flags.StringVar(into, name, environment(variable, otherwise), usage+" ["+variable+"]")
	}
	texts := func(into *[]string, name, variable, usage string) {
		flags.StringSliceVar(into, name, list(variable), usage+" ["+variable+"]")
	}
	text(&f.region, "region", "MERIDIAN_REGION", "", "name of this pod's region")
	address(&f.databaseURL, "database-url", "MERIDIAN_DATABASE_URL", "postgres:// URL of the shop's database")
	flags.Int32Var(&f.maxConns, "database-connections", 8, "most connections of this pod")
	flags.DurationVar(&f.statementTimeout, "statement-timeout", 0,
		"how long one statement may take; 0 for 10s on PostgreSQL, 30s on CockroachDB")
	flags.DurationVar(&f.groupTimeout, "group-timeout", 0,
		"how long checkouts that share a transaction may take; 0 for 4s on PostgreSQL, 10s on CockroachDB")
	texts(&f.origins, "allowed-origins", "MERIDIAN_ALLOWED_ORIGINS", "web origins whose pages may call the API")
	texts(&f.proxies, "trusted-proxies", "MERIDIAN_TRUSTED_PROXIES",
		"networks whose X-Forwarded-For is believed: the edge, the load balancer")
	flags.IntVar(&f.requestsPerMinute, "rate-limit", 600, "calls a minute that one client may make of one pod; -1 for any number")
	flags.DurationVar(&f.drainDelay, "drain-delay", 5*time.Second,
		"how long a stopping pod says that it is not ready before it stops listening")
	flags.DurationVar(&f.drainTimeout, "drain-timeout", 20*time.Second, "how long requests in flight are then waited for")
	flags.DurationVar(&f.payWithin, "pay-within", 30*time.Minute, "how long an order waits for its payment")
	flags.DurationVar(&f.guestPayWithin, "guest-pay-within", 0, "the same for a guest's order (default: 10m, or --pay-within if that is less)")
	registerUnpaid(flags, &f.unpaid)
	flags.DurationVar(&f.checkAfter, "check-payment-after", 15*time.Second,
		"when a worker first asks the provider about a payment nobody heard of")
	address(&f.sandboxURL, "sandbox-url", "MERIDIAN_SANDBOX_URL", "payment sandbox; empty leaves it out")
	text(&f.stripeCapture, "stripe-capture", "MERIDIAN_STRIPE_CAPTURE", string(stripe.CaptureAutomatic),
		"how Stripe takes money: automatic, or manual: held first, and taken if the order is still open")
	address(&f.stripeURL, "stripe-url", "MERIDIAN_STRIPE_URL", "where Stripe's API is; empty for Stripe's own")
	address(&f.eventsURL, "events-url", "MERIDIAN_EVENTS_URL", "where the shop's events are posted; empty writes them to the log")
	address(&f.ratesURL, "fx-source", "MERIDIAN_FX_SOURCE", "URL or file of the ECB's reference rates; empty fetches none")
	text(&f.searchEngine, "search-engine", "MERIDIAN_SEARCH_ENGINE", "", "bleve, embedded; meilisearch, the region's server; "+
		"or none (default: meilisearch where its URL is set, bleve with --search-dir)")
	text(&f.searchDir, "search-dir", "MERIDIAN_SEARCH_DIR", "",
		"folder of the embedded index, for this pod alone; what is lost of it is filled again")
	flags.StringSliceVar(&f.searchRemotes, "search-remotes", nil, "Meilisearch of other regions, as region=URL [MERIDIAN_SEARCH_REMOTES]")
	flags.Int64Var(&f.approveBP, "approve-above-bp", 2000,
		"largest change of a price, in hundredths of a percent, that one person may make; -1 for none")
	flags.IntVar(&f.approveSKUs, "approve-above-skus", 500, "most SKUs whose prices one person may change at once")
	address(&f.otlpEndpoint, "otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTLP/HTTP collector for traces and metrics")
	text(&f.traceRatio, "trace-ratio", "MERIDIAN_TRACE_RATIO", "1", "share of traces begun here that are kept, above 0 and at most 1")
	f.logFlags.register(c)
	flags.BoolVar(&f.debug, "debug", false, "answer with the number of database round trips (X-Meridian-Round-Trips), of statements "+
		"(X-Meridian-Statements) and of those that leave the region (X-Meridian-Statements-Away)")
}

// readEnvironment completes the URLs that no flag gave, and reads the secrets.
func (f *podFlags) readEnvironment() {
	for variable, into := range map[string]*string{
		"MERIDIAN_DATABASE_URL": &f.databaseURL, "MERIDIAN_SANDBOX_URL": &f.sandboxURL, "MERIDIAN_STRIPE_URL": &f.stripeURL,
		"MERIDIAN_EVENTS_URL": &f.eventsURL, "MERIDIAN_FX_SOURCE": &f.ratesURL, "OTEL_EXPORTER_OTLP_ENDPOINT": &f.otlpEndpoint,
		"MERIDIAN_SECRET": &f.secret, "MERIDIAN_MEILI_URL": &f.meiliURL, "MERIDIAN_MEILI_API_KEY": &f.meiliKey,
		"MERIDIAN_SANDBOX_API_KEY": &f.sandboxKey, "MERIDIAN_SANDBOX_WEBHOOK_SECRET": &f.sandboxHooks,
		"MERIDIAN_EVENTS_SECRET": &f.eventsSign, "MERIDIAN_STRIPE_SECRET_KEY": &f.stripeKey,
	} {
		*into = cmp.Or(*into, os.Getenv(variable))
	}
	f.stripeHooks = list("MERIDIAN_STRIPE_WEBHOOK_SECRET")
	f.meiliRemoteKeys = list("MERIDIAN_MEILI_REMOTE_KEYS")
	if len(f.searchRemotes) == 0 {
		f.searchRemotes = list("MERIDIAN_SEARCH_REMOTES")
	}
}

// podEnvironment is the help text on the settings that only the environment holds.
const podEnvironment = `
Secrets come from the environment:

  MERIDIAN_SECRET                  32 or more random bytes, base64; the same in every pod
                                   of every region (openssl rand -base64 32)
  MERIDIAN_SANDBOX_API_KEY         of the payment sandbox, if there is one
  MERIDIAN_SANDBOX_WEBHOOK_SECRET
  MERIDIAN_STRIPE_SECRET_KEY       sk_… or rk_… of the Stripe account that takes the money
  MERIDIAN_STRIPE_WEBHOOK_SECRET   whsec_… of its webhook endpoint, /v1/webhooks/stripe; two,
                                   with a comma, while one replaces the other
  MERIDIAN_MEILI_API_KEY           of the region's Meilisearch, which is at MERIDIAN_MEILI_URL; not the
                                   master key
  MERIDIAN_MEILI_REMOTE_KEYS       of other regions' Meilisearch (--search-remotes), as region=key with
                                   commas between; a region without one takes MERIDIAN_MEILI_API_KEY
  MERIDIAN_EVENTS_SECRET           signs the events that are posted`

// config checks the flags and returns the pod's configuration. It reports all faults at once.
func (f *podFlags) config(logs io.Writer) (pod.Config, error) {
	set, err := regions.Shipped()
	if err != nil {
		return pod.Config{}, err
	}
	var faults []error
	f.readEnvironment()
	key, err := base64.StdEncoding.DecodeString(f.secret)
	if err != nil || len(key) < secret.MinBytes {
		faults = append(faults, errors.New("MERIDIAN_SECRET must be 32 or more random bytes in base64: openssl rand -base64 32 makes some"))
		key = make([]byte, secret.MinBytes) // to find the other faults too; never used
	}
	proxies, err := networks(f.proxies)
	faults = append(faults, err)
	log, err := f.logger(logs)
	faults = append(faults, err)
	ratio, err := shareOf(f.traceRatio)
	faults = append(faults, err)
	searching, err := f.search()
	faults = append(faults, err)
	config := pod.Config{
		Regions: set, Region: f.region, Secret: key,
		Database: database.Config{
			URL: f.databaseURL, MaxConns: f.maxConns, ApplicationName: "meridian-" + f.region,
			StatementTimeout: f.statementTimeout, GroupTimeout: f.groupTimeout,
		},
		API: api.Config{
			AllowedOrigins: f.origins, TrustedProxies: proxies, DrainDelay: orNone(f.drainDelay), DrainTimeout: f.drainTimeout, Debug: f.debug,
			Limits: api.Limits{Default: api.Rate{Requests: f.requestsPerMinute, Window: time.Minute}},
		},
		GuestPayWithin: f.guestPayWithin, Unpaid: f.unpaid,
		PayWithin: f.payWithin, CheckPaymentAfter: f.checkAfter, EventsURL: f.eventsURL, EventsSecret: []byte(f.eventsSign),
		Sandbox: sandbox.ClientConfig{BaseURL: f.sandboxURL, APIKey: f.sandboxKey, WebhookSecret: f.sandboxHooks},
		Stripe: stripe.Config{
			SecretKey: f.stripeKey, WebhookSecrets: f.stripeHooks, Capture: stripe.Capture(f.stripeCapture), BaseURL: f.stripeURL,
		},
		Search: searching, RatesURL: f.ratesURL, ApproveAbove: finance.ApproveAbove{ChangeBP: f.approveBP, SKUs: f.approveSKUs},
		OTLPEndpoint: f.otlpEndpoint, TraceRatio: ratio, Log: log, Version: version(),
	}
	if err := errors.Join(append(faults, config.Validate())...); err != nil {
		return pod.Config{}, usageError{err}
	}
	return config, nil
}

// search returns the configuration of the pod's search.
func (f *podFlags) search() (c pod.SearchConfig, err error) {
	switch f.searchEngine {
	case "none":
	case "":
		if f.meiliURL != "" {
			c.Engine = pod.SearchMeilisearch
		} else if f.searchDir != "" {
			c.Engine = pod.SearchBleve
		}
	default:
		c.Engine = pod.SearchEngine(f.searchEngine)
	}
	c.Dir, c.URL, c.APIKey = f.searchDir, f.meiliURL, []byte(f.meiliKey)
	if c.Remotes, err = byRegion(f.searchRemotes); err != nil {
		return c, fmt.Errorf("search of other regions (--search-remotes) %w=URL", err)
	}
	keys, err := byRegion(f.meiliRemoteKeys)
	if err != nil {
		return c, errors.New("keys of other regions' search (MERIDIAN_MEILI_REMOTE_KEYS): write each as region=key") // not the text
	}
	for region, key := range keys {
		if c.RemoteKeys == nil {
			c.RemoteKeys = make(map[string]secret.Bytes, len(keys))
		}
		c.RemoteKeys[region] = []byte(key)
	}
	return c, nil
}

// byRegion parses texts of the form region=value. Its error ends before the equals sign of the remedy.
func byRegion(texts []string) (map[string]string, error) {
	values := make(map[string]string, len(texts))
	for _, text := range texts {
		region, value, ok := strings.Cut(text, "=")
		if !ok || region == "" || value == "" {
			return nil, fmt.Errorf("%q: write it as region", text)
		}
		values[region] = value
	}
	return values, nil
}

// shareOf parses a share above 0 and at most 1.
func shareOf(text string) (float64, error) {
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(share > 0 && share <= 1) { // written so that NaN fails too
		return 0, fmt.Errorf("trace ratio (--trace-ratio, MERIDIAN_TRACE_RATIO) %q: give a number above 0 and at most 1", text)
	}
	return share, nil
}

// orNone returns d, or -1 for 0, which a configuration takes as "none at all" rather than its default.
func orNone(d time.Duration) time.Duration {
	if d == 0 {
		return -1
	}
	return d
}

// networks parses the networks of trusted proxies.
func networks(texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	var faults []error
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("trusted proxies: %q is not a network: write it as 10.0.0.0/8", text))
			continue
		}
		all = append(all, prefix)
	}
	return all, errors.Join(faults...)
}

// describe prints the pod's settings, without secrets.
func (f *podFlags) describe(out io.Writer, listen string) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name string, value any) { fmt.Fprintf(w, "%s\t%v\n", name, value) }
	row("region", f.region)
	if listen != "" {
		row("listen", listen)
	}
	row("database", database.Config{URL: f.databaseURL}.RedactedURL())
	row("connections", f.maxConns)
	row("secret", set(f.secret))
	row("sandbox", orNothing(origin(f.sandboxURL)))
	row("stripe", set(f.stripeKey)+f.stripeDetails())
	row("search", orNothing(f.searchDetails()))
	row("events", orNothing(origin(f.eventsURL)))
	row("collector", orNothing(origin(f.otlpEndpoint)))
	row("allowed origins", orNothing(strings.Join(f.origins, " ")))
	row("trusted proxies", orNothing(strings.Join(f.proxies, " ")))
	row("rate limit", fmt.Sprintf("%d a minute", f.requestsPerMinute))
	row("pay within", fmt.Sprintf("%s, asked after %s", f.payWithin, f.checkAfter))
	row("drain", fmt.Sprintf("%s, then %s", f.drainDelay, f.drainTimeout))
	_ = w.Flush()
}

// stripeDetails describes how Stripe is used. It returns "" if it is not.
func (f *podFlags) stripeDetails() string {
	if f.stripeKey == "" {
		return ""
	}
	details := fmt.Sprintf(", %d webhook secrets, capture %s", len(f.stripeHooks), f.stripeCapture)
	if f.stripeURL != "" {
		details += ", at " + origin(f.stripeURL)
	}
	return details
}

// searchDetails describes the pod's search engine. It returns "" if there is none.
func (f *podFlags) searchDetails() string {
	c, _ := f.search() // it was read before
	switch c.Engine {
	case pod.SearchBleve:
		return "bleve, in " + c.Dir
	case pod.SearchMeilisearch:
		return "meilisearch, at " + origin(c.URL)
	}
	return ""
}

// origin returns the scheme and host of a URL. The rest may not be shown: some services put their users' keys there.
func origin(text string) string {
	u, err := url.Parse(text)
	switch {
	case text == "":
		return ""
	case err != nil:
		return "(not a URL)"
	}
	return u.Scheme + "://" + u.Host
}

func set(secret string) string {
	if secret == "" {
		return "(not set)"
	}
	return "(set)"
}

func orNothing(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}
