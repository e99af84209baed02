package dns

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// A prober finds out which of the file's regions can serve.
type prober struct {
	log    *slog.Logger
	client *http.Client

	mu      sync.Mutex
	regions map[string]*probed
	config  Probes
}

// probed is what is known of a region.
type probed struct {
	url      string
	failures int // in a row
	down     bool
}

func newProber(log *slog.Logger) *prober {
	return &prober{
		log: log, regions: make(map[string]*probed),
		client: &http.Client{
			Transport:     &http.Transport{MaxIdleConns: maxRegions, MaxResponseHeaderBytes: 16 << 10, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// follow probes the regions of the file from now on. What is known of those that keep their probe stays.
func (p *prober) follow(file *File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.regions
	p.regions, p.config = make(map[string]*probed), file.Probes
	for _, region := range file.Regions {
		next := &probed{url: region.Probe}
		if known, ok := old[region.Name]; ok && known.url == region.Probe {
			next = known
		}
		p.regions[region.Name] = next
	}
}

// states returns the file's regions with what the probes say.
func (p *prober) states(file *File) []RegionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	var states []RegionState
	for _, region := range file.Regions {
		state := RegionState{
			Region: region.Name, Addresses: region.Addresses, Target: region.Target,
			Healthy: !p.regions[region.Name].down, Drained: region.Drain, Weight: 100,
		}
		if region.Weight != nil {
			state.Weight = *region.Weight
		}
		states = append(states, state)
	}
	return states
}

// run probes until ctx ends, and calls changed after each round.
func (p *prober) run(ctx context.Context, changed func()) {
	for {
		p.round(ctx)
		changed()
		p.mu.Lock()
		pause := p.config.Interval
		p.mu.Unlock()
		select {
		case <-ctx.Done():
			p.client.CloseIdleConnections()
			return
		case <-time.After(pause):
		}
	}
}

// round probes every region at the same time. A probe that ctx cuts short counts for nothing.
func (p *prober) round(ctx context.Context) {
	p.mu.Lock()
	config := p.config
	targets := make(map[string]*probed)
	for name, region := range p.regions {
		if region.url != "" {
			targets[name] = region
		}
	}
	p.mu.Unlock()
	var probes sync.WaitGroup
	for name, region := range targets {
		probes.Go(func() {
			if err := p.probe(ctx, region.url, config.Timeout); ctx.Err() == nil {
				p.note(name, region, err, config.DownAfter)
			}
		})
	}
	probes.Wait()
}

// probe returns nil if the URL answers 200.
func (p *prober) probe(ctx context.Context, url string, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	// An error only means that the connection cannot be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", resp.Status)
	}
	return nil
}

// note counts a probe's outcome and marks the region down or up.
func (p *prober) note(name string, region *probed, err error, downAfter int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		if region.down {
			p.log.Info("region is up", slog.String("region", name))
		}
		region.down, region.failures = false, 0
		return
	}
	if region.failures++; !region.down && region.failures >= downAfter {
		region.down = true
		p.log.Warn("region is down", slog.String("region", name), slog.Any("error", err))
	}
}
