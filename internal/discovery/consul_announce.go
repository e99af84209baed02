package discovery

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/consul/api"
)

const (
	// missed is the number of heartbeats after which an instance counts as lost.
	missed = 3
	// leaveAfter is how long an instance that leaves stays known as one that cannot serve, so that everybody sees that it went
	// by its own will.
	leaveAfter = time.Second
	// reconcileEvery is how often an instance brings the datacenters' Controls together.
	reconcileEvery = 30 * time.Second
)

// Announce implements Directory.
func (c *Consul) Announce(ctx context.Context, i Instance, health func(context.Context) error) error {
	if err := i.Validate(); err != nil {
		return fmt.Errorf("announce an instance: %w", err)
	}
	beat := time.NewTicker(c.config.Heartbeat)
	defer beat.Stop()
	go c.reconcile(ctx)
	for known, silent := false, false; ; {
		err := c.beat(ctx, i, health(ctx), &known)
		if err != nil && !silent && ctx.Err() == nil {
			c.config.Log.WarnContext(ctx, "this instance cannot be announced now", "instance", i.ID, "error", err)
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			return c.leave(ctx, i)
		case <-beat.C:
		}
	}
}

// reconcile brings the datacenters' Controls together until ctx ends. Every instance does: it costs a read of a key in each.
func (c *Consul) reconcile(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(reconcileEvery/2 + rand.N(reconcileEvery)):
		}
		// What cannot be reached now is tried again the next time.
		if copied, _ := c.Reconcile(ctx); copied > 0 {
			c.config.Log.InfoContext(ctx, "datacenters took over what was decided about the regions", "datacenters", copied)
		}
	}
}

// beat tells the health of an instance, and registers it if the agent does not know it.
func (c *Consul) beat(ctx context.Context, i Instance, sick error, known *bool) error {
	ctx, cancel := context.WithTimeout(ctx, missed*c.config.Heartbeat)
	defer cancel()
	status, output := api.HealthPassing, ""
	if sick != nil {
		status, output = api.HealthCritical, sick.Error()
	}
	if *known {
		err := c.client.Agent().UpdateTTLOpts(checkOf(i), output, status, (&api.QueryOptions{}).WithContext(ctx))
		if err == nil || !unknownCheck(err) {
			return err
		}
	}
	options := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	err := c.client.Agent().ServiceRegisterOpts(c.registration(i, status), options)
	*known = err == nil
	return err
}

func checkOf(i Instance) string { return "meridian:" + i.ID }

// unknownCheck reports whether the agent has lost the instance, as one does that was started anew.
func unknownCheck(err error) bool {
	var status api.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusNotFound || status.Code == http.StatusInternalServerError)
}

func (c *Consul) registration(i Instance, status string) *api.AgentServiceRegistration {
	return &api.AgentServiceRegistration{
		ID: i.ID, Name: c.config.Service, Tags: []string{i.Region},
		Meta: map[string]string{"url": i.URL, "region": i.Region, "zone": i.Zone, "version": i.Version,
			"capacity": strconv.Itoa(i.Capacity)},
		Weights: &api.AgentWeights{Passing: i.Weight, Warning: 1},
		Check: &api.AgentServiceCheck{CheckID: checkOf(i), TTL: (missed * c.config.Heartbeat).String(), Status: status,
			DeregisterCriticalServiceAfter: c.config.ForgetAfter.String()},
	}
}

var errLeaving = errors.New("it leaves")

// leave takes an instance off, after its context has ended: first it cannot serve any more, then it is gone.
func (c *Consul) leave(ctx context.Context, i Instance) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveAfter+missed*c.config.Heartbeat)
	defer cancel()
	known := true
	if err := c.beat(ctx, i, errLeaving, &known); err != nil {
		return fmt.Errorf("take instance %s off: %w", i.ID, err)
	}
	time.Sleep(leaveAfter)
	err := c.client.Agent().ServiceDeregisterOpts(i.ID, (&api.QueryOptions{}).WithContext(ctx))
	if err != nil && !unknownCheck(err) {
		return fmt.Errorf("take instance %s off: %w", i.ID, err)
	}
	return nil
}
