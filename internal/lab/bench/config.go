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

// Config says what to measure, and where. Regions, RegionURLs and DatabaseURL are needed.
type Config struct {
	// Regions are all of the shop's.
	Regions *regions.Set
	// RegionURLs is where each region answers, by its name; EdgeURL is where the edge does.
	RegionURLs map[string]string
	EdgeURL    string
	// ThroughEdge sends the calls to the edge, which chooses the region, instead of to the
	// regions.
	ThroughEdge bool
	// DatabaseURL is the shop's database: for the bare statements, the stock and the audit.
	DatabaseURL string
	// ShopPID is the process whose CPU is counted as the shop's, with its children that are
	// not the database's; 0 where it is not known.
	ShopPID int
	// PprofURL is where the shop process can be profiled; "" where it cannot.
	PprofURL string
	// ProfileDir is where profiles are written; "" for none.
	ProfileDir string

	// Scenarios are the names of what to measure, in this order; none means all.
	Scenarios []string
	// Clients is how many shoppers call at once; 64. They are spread evenly over ClientRegions.
	Clients int
	// ClientRegions are the regions that have shoppers; none means all.
	ClientRegions []string
	// Duration is how long each scenario, and the limit beside it, is measured; 10 s. WarmUp
	// goes before and is not counted; 3 s.
	Duration, WarmUp time.Duration
	// Rounds is in how many parts Duration is cut: a part of the limit, a part of the scenario,
	// and again, so that both meet the same machine; 2.
	Rounds int
	// Lines is how many lines an order has; 2. In hot-sku the first is of the hot SKU.
	Lines int
	// Products is over how many products and their SKUs shoppers spread; 1000.
	Products int
	// SKUs is how many SKUs prices fills the shop with; 100,000.
	SKUs int
	// OwnShop says that the shop was opened for the run, and may be filled with what nobody sells.
	OwnShop bool
	// Stock is how many units of the hot SKU there are, in all; 0 for more than can be sold.
	Stock int64
	// Connections are the numbers of connections that the bare statements are tried on; the
	// best counts. 1, 2, 4, 8, 16 and 32.
	Connections []int
	// Seed makes the draws of a run repeatable; 1.
	Seed uint64
	// BareServer is the command that runs ServeBare.
	BareServer []string
	// Version is the binary's.
	Version string
	// Tell, if not nil, is told in a line what is being done.
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

// Validate reports everything that is wrong with the flags of a run, all at once; where the
// shop is, Run finds out.
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

// isOwn is whether a scenario needs a shop of its own.
func isOwn(name string) bool {
	s, _ := find(name)
	return s.own
}

// onlyOwn is whether nothing of what the shop sells is needed.
func (c Config) onlyOwn() bool {
	return !slices.ContainsFunc(c.Scenarios, func(name string) bool { return !isOwn(name) })
}

// errNoShop is returned where the configuration does not say where the shop is.
var errNoShop = errors.New("the addresses of the regions and of the database are needed")

// checkShop is Validate for what a program, not a person, fills in.
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
