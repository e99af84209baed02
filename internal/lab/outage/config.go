package outage

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
	// Dir is an empty folder for the shop, which the database's user can reach.
	Dir string
	// Duration is how long shoppers buy: a third before the fault, a third with it, a third after it. Default 60 s.
	Duration time.Duration
	// ShoppersEach is how many buy in each region; default 2.
	ShoppersEach int
	// SettleWithin bounds how long the workers then may take; default 3 minutes.
	SettleWithin time.Duration
	// Argon2 is the cost of hashing a password; zero takes the default.
	Argon2 account.Argon2
	// Log gets the servers' log lines; nil drops them.
	Log *slog.Logger
	// Tell, if not nil, is called with a line for each step.
	Tell func(line string)
}

func (c Config) withDefaults() Config {
	c.Duration = cmp.Or(c.Duration, time.Minute)
	c.ShoppersEach = cmp.Or(c.ShoppersEach, 2)
	c.SettleWithin = cmp.Or(c.SettleWithin, 3*time.Minute)
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return c
}

// Bounds of what one machine can be asked for. A shorter run would end before anybody has bought.
const (
	minDuration     = 3 * time.Second
	maxDuration     = time.Hour
	maxShoppersEach = 50
)

// Validate reports everything that is wrong, all at once.
func (c Config) Validate() error {
	var invalid []error
	if c.Regions == nil {
		invalid = append(invalid, errors.New("the regions are missing"))
	}
	if c.Duration != 0 && (c.Duration < minDuration || c.Duration > maxDuration) {
		invalid = append(invalid, fmt.Errorf("--duration is %s: use %s to %s", c.Duration, minDuration, maxDuration))
	}
	if c.ShoppersEach < 0 || c.ShoppersEach > maxShoppersEach {
		invalid = append(invalid, fmt.Errorf("--shoppers is %d: use 1 to %d in a region", c.ShoppersEach, maxShoppersEach))
	}
	if c.SettleWithin < 0 {
		invalid = append(invalid, fmt.Errorf("--settle-within is %s: use a time above zero", c.SettleWithin))
	}
	return errors.Join(invalid...)
}
