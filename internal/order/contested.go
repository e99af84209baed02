package order

import (
	"slices"
	"sync"
	"time"

	"meridian/internal/promotion"
)

const (
	// contestedFor is how long checkouts go on looking at the counters of a promotion after
	// one was refused for it.
	contestedFor = 10 * time.Minute
	// maxContested bounds the promotions that are remembered: beyond it a checkout finds out
	// by being refused.
	maxContested = 1000
)

// contested are promotions that were found used up lately, in all or by somebody. Checkouts
// look at their counters when they read, so that what is used up is not tried again by each;
// of all others the counters are only written, which costs the many nothing.
type contested struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// note remembers the promotions of uses that were refused: one of those that have a limit
// was the reason.
func (c *contested) note(uses []promotion.Use, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, use := range uses {
		if use.TotalLimit+use.CustomerLimit > 0 && len(c.until) < maxContested {
			if c.until == nil {
				c.until = make(map[string]time.Time)
			}
			c.until[use.Promotion] = now.Add(contestedFor)
		}
	}
}

// list names the promotions, sorted.
func (c *contested) list(now time.Time) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, until := range c.until {
		if now.Before(until) {
			names = append(names, name)
		} else {
			delete(c.until, name)
		}
	}
	slices.Sort(names)
	return names
}
