package pod

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meridian/internal/account"
	"meridian/internal/api"
	"meridian/internal/cart"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/fx"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/pricing"
	"meridian/internal/rating"
	"meridian/internal/recommend"
	"meridian/internal/search"
	"meridian/internal/search/concept"
	"meridian/internal/search/indexer"
	"meridian/internal/shipping"
	"meridian/internal/telemetry"
	"meridian/schema"
)

// Pod is one process of a region. Its domains are exported for commands that work on the shop without HTTP.
type Pod struct {
	DB        *database.DB
	Catalog   *catalog.Catalog
	Search    *search.Searcher
	Index     search.Store // nil without an engine of its own
	Accounts  *account.Accounts
	Inventory *inventory.Stock
	Prices    *pricing.Pricer
	Rates     *fx.Rates
	Finance   *finance.Finance
	Carts     *cart.Carts
	Orders    *order.Orders
	Recommend *recommend.Recommender
	Ratings   *rating.Ratings

	config     Config
	log        *slog.Logger
	telemetry  *telemetry.Telemetry
	metrics    *instruments
	server     *api.Server
	events     outbox.Receiver
	deliveries *outbox.Metrics
	feed       *indexer.Indexer // of Index
	lexicon    concept.Lexicon  // of all Meilisearch servers, which hold the same products
	current    atomic.Bool      // the schema was found current
}

// New connects to the database and wires the pod, without starting anything. The caller closes it.
func New(ctx context.Context, config Config) (*Pod, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	if config.Log == nil {
		config.Log = slog.Default()
	}
	p := &Pod{config: config, log: config.Log.With("region", config.Region)}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.Close(ctx))
	}
	return p, nil
}

func (p *Pod) open(ctx context.Context) (err error) {
	p.telemetry, err = telemetry.Setup(ctx, telemetry.Config{
		Region: p.config.Region, Version: p.config.Version, OTLPEndpoint: p.config.OTLPEndpoint, SampleRatio: p.config.TraceRatio,
		Registry: p.config.Registry,
	})
	if err != nil {
		return err
	}
	if p.metrics, err = newInstruments(p.telemetry); err != nil {
		return err
	}
	p.config.Database.Region, p.config.Database.Regions = p.config.Region, p.config.Regions.Names()
	p.config.Database.TracerProvider = p.telemetry.Tracer
	p.config.Database.MeterProvider = p.telemetry.Meter
	if p.DB, err = database.Open(ctx, p.config.Database); err != nil {
		return err
	}
	if err := p.wireDomains(ctx); err != nil {
		return err
	}
	return p.wireServer()
}

// wireDomains makes the domains, the lower ones first.
func (p *Pod) wireDomains(ctx context.Context) (err error) {
	set := p.config.Regions
	quotes, err := p.config.Secret.Key("meridian price quotes")
	if err != nil {
		return err
	}
	if p.Prices, err = pricing.New(pricing.Config{DB: p.DB, Key: quotes, Lead: p.config.PriceLead,
		QuoteLife: p.config.QuoteLife}); err != nil {
		return err
	}
	p.Catalog, err = catalog.New(catalog.Config{
		DB: p.DB, Regions: set, PriceLead: p.Prices.Lead, Log: p.log, Meter: p.telemetry.Meter,
	})
	if err != nil {
		return err
	}
	if err := p.openSearch(ctx); err != nil {
		return err
	}
	sources, err := p.searchSources()
	if err != nil {
		return err
	}
	if p.Search, err = search.New(search.Config{DB: p.DB, Sources: sources, Log: p.log, Meter: p.telemetry.Meter}); err != nil {
		return err
	}
	p.Recommend, err = recommend.New(recommend.Config{DB: p.DB, Catalog: p.Catalog, Log: p.log, Meter: p.telemetry.Meter})
	if err != nil {
		return err
	}
	p.Ratings = order.NewRatings(p.DB)
	if err := p.wireFinance(); err != nil {
		return err
	}
	p.Accounts, err = account.New(account.Config{
		DB: p.DB, Regions: set, Secret: p.config.Secret, Argon2: p.config.Argon2, Log: p.log,
	})
	if err != nil {
		return err
	}
	rates, err := shipping.Shipped()
	if err != nil {
		return err
	}
	p.Inventory = inventory.New(inventory.Config{DB: p.DB, Regions: set})
	together := database.GroupLimits{Timeout: p.DB.GroupTimeout()}
	p.Carts = cart.New(cart.Config{
		DB: p.DB, Regions: set, Prices: p.Prices, Shipping: rates, OrderedSQL: order.OrderedSQL, Together: together,
	})
	providers, err := NewProviders(p.config.Sandbox, p.config.Stripe, p.transport)
	if err != nil {
		return err
	}
	counted, err := order.NewMetrics(p.telemetry.Meter)
	if err != nil {
		return err
	}
	customers, err := p.config.Secret.Key("meridian promotion customers")
	if err != nil {
		return err
	}
	p.Orders = order.New(order.Config{
		DB: p.DB, Regions: set, Carts: p.Carts, Providers: providers, CustomerKey: customers,
		GuestPayWithin: p.config.GuestPayWithin, Unpaid: p.config.Unpaid,
		PayWithin: p.config.PayWithin, CheckAfter: p.config.CheckPaymentAfter, Metrics: counted,
		Together: together,
	})
	return p.wireEvents()
}

// wireFinance makes the domains that change prices.
func (p *Pod) wireFinance() (err error) {
	p.Finance = finance.New(finance.Config{DB: p.DB, Prices: p.Prices, ApproveAbove: p.config.ApproveAbove})
	rates := fx.Config{DB: p.DB, Lead: p.Prices.Lead, MaxAge: p.Prices.MaxRateAge, Meter: p.telemetry.Meter}
	if p.config.RatesURL != "" {
		source, err := fx.NewECB(fx.ECBConfig{Location: p.config.RatesURL, Transport: p.transport(telemetry.Peer{Name: "rates"})})
		if err != nil {
			return err
		}
		rates.Source = source
	}
	p.Rates, err = fx.New(rates)
	return err
}

// wireEvents chooses the receiver of events.
func (p *Pod) wireEvents() (err error) {
	if p.deliveries, err = outbox.NewMetrics(p.telemetry.Tracer, p.telemetry.Meter); err != nil {
		return err
	}
	p.events = p.logEvent
	if p.config.EventsURL != "" {
		p.events = outbox.PostTo(&http.Client{Timeout: 10 * time.Second, Transport: p.transport(telemetry.Peer{Name: "events", Ours: true})},
			p.config.EventsURL, p.config.EventsSecret)
	}
	return nil
}

// NewProviders returns the payment providers that are configured, by name. transport returns what carries the calls to one;
// nil takes the provider's default.
func NewProviders(atSandbox sandbox.ClientConfig, atStripe stripe.Config, transport func(telemetry.Peer) http.RoundTripper) (
	map[string]payment.Provider, error) {
	if transport == nil {
		transport = func(telemetry.Peer) http.RoundTripper { return nil }
	}
	providers := make(map[string]payment.Provider)
	if atSandbox.BaseURL != "" {
		config := atSandbox
		config.Transport = transport(telemetry.Peer{Name: "sandbox", Ours: true})
		client, err := sandbox.NewClient(config)
		if err != nil {
			return nil, err
		}
		providers[client.Name()] = client
	}
	if atStripe.SecretKey != "" {
		config := atStripe
		config.Transport = transport(telemetry.Peer{Name: "stripe"})
		client, err := stripe.New(config)
		if err != nil {
			return nil, err
		}
		providers[client.Name()] = client
	}
	return providers, nil
}

func (p *Pod) logEvent(ctx context.Context, e outbox.Event) error {
	p.log.InfoContext(ctx, "event", "topic", e.Topic, "key", e.Key, "id", e.ID)
	return nil
}

func (p *Pod) wireServer() (err error) {
	config := p.config.API
	if config.Secret, err = p.config.Secret.Key("meridian api: cursors and guests' tokens"); err != nil {
		return err
	}
	p.server, err = api.New(api.Deps{
		Regions: p.config.Regions, Region: p.config.Region, Version: p.config.Version, DataAge: p.Catalog.Age, Log: p.config.Log,
		Finance: p.Finance, Rates: p.Rates,
		Tracer: p.telemetry.Tracer, Meter: p.telemetry.Meter,
		Metrics: p.telemetry.Metrics(),
		Checks:  append([]api.Check{{Name: "secret", Probe: p.Accounts.CheckSecret}}, p.searchChecks()...),
		DB:      p.DB, Ping: p.DB.Reachable, SchemaCurrent: p.schemaCurrent, VerifyToken: api.VerifyWith(p.Accounts),
		Catalog: p.Catalog, Search: p.Search, Accounts: p.Accounts, Prices: p.Prices,
		Shipping: p.Carts.Shipping, Carts: p.Carts, Inventory: p.Inventory, Orders: p.Orders,
		Recommend: p.Recommend, Ratings: p.Ratings,
	}, config)
	return err
}

// schemaCurrent returns an error if the database's schema is older than this binary's. Once it is current it does not
// ask again, because migrations only go forward.
func (p *Pod) schemaCurrent(ctx context.Context) error {
	if p.current.Load() {
		return nil
	}
	want, err := schema.Latest(p.DB.Engine())
	if err != nil {
		return err
	}
	have, err := schema.Current(ctx, p.DB)
	if err != nil {
		return err
	}
	if have < want {
		return fmt.Errorf("the database is at schema version %d, this binary needs %d: run meridian migrate up", have, want)
	}
	p.current.Store(true)
	return nil
}

// Serve answers requests on the listener until ctx ends, watches the catalogue, prices and search rules for edits,
// records what shoppers do and rotates the signing keys; if workers is true it does the region's background work too.
// Then it drains: readiness goes off, requests in flight are finished, and the rest stops last. It returns
// account.ErrWrongSecret at once if the pod has another deployment's secret.
func (p *Pod) Serve(ctx context.Context, listener net.Listener, workers bool) error {
	if err := p.Accounts.CheckSecret(ctx); errors.Is(err, account.ErrWrongSecret) {
		return err // readiness reports anything else, such as missing migrations
	}
	behind, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { p.Catalog.Watch(behind) })
	running.Go(func() { p.Prices.Watch(behind) })
	running.Go(func() { p.Search.Watch(behind) })
	if p.feeds(SearchBleve) {
		running.Go(func() { p.feed.Run(behind) })
	}
	running.Go(func() { p.Recommend.Run(behind) })
	running.Go(func() { p.repeat(behind, p.pruning()) })
	running.Go(func() { p.repeat(behind, p.rotation()) })
	if workers {
		running.Go(func() { p.Work(behind) })
	}
	if p.config.Directory != nil {
		running.Go(func() { p.announce(ctx) })
	}
	err := p.server.Serve(ctx, listener)
	stop()
	running.Wait()
	return err
}

// announce makes the pod known to others until ctx ends. They learn that it leaves before it stops taking requests.
func (p *Pod) announce(ctx context.Context) {
	if err := p.config.Directory.Announce(ctx, p.config.Instance, p.server.Ready); err != nil {
		p.log.WarnContext(ctx, "the pod could not be taken off the directory", "error", err)
	}
}

// lastTelemetry bounds the sending of buffered telemetry, for a collector that hangs.
const lastTelemetry = 5 * time.Second

// Close closes the search index and the database, and sends the last telemetry. ctx may have ended, which is how a
// pod is told to stop.
func (p *Pod) Close(ctx context.Context) (err error) {
	if p.Index != nil {
		err = p.Index.Close()
	}
	if p.DB != nil {
		p.DB.Close()
	}
	if p.telemetry == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastTelemetry)
	defer cancel()
	return errors.Join(err, p.telemetry.Shutdown(ctx))
}
