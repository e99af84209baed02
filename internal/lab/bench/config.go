package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"meridian/regions"
)

// Config says what to measure, and where. Regions, RegionURLs and DatabaseURL are required.
type Config struct {
	// Regions are all of the shop's.
	Regions *regions.Set
	// RegionURLs holds the address of each region by its name, EdgeURL that of the edge.
	RegionURLs map[string]string
	EdgeURL    string
	// ThroughEdge sends the calls to the edge, which chooses the region.
	ThroughEdge bool
	// DatabaseURL is the shop's database: for the bare statements, the stock and the audit.
	DatabaseURL string
	// ShopPID is the process whose CPU counts as the shop's, with its children other than the
	// database's; 0 if unknown.
	ShopPID int
	// PprofURL is where the shop process can be profiled; "" if it cannot.
	PprofURL string
	// ProfileDir is the folder for profiles; "" for none.
	ProfileDir string

	// Scenarios names what to measure, in this order; none means all.
	Scenarios []string
	// Clients is the number of concurrent visitors; default 64. They are spread evenly over
	// ClientRegions.
	Clients int
	// ClientRegions lists the regions that have visitors; none means all.
	ClientRegions []string
	// Duration is how long each scenario, and the limit beside it, is measured; default 10 s.
	// WarmUp comes before and is not counted; default 3 s.
	Duration, WarmUp time.Duration
	// Rounds is the number of parts that Duration is divided into: a part of the limit, a part of
	// the scenario, and so on, so that both meet the same machine; default 2.
	Rounds int
	// Lines is the number of lines of an order; default 2. In hot-sku the first is of the hot SKU.
	Lines int
	// Products is the number of products, with their SKUs, that visitors spread over; default
	// 1000.
	Products int
	// SKUs is the number of SKUs that prices fills the shop with; default 100,000.
	SKUs int
	// OwnShop says that the shop was opened for the run and may be filled with test data.
	OwnShop bool
	// Stock is the number of units of the hot SKU; 0 for more than can be sold.
	Stock int64
	// Connections lists the numbers of connections to try the bare statements on; the best
	// counts. Default 1, 2, 4, 8, 16 and 32.
	Connections []int
	// Seed makes the draws of a run repeatable; default 1.
	Seed uint64
	// BareServer is the command that runs ServeBare.
	BareServer []string
	// Version is the binary's.
	Version string
	// Tell, if not nil, is called with a line about each step.
	Tell func(format string, args ...any)
}

const (
	defaultClients  = 64
	defaultDuration = 10 * time.Second
	defaultWarmUp   = 3 * time.Second
	defaultRounds   = 2
	defaultLines    = 2
	defaultProducts = 1000
	defaultSKUs     = 100_000
	maxClients      = 4096
	maxLines        = 20
	// A pod has 150,000 SKUs' prices in memory: of more it would not be memory that is measured.
	minSKUs, maxSKUs = 2 * quoteLines, 150_000
)

func (c Config) withDefaults() Config {
	c.Clients = cmp.Or(c.Clients, defaultClients)
	c.Duration = cmp.Or(c.Duration, defaultDuration)
	c.WarmUp = cmp.Or(c.WarmUp, defaultWarmUp)
	c.Rounds = cmp.Or(c.Rounds, defaultRounds)
	c.Lines = cmp.Or(c.Lines, defaultLines)
	c.Products = cmp.Or(c.Products, defaultProducts)
	c.SKUs = cmp.Or(c.SKUs, defaultSKUs)
	c.Seed = cmp.Or(c.Seed, 1)
	if len(c.Scenarios) == 0 {
		c.Scenarios = slices.DeleteFunc(Names(), func(name string) bool { return !c.OwnShop && isOwn(name) })
	}
	if len(c.Connections) == 0 {
		c.Connections = []int{1, 2, 4, 8, 16, 32}
	}
	if len(c.ClientRegions) == 0 && c.Regions != nil {
		c.ClientRegions = c.Regions.Names()
	}
	if c.Tell == nil {
		c.Tell = func(string, ...any) {}
	}
	return c
}

// Validate returns everything that is wrong with the flags of a run, all at once. Run checks
// where the shop is.
func (c Config) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	for _, name := range c.Scenarios {
		if _, ok := find(name); !ok {
			bad("there is no scenario %q: use %s", name, strings.Join(Names(), ", "))
		}
		if !c.OwnShop && isOwn(name) {
			bad("%s fills a shop of its own: leave --dir out", name)
		}
	}
	if c.SKUs != 0 && (c.SKUs < minSKUs || c.SKUs > maxSKUs) {
		bad("--skus %d: use %d to %d", c.SKUs, minSKUs, maxSKUs)
	}
	for _, name := range c.ClientRegions {
		if c.Regions != nil && !slices.Contains(c.Regions.Names(), name) {
			bad("--regions: %q is not known: use %s", name, strings.Join(c.Regions.Names(), ", "))
		}
	}
	if c.Clients < 0 || c.Clients > maxClients {
		bad("--clients %d: use 1 to %d", c.Clients, maxClients)
	}
	if c.Duration < 0 || c.WarmUp < 0 {
		bad("--duration and --warm-up must not be negative")
	}
	if c.Rounds < 0 || c.Lines < 0 || c.Lines > maxLines {
		bad("--rounds must be 1 or more, --lines 1 to %d", maxLines)
	}
	if c.Products < 0 || c.Stock < 0 {
		bad("--products and --stock must not be negative")
	}
	return errors.Join(faults...)
}

// isOwn reports whether a scenario needs a shop of its own.
func isOwn(name string) bool {
	s, _ := find(name)
	return s.own
}

// onlyOwn reports whether no scenario needs what the shop sells.
func (c Config) onlyOwn() bool {
	return !slices.ContainsFunc(c.Scenarios, func(name string) bool { return !isOwn(name) })
}

// errNoShop is returned if the configuration does not say where the shop is.
var errNoShop = errors.New("the addresses of the regions and of the database are needed")

// checkShop validates what a program, not a person, fills in.
func (c Config) checkShop() error {
	if c.Regions == nil || len(c.RegionURLs) == 0 || c.DatabaseURL == "" {
		return errNoShop
	}
	if c.ThroughEdge && c.EdgeURL == "" {
		return errors.New("the address of the edge is needed")
	}
	for _, name := range c.ClientRegions {
		if c.RegionURLs[name] == "" {
			return fmt.Errorf("the address of region %s is needed", name)
		}
	}
	return nil
}
