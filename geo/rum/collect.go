package rum

import (
	"cmp"
	"hash/maphash"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Config configures a Collector. Zero fields take the default named at each.
type Config struct {
	// Period is how long votes are collected until they become figures; 1 h.
	Period time.Duration
	// MinNetworks is how many networks of a country a figure needs; 20.
	MinNetworks int
	// MaxNetworks bounds the networks that are kept in a period; 50,000.
	MaxNetworks int
	// SamplePercent is the share of networks that is listened to, for shops that have too many; 100.
	SamplePercent int
	// Now is the clock; time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	c.Period = cmp.Or(c.Period, time.Hour)
	c.MinNetworks = cmp.Or(c.MinNetworks, 20)
	c.MaxNetworks = cmp.Or(c.MaxNetworks, 50_000)
	c.SamplePercent = cmp.Or(c.SamplePercent, 100)
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// A Figure is the round trip from a country to a region that users measured.
type Figure struct {
	// Country is an ISO 3166-1 alpha-2 code, Region a region's name.
	Country string `json:"country"`
	Region  string `json:"region"`
	// RTTMillis is the round trip in milliseconds, the last mile included.
	RTTMillis float64 `json:"rtt_ms"`
	// Networks is how many voted when it was last renewed.
	Networks int `json:"networks"`
	// AgeSeconds is how long ago that was.
	AgeSeconds int64 `json:"age_s"`
}

// A Collector collects measurements. It is safe for concurrent use.
type Collector struct {
	cfg Config

	mu      sync.Mutex
	seed    maphash.Seed // of this period
	ends    time.Time
	votes   map[voter][]float32 // milliseconds, at most maxSamples
	known   map[uint64]bool     // the networks that have votes
	figures map[target]figure
}

// A target is a country and the region that is measured from it.
type target struct{ country, region string }

// A voter is a network with the target that it measured.
type voter struct {
	target
	network uint64
}

// A figure is what is known of a target.
type figure struct {
	millis   float64
	networks int
	at       time.Time
}

const (
	maxSamples = 9              // of a network in a period; what comes later is dropped
	keepFor    = 24 * time.Hour // a figure that is not renewed
)

// NewCollector returns a collector without figures.
func NewCollector(cfg Config) *Collector {
	c := &Collector{cfg: cfg.withDefaults(), figures: make(map[target]figure)}
	c.begin(c.cfg.Now())
	return c
}

// begin begins a period with a new key and no votes.
func (c *Collector) begin(now time.Time) {
	c.seed, c.ends = maphash.MakeSeed(), now.Add(c.cfg.Period)
	c.votes, c.known = make(map[voter][]float32), make(map[uint64]bool)
}

// The networks that have one vote.
const (
	networkBits4 = 24
	networkBits6 = 48
)

// Add adds a round trip that a client in the country measured to a region. The caller has checked all of them.
func (c *Collector) Add(country, region string, client netip.Addr, rtt time.Duration) {
	client = client.Unmap()
	width := networkBits6
	if client.Is4() {
		width = networkBits4
	}
	network, err := client.Prefix(width)
	if err != nil {
		return // without an address there is no vote
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	hash := maphash.Comparable(c.seed, network)
	if hash%100 >= uint64(c.cfg.SamplePercent) || !c.known[hash] && len(c.known) >= c.cfg.MaxNetworks {
		return
	}
	c.known[hash] = true
	from := voter{target{country, region}, hash}
	if samples := c.votes[from]; len(samples) < maxSamples {
		c.votes[from] = append(samples, float32(rtt.Seconds()*1000))
	}
}

// settle turns the votes into figures if their period has ended. c.mu must be held.
func (c *Collector) settle() {
	now := c.cfg.Now()
	if now.Before(c.ends) {
		return
	}
	ballots := make(map[target][]float32)
	for from, samples := range c.votes {
		ballots[from.target] = append(ballots[from.target], median(samples))
	}
	for of, votes := range ballots {
		if len(votes) < c.cfg.MinNetworks {
			continue
		}
		next := figure{millis: float64(median(votes)), networks: len(votes), at: c.ends}
		if old, ok := c.figures[of]; ok {
			next.millis = (next.millis + old.millis) / 2
		}
		c.figures[of] = next
	}
	maps.DeleteFunc(c.figures, func(_ target, f figure) bool { return now.Sub(f.at) > keepFor })
	c.begin(now)
}

// median returns the middle of the values, which are not empty, and sorts them. Of two middles it returns the lesser.
func median(values []float32) float32 {
	slices.Sort(values)
	return values[(len(values)-1)/2]
}

// Figures returns the figures of the periods that have ended, by country and region. Those of the present period have not
// enough votes to hide anybody in.
func (c *Collector) Figures() []Figure {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.settle()
	now := c.cfg.Now()
	all := make([]Figure, 0, len(c.figures))
	for of, f := range c.figures {
		all = append(all, Figure{of.country, of.region, f.millis, f.networks, int64(now.Sub(f.at).Seconds())})
	}
	slices.SortFunc(all, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Country, b.Country), cmp.Compare(a.Region, b.Region))
	})
	return all
}
