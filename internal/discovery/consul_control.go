package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/consul/api"
)

// ControlKey is where Controls are in Consul's KV. Every datacenter has its own, so a change is written to all.
const ControlKey = "meridian/controls"

// errChanged is returned when somebody else changed the Controls at the same time.
var errChanged = errors.New("somebody else changes the regions at the same time: look and try again")

// changeTimeout bounds what a change asks of one datacenter.
const changeTimeout = 10 * time.Second

// controls reads what the agent's datacenter, or that of the options, has.
func (c *Consul) controls(options *api.QueryOptions) (Controls, *api.QueryMeta, error) {
	pair, meta, err := c.client.KV().Get(ControlKey, options)
	if err != nil {
		return Controls{}, nil, fmt.Errorf("read %s: %w", ControlKey, err)
	}
	controls, err := decodeControls(pair)
	return controls, meta, err
}

func decodeControls(pair *api.KVPair) (controls Controls, err error) {
	if pair == nil {
		return Controls{}, nil
	}
	if err := json.Unmarshal(pair.Value, &controls); err != nil {
		return Controls{}, fmt.Errorf("read %s: %w", ControlKey, err)
	}
	return controls, nil
}

// at is a datacenter's Controls.
type at struct {
	datacenter string
	Controls
	index uint64 // to compare and set
}

// everywhere reads the Controls of all datacenters: those that answered, in the order of the regions, and the names of the
// others with what was wrong.
func (c *Consul) everywhere(ctx context.Context) (have []at, missed []string, err error) {
	var errs []error
	for _, datacenter := range c.config.Regions {
		one, err := c.controlsIn(ctx, datacenter)
		if err != nil {
			missed, errs = append(missed, datacenter), append(errs, fmt.Errorf("in %s: %w", datacenter, err))
			continue
		}
		have = append(have, one)
	}
	if len(have) == 0 {
		return nil, missed, errors.Join(errs...)
	}
	return have, missed, nil
}

func (c *Consul) controlsIn(ctx context.Context, datacenter string) (at, error) {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	options := (&api.QueryOptions{Datacenter: datacenter, RequireConsistent: true}).WithContext(ctx)
	pair, _, err := c.client.KV().Get(ControlKey, options)
	if err != nil {
		return at{}, err
	}
	one := at{datacenter: datacenter}
	if pair != nil {
		one.index = pair.ModifyIndex
	}
	one.Controls, err = decodeControls(pair)
	return one, err
}

// newest returns the Controls in force.
func newest(have []at) Controls {
	return slices.MaxFunc(have, func(a, b at) int {
		switch {
		case a.newer(b.Controls):
			return 1
		case b.newer(a.Controls):
			return -1
		}
		return 0
	}).Controls
}

// Controls returns the Controls in force, and the regions whose datacenter did not answer.
func (c *Consul) Controls(ctx context.Context) (Controls, []string, error) {
	have, missed, err := c.everywhere(ctx)
	if err != nil {
		return Controls{}, missed, err
	}
	return newest(have), missed, nil
}

// Change changes the Control of a region in every datacenter that answers, and returns the names of those that did not: they
// take it over when they are back (Reconcile). It fails with ErrNothingOpen unless forced, and if somebody else changes the
// regions at the same time.
func (c *Consul) Change(ctx context.Context, change Change, force bool, set func(*Control)) (missed []string, err error) {
	if err := change.Validate(c.config.Regions); err != nil {
		return nil, err
	}
	have, missed, err := c.everywhere(ctx)
	if err != nil {
		return missed, err
	}
	next, err := newest(have).after(change, set, c.config.Regions, force)
	if err != nil {
		return nil, err
	}
	// The first datacenter decides between two that change at the same time.
	if err := c.put(ctx, have[0], next); err != nil {
		return nil, err
	}
	for _, one := range have[1:] {
		if c.put(ctx, one, next) != nil {
			missed = append(missed, one.datacenter)
		}
	}
	return missed, nil
}

// Reconcile copies the Controls in force to the datacenters that have older ones, and returns how many it copied to.
func (c *Consul) Reconcile(ctx context.Context) (copied int, err error) {
	have, _, err := c.everywhere(ctx)
	if err != nil {
		return 0, err
	}
	inForce := newest(have)
	var errs []error
	for _, one := range have {
		if !inForce.newer(one.Controls) {
			continue
		}
		err := c.put(ctx, one, inForce)
		if err == nil {
			copied++
		}
		errs = append(errs, err)
	}
	return copied, errors.Join(errs...)
}

// put writes Controls to a datacenter, unless those that it had were changed meanwhile.
func (c *Consul) put(ctx context.Context, where at, next Controls) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	value, err := json.Marshal(next)
	if err != nil {
		return fmt.Errorf("write %s: %w", ControlKey, err)
	}
	pair := &api.KVPair{Key: ControlKey, Value: value, ModifyIndex: where.index}
	done, _, err := c.client.KV().CAS(pair, (&api.WriteOptions{Datacenter: where.datacenter}).WithContext(ctx))
	switch {
	case err != nil:
		return fmt.Errorf("write %s in %s: %w", ControlKey, where.datacenter, err)
	case !done:
		return errChanged
	}
	return nil
}
