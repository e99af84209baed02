package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// StaticConfig configures a Static. Instances is required; other zero fields take the default named at each.
type StaticConfig struct {
	// Instances are all that there are.
	Instances []Instance
	// Path answers 200 where an instance can serve; /readyz.
	Path string
	// Interval is the pause between two probes of an instance, Timeout bounds a probe; 2 s.
	Interval, Timeout time.Duration
	// DownAfter failed probes in a row an instance counts as down; 2. One that succeeds counts it as up.
	DownAfter int
	// Transport carries the probes; http.DefaultTransport.
	Transport http.RoundTripper
	// Steadiness says how the pool follows.
	Steadiness Steadiness
	// Log gets a line when an instance goes down and comes back; slog's default.
	Log *slog.Logger
}

// Static is a fixed list of instances that are probed, for those who run no Consul. It implements Directory.
type Static struct {
	config StaticConfig
	keeper *keeper
	mu     sync.Mutex
	seen   map[string]*probed // by id
}

// probed is the state of an instance as the probes found it.
type probed struct {
	Sighting
	failures int
}

var _ Directory = (*Static)(nil)

// NewStatic returns a directory of some instances, or what is wrong with them. Until the first probes all count as healthy.
func NewStatic(c StaticConfig) (*Static, error) {
	if len(c.Instances) == 0 {
		return nil, errors.New("there is no instance; list where at least one region answers")
	}
	c.Path = cmp.Or(c.Path, "/readyz")
	c.Interval, c.Timeout = cmp.Or(c.Interval, 2*time.Second), cmp.Or(c.Timeout, 2*time.Second)
	c.DownAfter = cmp.Or(c.DownAfter, 2)
	c.Log = cmp.Or(c.Log, slog.Default())
	if c.Transport == nil {
		c.Transport = http.DefaultTransport
	}
	if c.Interval < 0 || c.Timeout < 0 || c.DownAfter < 0 {
		return nil, errors.New("probes: intervals, timeouts and counts must not be below zero")
	}
	s := &Static{config: c, seen: make(map[string]*probed)}
	var regions []string
	for _, i := range c.Instances {
		if err := i.Validate(); err != nil {
			return nil, fmt.Errorf("instance %q: %w", i.ID, err)
		}
		if s.seen[i.ID] != nil {
			return nil, fmt.Errorf("instance %q: it is listed twice", i.ID)
		}
		s.seen[i.ID] = &probed{Sighting: Sighting{i, true}}
		regions = append(regions, i.Region)
	}
	s.keeper = newKeeper(c.Steadiness, regions)
	s.observe(time.Now())
	return s, nil
}

// observe gives the keeper what is known.
func (s *Static) observe(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	byRegion := make(map[string][]Sighting)
	for _, id := range slices.Sorted(maps.Keys(s.seen)) {
		i := s.seen[id].Sighting
		byRegion[i.Region] = append(byRegion[i.Region], i)
	}
	for region, seen := range byRegion {
		s.keeper.observe(region, seen, now)
	}
}

// Announce implements Directory. The list is fixed, so it only waits for the end of ctx.
func (s *Static) Announce(ctx context.Context, _ Instance, _ func(context.Context) error) error {
	<-ctx.Done()
	return nil
}

// Follow implements Directory: it probes.
func (s *Static) Follow(ctx context.Context, changed func(Pool)) {
	var probing sync.WaitGroup
	defer probing.Wait()
	wake := make(chan struct{}, 1)
	probing.Go(func() {
		for every := time.NewTicker(s.config.Interval); ; {
			s.CheckOnce(ctx)
			select {
			case wake <- struct{}{}:
			default:
			}
			select {
			case <-ctx.Done():
				every.Stop()
				return
			case <-every.C:
			}
		}
	})
	publish(ctx, s.keeper, wake, changed)
}

// CheckOnce probes every instance at the same time and records the results. A probe that ctx cuts short counts for nothing.
func (s *Static) CheckOnce(ctx context.Context) {
	var probes sync.WaitGroup
	for _, i := range s.config.Instances {
		probes.Go(func() {
			if err := s.probe(ctx, i); ctx.Err() == nil {
				s.note(i, err)
			}
		})
	}
	probes.Wait()
	s.observe(time.Now())
}

// probe returns nil if the instance answers that it can serve.
func (s *Static) probe(ctx context.Context, i Instance) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, i.URL+s.config.Path, nil)
	if err != nil {
		return err
	}
	resp, err := s.config.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	// What is wrong with the body only means that the connection cannot be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// maxDiscard bounds how much of a probe's answer is read so that its connection can be used again.
const maxDiscard = 64 << 10

// note counts the outcome of a probe and marks the instance down or up.
func (s *Static) note(i Instance, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.seen[i.ID]
	if err == nil {
		if !p.Healthy {
			s.config.Log.Info("an instance is up", "region", i.Region, "instance", i.ID)
		}
		p.failures, p.Healthy = 0, true
		return
	}
	p.failures++
	if p.Healthy && p.failures >= s.config.DownAfter {
		p.Healthy = false
		s.config.Log.Warn("an instance is down", "region", i.Region, "instance", i.ID, "error", err)
	}
}

// Pool implements Directory.
func (s *Static) Pool() Pool { return s.keeper.pool(time.Now()) }
