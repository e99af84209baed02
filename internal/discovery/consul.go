package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/consul/api"
)

// ConsulConfig configures a Consul. Regions is required; other zero fields take the default named at each.
type ConsulConfig struct {
	// API says where the agent of this machine is, with the token, the TLS files and, for Consul Enterprise, the namespace;
	// api.DefaultConfig, which reads Consul's own environment variables (CONSUL_HTTP_ADDR, CONSUL_HTTP_TOKEN, CONSUL_CACERT …).
	// Pods need a token for service:write on Service, and everybody for service:read and node:read on all and key:read on
	// ControlKey; operators for key:write on it, and for query:write where they set up routing.
	API *api.Config
	// Service is the name that instances are registered under; meridian.
	Service string
	// Regions are the names of the regions whose instances are followed. Each is a datacenter of Consul.
	Regions []string
	// Heartbeat is how often an instance tells its health; 1 s. It counts as lost after three that are missed.
	Heartbeat time.Duration
	// ForgetAfter is how long a lost instance stays in Consul; 10 min, at least a minute.
	ForgetAfter time.Duration
	// Steadiness says how the pool follows.
	Steadiness Steadiness
	// Log gets a line when Consul is lost and found; slog's default.
	Log *slog.Logger
}

func (c ConsulConfig) withDefaults() ConsulConfig {
	if c.API == nil {
		c.API = api.DefaultConfig()
	}
	c.Service = cmp.Or(c.Service, "meridian")
	c.Heartbeat = cmp.Or(c.Heartbeat, time.Second)
	c.ForgetAfter = cmp.Or(c.ForgetAfter, 10*time.Minute)
	c.Log = cmp.Or(c.Log, slog.Default())
	return c
}

// Validate reports every fault of the configuration at once.
func (c ConsulConfig) Validate() error {
	var faults []error
	if len(c.Regions) == 0 {
		faults = append(faults, errors.New("regions: there is none"))
	}
	if c.Heartbeat < 0 || c.ForgetAfter < 0 || c.ForgetAfter != 0 && c.ForgetAfter < time.Minute {
		faults = append(faults, errors.New("heartbeat must not be below zero, and instances are forgotten after a minute at least"))
	}
	return errors.Join(faults...)
}

// Consul is a Directory in Consul's catalogue: every region is a datacenter, federated with the others.
type Consul struct {
	config ConsulConfig
	client *api.Client
	keeper *keeper
}

var _ Directory = (*Consul)(nil)

// NewConsul returns a directory. It does not call the agent.
func NewConsul(c ConsulConfig) (*Consul, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	c = c.withDefaults()
	client, err := api.NewClient(c.API)
	if err != nil {
		return nil, fmt.Errorf("consul: %w", err)
	}
	return &Consul{config: c, client: client, keeper: newKeeper(c.Steadiness, c.Regions)}, nil
}

// Pool implements Directory.
func (c *Consul) Pool() Pool { return c.keeper.pool(time.Now()) }
