package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/hashicorp/consul/api"
)

// Routing says how Consul itself finds the shop: for those who ask its DNS, and for a mesh.
type Routing struct {
	// Failover are, for each region, the others in the order in which they stand in for it.
	Failover map[string][]string
	// NearestN is how many of the nearest regions, by Consul's own round trips, are tried before that order; 2.
	NearestN int
	// Resolver writes a service-resolver for Consul's mesh, too.
	Resolver bool
}

// A Step is one change that Setup would make.
type Step struct {
	// Datacenter is where, What is what, in words.
	Datacenter, What string

	apply func(context.Context) error
}

// Apply makes the change.
func (s Step) Apply(ctx context.Context) error {
	if err := s.apply(ctx); err != nil {
		return fmt.Errorf("in %s: %s: %w", s.Datacenter, s.What, err)
	}
	return nil
}

// queryTTL is how long resolvers may keep the answer of a prepared query.
const queryTTL = "5s"

// Plan returns what has to be changed in every datacenter for the routing, none if all is as it should be: in each a prepared
// query with the name of the service, which answers with its healthy instances, else with those of the nearest regions, else by
// its own order; and the regions' Controls. It fails if a datacenter does not answer.
func (c *Consul) Plan(ctx context.Context, r Routing) ([]Step, error) {
	var steps []Step
	for _, datacenter := range c.config.Regions {
		for _, plan := range []func(context.Context, string, Routing) (*Step, error){c.planQuery, c.planControls} {
			step, err := plan(ctx, datacenter, r)
			if err != nil {
				return nil, fmt.Errorf("in %s: %w", datacenter, err)
			}
			if step != nil {
				step.Datacenter = datacenter
				steps = append(steps, *step)
			}
		}
	}
	if !r.Resolver {
		return steps, nil
	}
	step, err := c.planResolver(ctx)
	if step != nil {
		steps = append(steps, *step)
	}
	return steps, err
}

// query returns the prepared query of a datacenter.
func (c *Consul) query(datacenter string, r Routing) *api.PreparedQueryDefinition {
	q := &api.PreparedQueryDefinition{Name: c.config.Service}
	q.Service.Service, q.Service.OnlyPassing, q.Service.Near = c.config.Service, true, "_agent"
	q.Service.Failover.NearestN, q.Service.Failover.Datacenters = r.NearestN, r.Failover[datacenter]
	q.DNS.TTL = queryTTL
	return q
}

func (c *Consul) planQuery(ctx context.Context, datacenter string, r Routing) (*Step, error) {
	all, _, err := c.client.PreparedQuery().List((&api.QueryOptions{Datacenter: datacenter}).WithContext(ctx))
	if err != nil {
		return nil, fmt.Errorf("list the prepared queries: %w", err)
	}
	want := c.query(datacenter, r)
	write := (&api.WriteOptions{Datacenter: datacenter}).WithContext(ctx)
	order := fmt.Sprintf("fail over to the %d nearest regions, then %s", r.NearestN, strings.Join(r.Failover[datacenter], ", "))
	for _, has := range all {
		if has.Name != want.Name {
			continue
		}
		want.ID = has.ID
		if slices.Equal(has.Service.Failover.Datacenters, want.Service.Failover.Datacenters) && has.DNS == want.DNS &&
			has.Service.Failover.NearestN == r.NearestN && has.Service.OnlyPassing && has.Service.Near == want.Service.Near {
			return nil, nil
		}
		what := fmt.Sprintf("change the prepared query %s: %s", want.Name, order)
		return &Step{What: what, apply: func(ctx context.Context) error {
			_, err := c.client.PreparedQuery().Update(want, write.WithContext(ctx))
			return err
		}}, nil
	}
	what := fmt.Sprintf("create the prepared query %s: %s", want.Name, order)
	return &Step{What: what, apply: func(ctx context.Context) error {
		_, _, err := c.client.PreparedQuery().Create(want, write.WithContext(ctx))
		return err
	}}, nil
}

// planResolver plans the mesh's failover. All datacenters share the entry, so it has one order for all: the regions as they are
// configured. A datacenter leaves itself out.
func (c *Consul) planResolver(ctx context.Context) (*Step, error) {
	has, _, err := c.client.ConfigEntries().Get(api.ServiceResolver, c.config.Service, (&api.QueryOptions{}).WithContext(ctx))
	var status api.StatusError
	if err != nil && !(errors.As(err, &status) && status.Code == http.StatusNotFound) {
		return nil, fmt.Errorf("read the service-resolver: %w", err)
	}
	if is, ok := has.(*api.ServiceResolverConfigEntry); ok && slices.Equal(is.Failover["*"].Datacenters, c.config.Regions) {
		return nil, nil
	}
	want := &api.ServiceResolverConfigEntry{
		Kind: api.ServiceResolver, Name: c.config.Service,
		Failover: map[string]api.ServiceResolverFailover{"*": {Datacenters: c.config.Regions}},
	}
	return &Step{
		Datacenter: "everywhere",
		What:       fmt.Sprintf("write the service-resolver %s: fail over to %s", want.Name, strings.Join(c.config.Regions, ", ")),
		apply: func(ctx context.Context) error {
			_, _, err := c.client.ConfigEntries().Set(want, (&api.WriteOptions{}).WithContext(ctx))
			return err
		},
	}, nil
}

// planControls plans a document that decides nothing where there is none.
func (c *Consul) planControls(ctx context.Context, datacenter string, _ Routing) (*Step, error) {
	has, err := c.controlsIn(ctx, datacenter)
	if err != nil || has.index > 0 {
		return nil, err
	}
	return &Step{What: fmt.Sprintf("write the key %s: every region is open", ControlKey), apply: func(ctx context.Context) error {
		value, err := json.Marshal(Controls{})
		if err != nil {
			return err
		}
		pair := &api.KVPair{Key: ControlKey, Value: value} // ModifyIndex 0 only creates: nobody's decision is lost
		_, _, err = c.client.KV().CAS(pair, (&api.WriteOptions{Datacenter: datacenter}).WithContext(ctx))
		return err
	}}, nil
}
