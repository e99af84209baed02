package discovery

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// waitTime bounds a blocking query, which returns earlier when something changes. Consul adds up to a sixteenth.
	waitTime = 30 * time.Second
	// waitGrace is how much longer an answer may take.
	waitGrace = 5 * time.Second
	// pauseAnswer is the pause between an answer and the next query, so that one that changes all the time costs little.
	pauseAnswer = 100 * time.Millisecond
	// pauseError is the mean pause after an error.
	pauseError = time.Second
)

// Follow implements Directory.
func (c *Consul) Follow(ctx context.Context, changed func(Pool)) {
	var running sync.WaitGroup
	defer running.Wait()
	wake := make(chan struct{}, 1)
	answered := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	watch := func(datacenter string, read func(string, *api.QueryOptions) (*api.QueryMeta, error)) {
		c.watch(ctx, datacenter, func(options *api.QueryOptions) (*api.QueryMeta, error) {
			defer answered()
			return read(datacenter, options)
		})
	}
	for _, region := range c.config.Regions {
		running.Go(func() { watch(region, c.readInstances) })
	}
	running.Go(func() { watch("", c.readControls) })
	publish(ctx, c.keeper, wake, changed)
}

// Look asks once about every region, and returns what is known then. It fails if the agent answers about none.
func (c *Consul) Look(ctx context.Context) (Pool, error) {
	errs := make([]error, len(c.config.Regions))
	var asking sync.WaitGroup
	for n, region := range c.config.Regions {
		asking.Go(func() { _, errs[n] = c.readInstances(region, (&api.QueryOptions{Datacenter: region}).WithContext(ctx)) })
	}
	_, err := c.readControls("", (&api.QueryOptions{}).WithContext(ctx))
	asking.Wait()
	if !slices.Contains(errs, nil) {
		return Pool{}, errors.Join(append(errs, err)...)
	}
	return c.Pool(), err
}

// watch asks again and again with blocking queries until ctx ends. An empty datacenter is the agent's own.
func (c *Consul) watch(ctx context.Context, datacenter string, ask func(*api.QueryOptions) (*api.QueryMeta, error)) {
	log := c.config.Log.With("datacenter", datacenter)
	for index, lost := uint64(0), false; ctx.Err() == nil; {
		meta, err := blocking(ctx, datacenter, index, ask)
		pause := pauseAnswer
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			pause, index = pauseError/2+rand.N(pauseError), 0
			if !lost {
				log.WarnContext(ctx, "consul does not answer; what was last known is used", "error", err)
			}
		default:
			index = nextIndex(index, meta.LastIndex)
			if lost {
				log.InfoContext(ctx, "consul answers again")
			}
		}
		lost = err != nil
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// blocking asks once, and waits for a change behind the index.
func blocking(ctx context.Context, datacenter string, index uint64, ask func(*api.QueryOptions) (*api.QueryMeta, error)) (
	*api.QueryMeta, error) {
	most := waitGrace
	if index > 0 {
		most += waitTime + waitTime/16
	}
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	options := &api.QueryOptions{Datacenter: datacenter, AllowStale: true, WaitIndex: index, WaitTime: waitTime}
	return ask(options.WithContext(ctx))
}

// nextIndex returns the index to wait behind: an index that went back, as after a restored snapshot, begins anew, and 0 does
// not wait.
func nextIndex(before, answered uint64) uint64 {
	if answered < before {
		return 0
	}
	return max(1, answered)
}

// readInstances observes the instances of a region.
func (c *Consul) readInstances(region string, options *api.QueryOptions) (*api.QueryMeta, error) {
	entries, meta, err := c.client.Health().Service(c.config.Service, "", false, options)
	if err != nil {
		c.keeper.lose(region, time.Now())
		return nil, err
	}
	c.keeper.observe(region, sightingsOf(region, entries), time.Now())
	return meta, nil
}

// readControls observes what operators decided, as the agent's own datacenter has it.
func (c *Consul) readControls(_ string, options *api.QueryOptions) (*api.QueryMeta, error) {
	controls, meta, err := c.controls(options)
	if err != nil {
		return nil, err
	}
	decided := make(map[string]Control, len(c.config.Regions))
	for _, region := range c.config.Regions {
		decided[region] = controls.Of(region)
	}
	if meta.LastIndex > 0 && controls.Version > 0 { // a server that came back empty has decided nothing
		c.keeper.control(decided)
	}
	return meta, nil
}

// sightingsOf returns what an answer says of instances. What is none of ours is left out.
func sightingsOf(region string, entries []*api.ServiceEntry) []Sighting {
	var all []Sighting
	for _, e := range entries {
		capacity, _ := strconv.Atoi(e.Service.Meta["capacity"]) // 0 if it does not say
		i := Instance{ID: e.Service.ID, Region: region, Zone: e.Service.Meta["zone"], Version: e.Service.Meta["version"],
			URL: e.Service.Meta["url"], Capacity: capacity, Weight: e.Service.Weights.Passing}
		if i.Validate() == nil {
			all = append(all, Sighting{i, e.Checks.AggregatedStatus() == api.HealthPassing})
		}
	}
	return all
}
