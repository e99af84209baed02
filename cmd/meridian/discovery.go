package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/hashicorp/consul/api"
	"github.com/spf13/cobra"

	"meridian/internal/discovery"
	"meridian/regions"
)

// consulEnvironment is the help text on how the agent is named.
const consulEnvironment = `
The Consul agent is named by Consul's own variables: CONSUL_HTTP_ADDR (default 127.0.0.1:8500),
CONSUL_HTTP_TOKEN or CONSUL_HTTP_TOKEN_FILE, CONSUL_HTTP_SSL, CONSUL_CACERT, CONSUL_CLIENT_CERT,
CONSUL_CLIENT_KEY, and CONSUL_NAMESPACE and CONSUL_PARTITION of Consul Enterprise. Each region is a
datacenter of that name, federated with the others.`

// openConsul returns the directory in Consul.
func openConsul(set *regions.Set, service string, log *slog.Logger) (*discovery.Consul, error) {
	return discovery.NewConsul(discovery.ConsulConfig{API: api.DefaultConfig(), Service: service, Regions: set.Names(), Log: log})
}

// serviceFlag adds the flag that names the shop in Consul.
func serviceFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "consul-service", environment("MERIDIAN_CONSUL_SERVICE", "meridian"),
		"name of the shop in Consul [MERIDIAN_CONSUL_SERVICE]")
}

// announceFlags say how others find this pod.
type announceFlags struct {
	url, id, zone, service string
	weight, capacity       int
}

func (f *announceFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.url, "advertise", environment("MERIDIAN_ADVERTISE", ""),
		"URL at which others reach this pod; with it, the pod announces itself to Consul [MERIDIAN_ADVERTISE]")
	flags.StringVar(&f.id, "instance-id", environment("MERIDIAN_INSTANCE_ID", ""),
		"name of this pod in Consul (default: the host's name and the port) [MERIDIAN_INSTANCE_ID]")
	flags.StringVar(&f.zone, "zone", environment("MERIDIAN_ZONE", ""), "zone of the region that the pod is in [MERIDIAN_ZONE]")
	flags.IntVar(&f.weight, "weight", discovery.DefaultWeight, fmt.Sprintf("share of the region's requests beside the other pods, 1 to %d",
		discovery.MaxWeight))
	flags.IntVar(&f.capacity, "capacity", 0, "requests that the pod serves at the same time; 0 does not say")
	serviceFlag(c, &f.service)
}

// directory returns where the pod is announced and as what, or nil if it is not.
func (f *announceFlags) directory(set *regions.Set, region, listen string, log *slog.Logger) (
	discovery.Directory, discovery.Instance, error) {
	if f.url == "" {
		return nil, discovery.Instance{}, nil
	}
	id := f.id
	if id == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, discovery.Instance{}, fmt.Errorf("the host has no name: give --instance-id: %w", err)
		}
		id = instanceID(host, listen)
	}
	i := discovery.Instance{
		ID: id, Region: region, Zone: f.zone, Version: version(), URL: strings.TrimSuffix(f.url, "/"),
		Capacity: f.capacity, Weight: f.weight,
	}
	consul, err := openConsul(set, f.service, log)
	return consul, i, err
}

// instanceID returns a name that Consul takes: of a host, and of the port where that says more.
func instanceID(host, listen string) string {
	_, port, _ := net.SplitHostPort(listen) // serve reports a bad address itself
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(host+"-"+port))
	return strings.Trim(id[max(0, len(id)-maxInstanceID):], "-")
}

const maxInstanceID = 63

// newGeoCommand groups the commands about routing between regions.
func newGeoCommand() *cobra.Command {
	command := &cobra.Command{Use: "geo", Short: "Set up how shoppers and servers find the nearest region"}
	command.AddCommand(newGeoSetupCommand(), newGeoPredictCommand())
	return command
}

func newGeoSetupCommand() *cobra.Command {
	var service string
	routing := discovery.Routing{Failover: make(map[string][]string)}
	var yes bool
	command := &cobra.Command{
		Use:   "setup",
		Short: "Write the prepared queries and keys that Consul routes by",
		Long: `Writes into every datacenter of Consul a prepared query for the shop, which answers with the
region's own healthy pods, else with those of the nearest regions by Consul's measured round trips,
else in the region's own failover order; and the key that drains and weights are kept in. It shows
the plan first, and changes nothing without --yes. What is as it should be is left alone.
` + consulEnvironment,
		Example: `  meridian geo setup
  meridian geo setup --yes
  dig @127.0.0.1 -p 8600 meridian.query.consul SRV`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if routing.NearestN < 0 || routing.NearestN > 10 {
				return usageError{fmt.Errorf("--nearest is %d: use 0 to 10", routing.NearestN)}
			}
			return setUpRouting(c, service, routing, yes)
		},
	}
	serviceFlag(command, &service)
	command.Flags().IntVar(&routing.NearestN, "nearest", 2, "regions tried by round trip before the failover order")
	command.Flags().BoolVar(&routing.Resolver, "service-resolver", false, "write a service-resolver for Consul's mesh, too")
	command.Flags().BoolVar(&yes, "yes", false, "make the changes")
	return command
}

// setUpRouting shows the plan, and makes the changes if it may.
func setUpRouting(c *cobra.Command, service string, routing discovery.Routing, yes bool) error {
	set, consul, err := openRegions(service)
	if err != nil {
		return err
	}
	for _, region := range set.All() {
		for _, other := range set.Failover(region.Name) {
			routing.Failover[region.Name] = append(routing.Failover[region.Name], other.Name)
		}
	}
	steps, err := consul.Plan(c.Context(), routing)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	for _, step := range steps {
		fmt.Fprintf(out, "%s: %s\n", step.Datacenter, step.What)
	}
	switch {
	case len(steps) == 0:
		fmt.Fprintln(out, "Everything is as it should be.")
		return nil
	case !yes:
		fmt.Fprintln(out, "Nothing was changed: repeat it with --yes.")
		return nil
	}
	return applyRouting(c, steps)
}

// applyRouting makes the changes, also those after one that fails: each stands for itself.
func applyRouting(c *cobra.Command, steps []discovery.Step) error {
	var faults []error
	done := 0
	for _, step := range steps {
		err := step.Apply(c.Context())
		if err == nil {
			done++
		}
		faults = append(faults, err)
	}
	fmt.Fprintf(c.OutOrStdout(), "%d of %d changes were made.\n", done, len(steps))
	return errors.Join(faults...)
}
