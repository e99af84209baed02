package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/discovery"
	"meridian/regions"
)

func newRegionCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "region",
		Short: "See the regions, drain them and give them weights",
		Long: `Shows how the regions are, and decides which of them take new requests. Every pod, edge and DNS
server follows within two seconds. Decisions are kept in Consul's key-value store, in every
datacenter; one that does not answer takes them over from the others when it is back.
` + consulEnvironment,
	}
	command.AddCommand(newRegionListCommand(), newRegionWatchCommand(), newRegionHistoryCommand(),
		newRegionChangeCommand("drain", "Send new requests elsewhere", 1, func([]string) (func(*discovery.Control), error) {
			return func(c *discovery.Control) { c.Drained = true }, nil
		}),
		newRegionChangeCommand("undrain", "Let a drained region take requests again", 1, func([]string) (func(*discovery.Control), error) {
			return func(c *discovery.Control) { c.Drained = false }, nil
		}),
		newRegionChangeCommand("weight", "Set the percentage of its own shoppers that a region takes", 2, setWeight))
	return command
}

// setWeight parses the arguments of weight.
func setWeight(args []string) (func(*discovery.Control), error) {
	percent, err := strconv.Atoi(strings.TrimSuffix(args[1], "%"))
	if err != nil || percent < 0 || percent > 100 {
		return nil, usageError{fmt.Errorf("weight %q: give 0 to 100 percent", args[1])}
	}
	return func(c *discovery.Control) { c.WeightPercent = percent }, nil
}

// newRegionChangeCommand returns a command that changes a region's Control.
func newRegionChangeCommand(verb, short string, args int, parse func([]string) (func(*discovery.Control), error)) *cobra.Command {
	var service, actor, reason string
	var force bool
	use, example := verb+" <region>", "  meridian region "+verb+" eu-west --reason \"database upgrade\""
	if args == 2 {
		use, example = verb+" <region> <percent>", "  meridian region "+verb+" eu-west 20 --reason \"half of the machines\""
	}
	command := &cobra.Command{
		Use: use, Short: short,
		Long:    short + ". The change is audited, and refused if no region would take requests any more.\n" + consulEnvironment,
		Example: example, Args: exactArgs(args),
		RunE: func(c *cobra.Command, args []string) error {
			if err := needReason(reason); err != nil {
				return err
			}
			set, err := parse(args)
			if err != nil {
				return err
			}
			what := strings.Join(append([]string{verb}, args[1:]...), " ")
			change := discovery.Change{Region: args[0], At: time.Now().UTC(), By: actor, What: what, Reason: reason}
			return changeRegion(c, service, change, force, set)
		},
	}
	serviceFlag(command, &service)
	actorFlag(command, &actor)
	reasonFlag(command, &reason)
	command.Flags().BoolVar(&force, "force", false, "do it although no region is left")
	return command
}

// changeRegion makes a change and says where it holds.
func changeRegion(c *cobra.Command, service string, change discovery.Change, force bool, set func(*discovery.Control)) error {
	all, consul, err := openRegions(service)
	if err != nil {
		return err
	}
	if _, ok := all.Get(change.Region); !ok {
		return usageError{fmt.Errorf("region %q is not one of %v", change.Region, all.Names())}
	}
	missed, err := consul.Change(c.Context(), change, force, set)
	switch {
	case errors.Is(err, discovery.ErrNothingOpen):
		return fmt.Errorf("%s %s: %w; --force does it all the same", change.What, change.Region, err)
	case err != nil:
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s: %s. Everybody follows within 2 seconds.\n", change.Region, change.What)
	if len(missed) > 0 {
		return partlyError{fmt.Errorf("consul in %s did not answer: it takes the change over when it is back", strings.Join(missed, ", "))}
	}
	return nil
}

func newRegionHistoryCommand() *cobra.Command {
	var service string
	command := &cobra.Command{
		Use: "history", Short: "Show who decided what about the regions, when and why", Args: cobra.NoArgs,
		Long: "Shows the latest decisions about the regions, the newest first.\n" + consulEnvironment, Example: "  meridian region history",
		RunE: func(c *cobra.Command, _ []string) error {
			_, consul, err := openRegions(service)
			if err != nil {
				return err
			}
			controls, _, err := consul.Controls(c.Context())
			if err != nil {
				return err
			}
			return writeHistory(c.OutOrStdout(), controls.History)
		},
	}
	serviceFlag(command, &service)
	return command
}

// writeHistory prints changes.
func writeHistory(out io.Writer, changes []discovery.Change) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tREGION\tWHAT\tBY\tREASON")
	for _, change := range changes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", change.At.Format(time.RFC3339), change.Region, change.What, change.By, change.Reason)
	}
	return w.Flush()
}

// openRegions returns the regions, and the directory in Consul.
func openRegions(service string) (*regions.Set, *discovery.Consul, error) {
	set, err := regions.Shipped()
	if err != nil {
		return nil, nil, err
	}
	consul, err := openConsul(set, service, nil)
	return set, consul, err
}

func newRegionListCommand() *cobra.Command {
	var service string
	var asJSON bool
	command := &cobra.Command{
		Use: "list", Short: "Show how every region is", Args: cobra.NoArgs,
		Long: `Shows of every region how many pods are healthy, the round trip from here, the requests being
answered, how old the pods' memory of the catalogue is, the versions that run, and what operators
decided.
` + consulEnvironment,
		Example: "  meridian region list\n  meridian region list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			set, consul, err := openRegions(service)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), lookFor)
			defer cancel()
			pool, err := consul.Look(ctx)
			if err != nil {
				return err
			}
			return writeRegions(c.OutOrStdout(), describeRegions(c.Context(), set, pool), asJSON)
		},
	}
	serviceFlag(command, &service)
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON array")
	return command
}

func newRegionWatchCommand() *cobra.Command {
	var service string
	command := &cobra.Command{
		Use: "watch", Short: "Show how every region is, again at each change", Args: cobra.NoArgs,
		Long:    "Shows the same as list, again after each change of pods or decisions, until Ctrl-C.\n" + consulEnvironment,
		Example: "  meridian region watch",
		RunE: func(c *cobra.Command, _ []string) error {
			set, consul, err := openRegions(service)
			if err != nil {
				return err
			}
			consul.Follow(c.Context(), func(pool discovery.Pool) {
				fmt.Fprintf(c.OutOrStdout(), "%s\n", time.Now().Format(time.TimeOnly))
				_ = writeRegions(c.OutOrStdout(), describeRegions(c.Context(), set, pool), false) // the terminal is gone
			})
			return nil
		},
	}
	serviceFlag(command, &service)
	return command
}

// lookFor bounds how long list waits for answers about all regions.
const lookFor = 5 * time.Second

// A regionStatus is how a region is, in JSON.
type regionStatus struct {
	Region   string   `json:"region"`
	Healthy  int      `json:"healthy_pods"`
	Known    int      `json:"known_pods"`
	RTTms    float64  `json:"round_trip_ms"` // of its fastest pod, from here; 0 without one
	Active   int64    `json:"active_requests"`
	Capacity int      `json:"capacity"`
	DataAge  int64    `json:"data_age_ms"` // the oldest of its pods
	Versions []string `json:"versions"`
	Drained  bool     `json:"drained"`
	Weight   int      `json:"weight_percent"`
	Unknown  string   `json:"unknown_for,omitempty"` // for how long Consul has not answered about it
}

// describeRegions asks every usable pod how it is.
func describeRegions(ctx context.Context, set *regions.Set, pool discovery.Pool) []regionStatus {
	all := make([]regionStatus, 0, len(pool.Regions))
	for _, name := range set.Names() {
		r := pool.Regions[name]
		s := regionStatus{Region: name, Healthy: len(r.Instances), Known: r.Known, Drained: r.Control.Drained,
			Weight: r.Control.WeightPercent}
		if pool.Panicking {
			s.Healthy = 0
		}
		if r.Age > 0 {
			s.Unknown = r.Age.Round(time.Second).String()
		}
		s.ask(ctx, r.Instances)
		all = append(all, s)
	}
	return all
}

// maxAsked bounds how many pods of a region are asked.
const maxAsked = 100

// ask adds what the pods say.
func (s *regionStatus) ask(ctx context.Context, pods []discovery.Instance) {
	var asking sync.WaitGroup
	var mu sync.Mutex
	for _, pod := range pods[:min(len(pods), maxAsked)] {
		s.Capacity += pod.Capacity
		asking.Go(func() {
			says, rtt, err := askPod(ctx, pod.URL)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				says = podSays{Version: pod.Version}
			} else if ms := float64(rtt.Microseconds()) / 1000; s.RTTms == 0 || ms < s.RTTms {
				s.RTTms = ms
			}
			s.add(says)
		})
	}
	asking.Wait()
	slices.Sort(s.Versions)
}

// add adds what one pod says.
func (s *regionStatus) add(says podSays) {
	s.Active += max(0, says.Active-1) // without our own request
	s.DataAge = max(s.DataAge, says.DataAge)
	if !slices.Contains(s.Versions, says.Version) {
		s.Versions = append(s.Versions, says.Version)
	}
}

// podSays is what list reads of a pod's readiness.
type podSays struct {
	Version string `json:"version"`
	Active  int64  `json:"active_requests"`
	DataAge int64  `json:"data_age_ms"`
}

const (
	askTimeout   = 3 * time.Second
	maxReadiness = 64 << 10 // bytes
)

// askPod returns what a pod says of itself, and how long a round trip takes on a connection that is open.
func askPod(ctx context.Context, url string) (says podSays, rtt time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	client := http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body, _, err := ask(ctx, client, url+"/readyz")
	if err != nil {
		return says, 0, err
	}
	if err := json.Unmarshal(body, &says); err != nil {
		return says, 0, fmt.Errorf("%s/readyz: %w", url, err)
	}
	_, rtt, err = ask(ctx, client, url+"/healthz") // which asks nobody
	return says, rtt, err
}

// ask returns what is answered, and after how long.
func ask(ctx context.Context, client http.Client, url string) (body []byte, took time.Duration, err error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, 0, err
	}
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxReadiness))
	_ = resp.Body.Close() // it was read
	return body, time.Since(began), err
}

// writeRegions prints the regions.
func writeRegions(out io.Writer, all []regionStatus, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(all)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "REGION\tPODS\tROUND TRIP\tREQUESTS\tDATA AGE\tTAKES\tVERSIONS")
	for _, s := range all {
		load := strconv.FormatInt(s.Active, 10)
		if s.Capacity > 0 {
			load += "/" + strconv.Itoa(s.Capacity)
		}
		fmt.Fprintf(w, "%s\t%d/%d\t%.1f ms\t%s\t%.1f s\t%s\t%s\n", s.Region, s.Healthy, s.Known, s.RTTms, load,
			float64(s.DataAge)/1000, s.takes(), strings.Join(s.Versions, ", "))
	}
	return w.Flush()
}

// takes says in words what the region takes.
func (s regionStatus) takes() string {
	takes := fmt.Sprintf("%d %%", s.Weight)
	if s.Drained {
		takes = "drained"
	}
	if s.Unknown != "" {
		takes += ", no news for " + s.Unknown
	}
	return takes
}
