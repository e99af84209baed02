package local

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"meridian/internal/api"
	"meridian/internal/database"
	"meridian/internal/inventory"
	"meridian/internal/lab/wan"
	"meridian/internal/payment/sandbox"
	"meridian/internal/pod"
	"meridian/internal/telemetry"
	"meridian/regions"
	"meridian/schema"
)

// thisMachine are the networks of the edge and of clients, which are all on this machine.
var thisMachine = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// Shop is a whole shop on this machine: Start makes it and Run serves it.
type Shop struct {
	config    Config
	secrets   secrets
	engine    *engine
	listeners *listeners
	registry  *prometheus.Registry
	network   *wan.Network       // nil where there are no distances
	paths     paths              // between the parts
	branches  map[string]*branch // by region
	sandbox   *sandbox.Server
	edges     []*edge // the primary region's first
	lab       *lab    // nil without distances
	ready     chan struct{}
	published bool // its address is in its folder
}

// Start opens the ports, starts the database, brings it up to this binary's schema, fills it if it is empty, and
// makes the servers. Each error is one line and says what to do.
func Start(ctx context.Context, config Config) (*Shop, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Shop{config: config.withDefaults(), registry: telemetry.NewRegistry(), branches: make(map[string]*branch),
		ready: make(chan struct{})}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Shop) start(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.config.Dir, 0o755); err != nil {
		return fmt.Errorf("make the shop's folder: %w", err)
	}
	if s.secrets, err = loadSecrets(s.config.Dir); err != nil {
		return err
	}
	if s.listeners, err = listen(s.config.EdgePort, s.config.Regions, s.config.edgeRegions()); err != nil {
		return err
	}
	if err := s.openNetwork(); err != nil {
		return err
	}
	if s.engine, err = startEngine(ctx, s.config, s.network); err != nil {
		return err
	}
	if s.paths, err = s.findPaths(); err != nil {
		return err
	}
	primary := s.config.Regions.Primary().Name
	if err := schema.Up(ctx, s.engine.url(primary), s.config.Regions); err != nil {
		return err
	}
	if err := s.startSandbox(); err != nil {
		return err
	}
	for _, region := range s.config.Regions.All() {
		p, err := pod.New(ctx, s.podConfig(region.Name))
		if err != nil {
			return err
		}
		s.branches[region.Name] = newBranch(p, s.listeners.regions[region.Name])
	}
	if err := s.fill(ctx, s.branches[primary].pod); err != nil {
		return err
	}
	if err := s.engine.follow(ctx); err != nil {
		return err
	}
	if err := s.makeEdges(ctx); err != nil {
		return err
	}
	return s.openLab()
}

// fill puts into the database what a shop needs before anybody can buy.
func (s *Shop) fill(ctx context.Context, p *pod.Pod) error {
	if err := inventory.SyncWarehouses(ctx, p.DB, s.config.Regions); err != nil {
		return err
	}
	if err := p.Accounts.RotateOnce(ctx); err != nil { // so that the first sign-in finds a key
		return err
	}
	if err := seedOperator(ctx, p, s.config.Regions.Primary().Warehouses[0].Country, s.secrets.OperatorPassword); err != nil {
		return err
	}
	if s.config.Empty {
		return nil
	}
	return seed(ctx, p, s.config.Regions, s.config.Out)
}

// podConfig returns the configuration of a region's pod.
func (s *Shop) podConfig(region string) pod.Config {
	config := pod.Config{
		Regions: s.config.Regions, Region: region,
		Database: database.Config{URL: s.paths.database[region], ApplicationName: "meridian-" + region, Tracer: s.config.Tracer},
		Secret:   s.secrets.Deployment,
		API: api.Config{
			TrustedProxies: thisMachine,
			AllowedOrigins: []string{"*"},
			// Everybody on this machine is one client.
			Limits:     api.Limits{Default: api.Rate{Requests: -1}, SignIn: api.Rate{Requests: 6000, Window: time.Minute}},
			DrainDelay: -1,
			Debug:      true,
		},
		Sandbox: sandbox.ClientConfig{
			BaseURL: s.paths.sandbox[region], APIKey: s.secrets.SandboxAPIKey, WebhookSecret: s.secrets.SandboxWebhooks,
		},
		Search:    s.searchConfig(region),
		PayWithin: s.config.PayWithin, CheckPaymentAfter: s.config.CheckPaymentAfter,
		Argon2: s.config.Argon2, Log: s.config.Log, Registry: s.registry, OTLPEndpoint: s.config.OTLPEndpoint, Version: s.config.Version,
	}
	if s.config.NoUnpaidLimits {
		held := &config.Unpaid
		held.Guest, held.Customer, held.Network, held.Guests = inventory.Unlimited, inventory.Unlimited, inventory.Unlimited, inventory.Unlimited
	}
	return config
}

// searchConfig returns the configuration of a region's search: its Meilisearch if there is one, else an index in the
// folder.
func (s *Shop) searchConfig(region string) pod.SearchConfig {
	c := pod.SearchConfig{Engine: pod.SearchBleve, Dir: filepath.Join(s.config.Dir, "search", region), Others: s.neighbours(region)}
	if address, ok := s.paths.meili[region]; ok {
		c.Engine, c.Dir, c.URL, c.APIKey = pod.SearchMeilisearch, "", address, []byte(s.config.MeiliKeys[region])
	}
	return c
}

// startSandbox makes the payment sandbox.
func (s *Shop) startSandbox() (err error) {
	s.sandbox, err = sandbox.NewServer(sandbox.Config{
		APIKey: s.secrets.SandboxAPIKey, Secret: s.secrets.SandboxWebhooks,
		WebhookURL: s.webhookURL, StateFile: filepath.Join(s.config.Dir, "sandbox.log"), Logger: s.config.Log,
	})
	return err
}

// webhookURL returns where a notice about a payment goes: to its home region first, and at each further try to the
// next by failover.
func (s *Shop) webhookURL(paymentID string, try int) string {
	home := s.config.Regions.Primary().Name
	if ref, err := s.config.Regions.ParseID(regions.PaymentPrefix, paymentID); err == nil {
		home = ref.Region
	}
	order := []string{home}
	for _, region := range s.config.Regions.Failover(home) {
		order = append(order, region.Name)
	}
	return s.paths.webhooks[order[try%len(order)]] + "/v1/webhooks/sandbox"
}

// Run serves the shop until ctx ends or a part of it fails. Then it stops the edge, the regions with their requests
// in flight, and the database, in this order.
func (s *Shop) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	regionsCtx, stopRegions := context.WithCancel(context.WithoutCancel(ctx))
	defer stopRegions()
	failures := make(chan error, 4+len(s.branches)+len(s.edges))
	var front, behind sync.WaitGroup
	for _, e := range s.edges {
		front.Go(func() { failures <- e.Serve(ctx, s.listeners.edges[e.region]) })
	}
	if s.lab != nil {
		front.Go(func() { failures <- s.lab.serve(ctx) })
	}
	for _, b := range s.branches {
		behind.Go(func() { failures <- b.serve(regionsCtx) })
	}
	behind.Go(func() { failures <- s.sandbox.Serve(regionsCtx, s.listeners.sandbox) })
	front.Go(func() {
		if err := s.open(ctx); err != nil {
			failures <- err
		}
	})
	var err error
	select {
	case <-ctx.Done():
	case err = <-failures:
	case <-s.engine.died:
		err = errors.New("the database server has ended: its log is in " + filepath.Join(s.config.Dir, postgresDir))
	}
	cancel()
	front.Wait()
	stopRegions()
	behind.Wait()
	close(failures)
	for failure := range failures {
		err = errors.Join(err, failure)
	}
	return err
}

// closeTimeout bounds what Close waits for.
const closeTimeout = 30 * time.Second

// Close releases what Start made. Run must have returned.
func (s *Shop) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	faults := []error{s.unpublish()}
	for _, b := range s.branches {
		faults = append(faults, b.close(ctx))
	}
	for _, e := range s.edges {
		faults = append(faults, e.reporting.Shutdown(ctx))
	}
	if s.listeners != nil {
		s.listeners.close()
	}
	if s.lab != nil {
		_ = s.lab.listener.Close() // the server has closed it, except after a start that failed
	}
	if s.engine != nil {
		faults = append(faults, s.engine.stop(ctx))
	}
	if s.network != nil {
		faults = append(faults, s.network.Close())
	}
	return errors.Join(faults...)
}

// Ready returns a channel that is closed when every region is ready and Opened finds the shop.
func (s *Shop) Ready() <-chan struct{} { return s.ready }

// EdgeURL returns the URL for shoppers.
func (s *Shop) EdgeURL() string { return urlOf(s.listeners.edges[s.config.Regions.Primary().Name]) }

// EdgeURLs returns the URL for shoppers near each region that has an edge.
func (s *Shop) EdgeURLs() map[string]string {
	urls := make(map[string]string, len(s.listeners.edges))
	for region, listener := range s.listeners.edges {
		urls[region] = urlOf(listener)
	}
	return urls
}

// RegionURL returns the URL of one region's server.
func (s *Shop) RegionURL(region string) string { return urlOf(s.listeners.regions[region]) }
