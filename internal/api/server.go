package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gorilla/mux"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
	"golang.org/x/sync/singleflight"

	"meridian/internal/account"
	"meridian/internal/cart"
	"meridian/internal/catalog"
	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/fx"
	"meridian/internal/inventory"
	"meridian/internal/order"
	"meridian/internal/pricing"
	"meridian/internal/rating"
	"meridian/internal/recommend"
	"meridian/internal/search"
	"meridian/internal/shipping"
	"meridian/regions"
)

// Deps holds what a Server needs. A field that a route needs must be set; New names those that are missing.
type Deps struct {
	// Regions is every region of the shop.
	Regions *regions.Set
	// Region is the name of the region this server answers for.
	Region string
	// Version of the program, and how old what it remembers of the catalogue may be, for /readyz. Both may be missing.
	Version string
	DataAge func() time.Duration
	// Log writes the access log and unexpected errors; nil means slog's default.
	Log *slog.Logger
	// Tracer and Meter take the server's spans and metrics; nil means none are recorded.
	Tracer trace.TracerProvider
	Meter  metric.MeterProvider
	// Metrics answers /metrics; nil means the route is 404.
	Metrics http.Handler
	// DB is what reports are read from.
	DB *database.DB
	// Ping asks the database for an answer; it decides readiness.
	Ping func(ctx context.Context) error
	// SchemaCurrent returns an error that says what is missing while migrations are outstanding. Nil is not checked.
	SchemaCurrent func(ctx context.Context) error
	// Checks are further conditions for readiness.
	Checks []Check
	// VerifyToken checks an access token and says who bears it. It returns an error that wraps ErrInvalidToken when
	// the token is not good, and any other error when that could not be found out.
	VerifyToken func(ctx context.Context, token string) (Principal, error)
	// Accounts are the shop's accounts. VerifyToken is VerifyWith them, but in tests.
	Accounts *account.Accounts
	// Catalog is what the shop sells.
	Catalog *catalog.Catalog
	// Recommend counts what shoppers do and recommends products; Ratings holds the customers' ratings.
	Recommend *recommend.Recommender
	Ratings   *rating.Ratings
	// Search finds products.
	Search *search.Searcher
	// Prices works out prices by the rules in force, Shipping what delivery costs, and Carts keeps carts.
	Prices   *pricing.Pricer
	Shipping *shipping.Table
	Carts    *cart.Carts
	// Inventory is the shop's stock.
	Inventory *inventory.Stock
	// Orders are the shop's orders; their Providers answer at /v1/webhooks.
	Orders *order.Orders
	// Finance changes prices and their rules, Rates the exchange rates.
	Finance *finance.Finance
	Rates   *fx.Rates
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// validate reports every fault of the dependencies at once.
func (d Deps) validate() error {
	var faults []error
	if d.Regions == nil {
		faults = append(faults, errors.New("regions are missing"))
	} else if _, ok := d.Regions.Get(d.Region); !ok {
		faults = append(faults, fmt.Errorf("region %q: use one of %v", d.Region, d.Regions.Names()))
	}
	if d.Ping == nil {
		faults = append(faults, errors.New("the database's ping is missing"))
	}
	if d.VerifyToken == nil {
		faults = append(faults, errors.New("the verification of access tokens is missing"))
	}
	if d.DB == nil {
		faults = append(faults, errors.New("the database is missing"))
	}
	if d.Inventory == nil {
		faults = append(faults, errors.New("the stock is missing"))
	}
	if d.Orders == nil {
		faults = append(faults, errors.New("the orders are missing"))
	}
	if d.Accounts == nil {
		faults = append(faults, errors.New("the accounts are missing"))
	}
	if d.Catalog == nil {
		faults = append(faults, errors.New("the catalogue is missing"))
	}
	if d.Recommend == nil || d.Ratings == nil {
		faults = append(faults, errors.New("the recommendations or the ratings are missing"))
	}
	if d.Search == nil {
		faults = append(faults, errors.New("the search is missing"))
	}
	if d.Prices == nil || d.Shipping == nil || d.Carts == nil {
		faults = append(faults, errors.New("the prices, the shipping rates or the carts are missing"))
	}
	if d.Finance == nil {
		faults = append(faults, errors.New("finance is missing"))
	}
	if d.Rates == nil {
		faults = append(faults, errors.New("the exchange rates are missing"))
	}
	return errors.Join(faults...)
}

func (d Deps) withDefaults() Deps {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Tracer == nil {
		d.Tracer = tracenoop.NewTracerProvider()
	}
	if d.Meter == nil {
		d.Meter = metricnoop.NewMeterProvider()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	return d
}

// A Server answers the HTTP API of one region. It holds no state of its own that another pod would miss.
type Server struct {
	Deps
	cfg      Config
	keys     keyring
	document document
	limits   *limiter
	uploads  uploads
	reports  reports
	metrics  *instruments
	products productAnswers
	locales  *locales
	router   *mux.Router
	// operations are the routes as they were registered.
	operations []operation
	handler    http.Handler
	probing    singleflight.Group
	draining   atomic.Bool
	// after is time.After, so that a test can end the drain delay.
	after func(time.Duration) <-chan time.Time
}

// New returns a server that is ready to handle requests. All faults of the dependencies and the configuration are
// reported at once.
func New(deps Deps, cfg Config) (*Server, error) {
	if err := errors.Join(deps.validate(), cfg.Validate()); err != nil {
		return nil, fmt.Errorf("api server: %w", err)
	}
	s := &Server{Deps: deps.withDefaults(), cfg: cfg.withDefaults(), after: time.After, reports: newReports()}
	var err error
	if s.keys, err = newKeyring(cfg.Secret, cfg.PreviousSecrets); err != nil {
		return nil, err
	}
	if s.document, err = loadDocument(); err != nil {
		return nil, err
	}
	if s.metrics, err = newInstruments(s.Tracer, s.Meter); err != nil {
		return nil, err
	}
	if s.limits, err = newLimiter(s.cfg.Limits, s.Now); err != nil {
		return nil, err
	}
	s.locales = newLocales(s.Regions)
	if s.products, err = newProductAnswers(); err != nil {
		return nil, err
	}
	s.router = s.routes()
	if s.handler, err = s.wrap(s.router); err != nil {
		return nil, err
	}
	return s, nil
}

// Handler answers every route of the API. It is safe for concurrent use.
func (s *Server) Handler() http.Handler { return s.handler }
