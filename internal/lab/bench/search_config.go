package bench

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meridian/regions"
)

// SearchConfig says what to measure of the search, in a shop that was opened for it and is empty.
type SearchConfig struct {
	// Regions are all of the shop's; RegionURLs is where each answers, DatabaseURL its database, ShopPID its process.
	Regions     *regions.Set
	RegionURLs  map[string]string
	DatabaseURL string
	ShopPID     int
	// OperatorEmail and OperatorPassword are those of an admin, who registers the seller of the products.
	OperatorEmail, OperatorPassword string

	// DataDir holds pc_parts.jsonl.gz and pricerunner_offers.csv.gz, the sources of products.
	DataDir string
	// Products is the number of products to fill the shop with; default 10,000.
	Products int
	// Region is where visitors search; default the primary one. Clients is their number; default 16.
	Region  string
	Clients int
	// Duration is how long each kind of query, and the same without the shop, is measured; default 10 s. WarmUp comes
	// before; default 3 s.
	Duration, WarmUp time.Duration
	// Rounds is the number of turns; default 4.
	Rounds int
	// Edits is the number of products edited a second, to measure how soon each edit is found; default 50. EditFor is for
	// how long; default 20 s, below 0 for not at all.
	Edits   int
	EditFor time.Duration
	// Import is the number of further products to import while visitors search; 0 for none.
	Import int
	// Dir is an empty folder for the limits' indexes.
	Dir string
	// Seed makes the draws of a run repeatable; 1.
	Seed uint64
	// Version is the binary's.
	Version string
	// Tell, if not nil, is called with a line about each step.
	Tell func(format string, args ...any)
}

const (
	defaultSearchProducts = 10_000
	defaultSearchClients  = 16
	defaultSearchRounds   = 4
	defaultEdits          = 50
	defaultEditFor        = 20 * time.Second
	maxSearchProducts     = 1_000_000
	maxEdits              = 1000
)

func (c SearchConfig) withDefaults() SearchConfig {
	c.Products = cmp.Or(c.Products, defaultSearchProducts)
	c.Clients = cmp.Or(c.Clients, defaultSearchClients)
	c.Duration = cmp.Or(c.Duration, defaultDuration)
	c.WarmUp = cmp.Or(c.WarmUp, defaultWarmUp)
	c.Rounds = cmp.Or(c.Rounds, defaultSearchRounds)
	c.Edits = cmp.Or(c.Edits, defaultEdits)
	c.EditFor = cmp.Or(c.EditFor, defaultEditFor)
	c.Seed = cmp.Or(c.Seed, 1)
	if c.Region == "" && c.Regions != nil {
		c.Region = c.Regions.Primary().Name
	}
	if c.Tell == nil {
		c.Tell = func(string, ...any) {}
	}
	return c
}

// Validate returns everything that is wrong with the flags of a run, all at once. SearchRun checks where the shop is.
func (c SearchConfig) Validate() error {
	var faults []error
	bad := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if c.DataDir == "" {
		bad("--data: give the folder of %s and %s", partsFile, offersFile)
	} else {
		for _, name := range []string{partsFile, offersFile} {
			if _, err := os.Stat(filepath.Join(c.DataDir, name)); err != nil {
				bad("--data %s: it must hold %s: %w", c.DataDir, name, err)
			}
		}
	}
	if c.Products < 0 || c.Import < 0 || c.Products+c.Import > maxSearchProducts {
		bad("--products and --import: use 1 to %d in all", maxSearchProducts)
	}
	if c.Clients < 0 || c.Clients > maxClients {
		bad("--clients %d: use 1 to %d", c.Clients, maxClients)
	}
	if c.Region != "" && c.Regions != nil && !slices.Contains(c.Regions.Names(), c.Region) {
		bad("--region: %q is not known: use one of %v", c.Region, c.Regions.Names())
	}
	if c.Duration < 0 || c.WarmUp < 0 || c.Rounds < 0 {
		bad("--duration, --warm-up and --rounds must not be negative")
	}
	if c.Edits < 0 || c.Edits > maxEdits {
		bad("--edits %d: use 1 to %d", c.Edits, maxEdits)
	}
	return errors.Join(faults...)
}

// checkShop validates what a program, not a person, fills in.
func (c SearchConfig) checkShop() error {
	if c.Regions == nil || len(c.RegionURLs) == 0 || c.DatabaseURL == "" || c.OperatorEmail == "" || c.Dir == "" {
		return errors.New("the addresses of the regions and of the database, an operator and a folder are needed")
	}
	return nil
}
