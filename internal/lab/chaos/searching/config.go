package searching

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"meridian/internal/account"
	"meridian/regions"
)

// Config says how to run. Regions and Dir are required.
type Config struct {
	Regions *regions.Set
	// Dir is an empty folder for the shop.
	Dir string
	// Seed decides what is edited, searched for and broken.
	Seed uint64
	// Duration is how long everything goes on; default 60 s.
	Duration time.Duration
	// Edits is how many edits are made in a second; default 50.
	Edits int
	// Shoppers is how many search at the same time; default 8.
	Shoppers int
	// CatchUp bounds how long the feeds then may take; default 2 minutes.
	CatchUp time.Duration
	// Argon2 is the cost of hashing a password; zero takes the default.
	Argon2 account.Argon2
	// Log gets the servers' log lines; nil drops them.
	Log *slog.Logger
	// Tell, if not nil, is called with a line for each step.
	Tell func(line string)
}

func (c Config) withDefaults() Config {
	c.Duration = cmp.Or(c.Duration, time.Minute)
	c.Edits = cmp.Or(c.Edits, 50)
	c.Shoppers = cmp.Or(c.Shoppers, 8)
	c.CatchUp = cmp.Or(c.CatchUp, 2*time.Minute)
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return c
}

// Bounds of what one machine can be asked for.
const (
	maxDuration = time.Hour
	maxEdits    = 1000
	maxShoppers = 500
)

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	var invalid []error
	need := func(ok bool, format string, args ...any) {
		if !ok {
			invalid = append(invalid, fmt.Errorf(format, args...))
		}
	}
	need(c.Regions != nil, "the regions are missing")
	need(c.Duration >= 0 && c.Duration <= maxDuration, "a duration of %s: use up to %s", c.Duration, maxDuration)
	need(c.Edits >= 0 && c.Edits <= maxEdits, "%d edits a second: use 1 to %d", c.Edits, maxEdits)
	need(c.Shoppers >= 0 && c.Shoppers <= maxShoppers, "%d shoppers: use 1 to %d", c.Shoppers, maxShoppers)
	need(c.CatchUp >= 0, "the time to catch up must not be negative")
	return errors.Join(invalid...)
}

// Result is the outcome of a run.
type Result struct {
	Seed    uint64  `json:"seed"`
	Seconds float64 `json:"seconds"`
	// Edits counts the edits made, by kind.
	Edits map[string]int `json:"edits"`
	// Faults counts the faults inflicted, by kind.
	Faults map[string]int `json:"faults"`
	// Searches counts those answered with 200, by what answered: own, remote-region or database.
	Searches map[string]int `json:"searches"`
	// ServerErrors counts searches answered with an error, by status and code; Unanswered those without an answer.
	ServerErrors map[string]int `json:"server_errors"`
	Unanswered   int            `json:"unanswered"`
	// Thin counts searches for everything that were answered by an index with less than half of the products, as one that
	// is being filled would.
	Thin int `json:"thin"`
	// CaughtUp is how long the feeds took after the last fault, in seconds.
	CaughtUp float64 `json:"caught_up_seconds"`
	// Compared counts the products that were compared in each region, Different those that differ.
	Compared  map[string]int `json:"compared"`
	Different map[string]int `json:"different"`
	// Examples names some that differ.
	Examples []string `json:"examples,omitempty"`
}

// Clean reports whether the run shows what it must.
func (r Result) Clean() bool {
	differ := 0
	for _, n := range r.Different {
		differ += n
	}
	return len(r.ServerErrors) == 0 && r.Unanswered == 0 && r.Thin == 0 && differ == 0 && len(r.Compared) > 0
}
