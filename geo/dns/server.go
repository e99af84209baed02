package dns

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"meridian/geo"
)

// A Server answers for one zone. See the package comment for what it promises.
type Server struct {
	cfg     Config
	cookies cookieJar
	limiter *limiter
	prober  *prober
	view    atomic.Pointer[view]
	seen    atomic.Pointer[fingerprint] // of the file when it was last read

	reloading sync.Mutex // so that the file read last is the one that stays

	mu     sync.Mutex // for making views
	ranker *geo.Ranker
	base   *geo.Ranker // without corrections
	// observed is what ranker was corrected by.
	observed []geo.Observation

	sockets   []udpSocket
	listeners []net.Listener
	open      connections

	countsMu sync.Mutex
	counts   []*counts
	reloads  [2]atomic.Uint64 // failed, done
	lingers  lingering
}

// New reads the zone's file and returns a server for it. Until Serve probes them, regions are taken to be healthy.
func New(cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	if cfg.Set == nil {
		return nil, errors.New("configuring the DNS server: the regions are missing")
	}
	ranker, err := geo.NewRanker(cfg.Set)
	if err != nil {
		return nil, fmt.Errorf("configuring the DNS server: %w", err)
	}
	if cfg.CookieSecret == [16]byte{} {
		_, _ = rand.Read(cfg.CookieSecret[:]) // which never fails
	}
	s := &Server{
		cfg: cfg, ranker: ranker, base: ranker, limiter: newLimiter(time.Now()),
		cookies: newCookieJar(cfg.CookieSecret), prober: newProber(cfg.Log),
		open: connections{open: make(map[netip.Prefix]int), all: make(map[net.Conn]bool)},
	}
	z, err := s.readZone()
	if err != nil {
		return nil, err
	}
	s.show(z)
	return s, s.register()
}

// Zone returns the name of the zone.
func (s *Server) Zone() string { return s.view.Load().zone.apex }

// readZone reads and checks the file.
func (s *Server) readZone() (*zone, error) {
	z, err := readZone(s.cfg.File, s.cfg.Set, s.seen.Store)
	if err == nil && s.cfg.Regions == nil && len(z.file.Regions) == 0 {
		return nil, fmt.Errorf("%s: regions: there is none: list each with its addresses", s.cfg.File)
	}
	return z, err
}

// Reload reads the file again and answers from it. A faulty file is returned as an error and changes nothing.
func (s *Server) Reload() error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	z, err := s.readZone()
	if err != nil {
		s.reloads[0].Add(1)
		s.cfg.Log.Error("the zone's file is faulty: the one before stays in force", "error", err)
		return err
	}
	s.show(z)
	s.reloads[1].Add(1)
	s.cfg.Log.Info("zone read", "zone", z.apex, "serial", z.soa.Serial)
	return nil
}

// show answers from a zone.
func (s *Server) show(z *zone) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prober.follow(z.file)
	s.look(z, s.states(z))
}

// look makes the view of a zone and states. s.mu must be held.
func (s *Server) look(z *zone, states []RegionState) {
	next := newView(z, states, s.ranker, s.cfg.Set, time.Now())
	s.lingers.note(s.view.Swap(next), next)
}

// states returns the states of the regions. What the configuration's functions return is brought into bounds.
func (s *Server) states(z *zone) []RegionState {
	states := s.prober.states(z.file)
	if s.cfg.Regions != nil {
		states = s.cfg.Regions()
	}
	states = slices.Clone(states[:min(len(states), maxRegions)])
	for i := range states {
		if s.cfg.Decide != nil {
			states[i] = s.cfg.Decide(states[i])
		}
		states[i].bound()
	}
	return states
}

// bound brings a state into bounds, and leaves out what cannot be answered.
func (r *RegionState) bound() {
	r.Weight = max(0, min(100, r.Weight))
	var addresses []netip.Addr
	for _, addr := range r.Addresses[:min(len(r.Addresses), maxAddresses)] {
		if addr.IsValid() {
			addresses = append(addresses, addr.Unmap().WithZone(""))
		}
	}
	r.Addresses = addresses
	if _, err := wireName(r.Target); err != nil || r.Target == "" {
		r.Target = ""
		return
	}
	r.Target = dns.CanonicalName(r.Target)
}

// refresh makes a new view if the regions have changed, or signatures become old.
func (s *Server) refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.view.Load()
	states := s.states(now.zone)
	if !slices.EqualFunc(states, now.states, sameState) || now.signed != nil && time.Since(now.made) > signatureRenew {
		s.look(now.zone, states)
	}
}

func sameState(a, b RegionState) bool {
	return a.Region == b.Region && slices.Equal(a.Addresses, b.Addresses) && a.Target == b.Target &&
		a.Healthy == b.Healthy && a.Drained == b.Drained && a.Weight == b.Weight
}

// refreshEvery is how often the states of the regions are looked at.
const refreshEvery = 100 * time.Millisecond

// every calls do at each interval until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

// newResponder returns a responder that counts there.
func (s *Server) newResponder(c *counts) *responder {
	return &responder{server: s, out: make([]byte, headerBytes, 2048), counts: c}
}

// newCounts returns counters that are added to the others when metrics are read.
func (s *Server) newCounts() *counts {
	s.countsMu.Lock()
	defer s.countsMu.Unlock()
	s.counts = append(s.counts, new(counts))
	return s.counts[len(s.counts)-1]
}
