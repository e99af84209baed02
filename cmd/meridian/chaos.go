package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/lab/chaos"
	"meridian/internal/lab/report"
	"meridian/regions"
)

func newChaosCommand() *cobra.Command {
	var config chaos.Config
	var runs int
	var asJSON bool
	command := &cobra.Command{
		Use:   "chaos [scenario…]",
		Short: "Break a shop of its own on purpose, and prove that no order and no money is lost",
		Long: `Opens shops of its own as real processes, a durable PostgreSQL, a pod of each region and the
payment sandbox, in a temporary folder. Shoppers buy in all regions and repeat what was not
answered, while the scenario kills, cuts and lies. Then the faults end, the workers finish
what is open, and what the shoppers were told is compared with the shop's database and with
the provider's book. It exits 1 if anything was oversold, lost, charged without an order or
charged twice, if anything stays pending, or if the audit finds anything.

The scenarios, all of them where none is named:

` + describeScenarios() + `
A seed repeats what is tried; what comes of it also depends on how processes are scheduled.
The folder of a run that found something, with its database and logs, is kept.`,
		Example: `  meridian chaos
  meridian chaos kill-database cut --runs 20 --seed 7
  meridian chaos all --duration 1m --shoppers 40 --pods 2 --json`,
		ValidArgs: chaos.Names(),
		RunE: func(c *cobra.Command, args []string) (err error) {
			scenarios, err := chaos.Find(args...)
			if err != nil {
				return usageError{err}
			}
			if runs < 1 {
				return usageError{fmt.Errorf("--runs is %d: use 1 or more", runs)}
			}
			if config.Regions, err = regions.Shipped(); err != nil {
				return err
			}
			if err := config.Validate(); err != nil {
				return usageError{err}
			}
			return runChaos(c, scenarios, config, runs, asJSON)
		},
	}
	command.AddCommand(newChaosSearchCommand(), newChaosWorldCommand())
	flags := command.Flags()
	flags.IntVar(&runs, "runs", 1, "how often each scenario is run, each time with the next seed")
	flags.Uint64Var(&config.Seed, "seed", 1, "seed of the first run")
	flags.DurationVar(&config.Duration, "duration", 10*time.Second, "how long shoppers buy in each run")
	flags.DurationVar(&config.SettleWithin, "settle-within", 6*time.Minute, "how long the workers may then take")
	flags.IntVar(&config.Shoppers, "shoppers", 12, "how many buy at the same time")
	flags.IntVar(&config.PodsEach, "pods", 1, "pods of each region")
	flags.BoolVar(&config.Hurry, "hurry", false, "let the claims of killed pods run out at once, and leave out the slowest test cards")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

func describeScenarios() string {
	var text strings.Builder
	for _, s := range chaos.Scenarios {
		fmt.Fprintf(&text, "  %-22s%s\n", s.Name, s.About)
	}
	return text.String()
}

// errChaos is returned when a run found something, which has been printed.
var errChaos = errors.New("not every run is clean")

func runChaos(c *cobra.Command, scenarios []chaos.Scenario, config chaos.Config, runs int, asJSON bool) error {
	first := config.Seed
	var results []chaos.Result
	clean := true
	for _, scenario := range scenarios {
		for i := range runs {
			config.Seed = first + uint64(i)
			config.Tell = func(line string) {
				fmt.Fprintf(c.ErrOrStderr(), "%s, run %d of %d, seed %d: %s\n", scenario.Name, i+1, runs, config.Seed, line)
			}
			result, err := chaos.Run(c.Context(), scenario, config)
			if c.Context().Err() != nil {
				return fmt.Errorf("stopped in %s, seed %d", scenario.Name, config.Seed)
			}
			if err != nil {
				return fmt.Errorf("%s, seed %d: %w", scenario.Name, config.Seed, err)
			}
			config.Tell(inShort(result))
			clean = clean && result.Clean()
			results = append(results, result)
		}
	}
	if err := printChaos(c.OutOrStdout(), results, asJSON); err != nil {
		return err
	}
	if !clean {
		return errChaos
	}
	return nil
}

// inShort describes a run in a line.
func inShort(r chaos.Result) string {
	if !r.Clean() {
		return fmt.Sprintf("BROKEN, its shop is in %s", r.Folder)
	}
	return fmt.Sprintf("clean: %d orders of %d checkouts, %d faults, settled in %.0f s",
		r.Acknowledged, r.Attempted, r.PodKills+r.DatabaseKills+r.Cuts, r.Settled)
}

func printChaos(out io.Writer, results []chaos.Result, asJSON bool) error {
	sums := chaos.Sum(results)
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"scenarios": sums, "runs": results})
	}
	printFaults(out, results)
	table := report.NewFigures(out, "scenario", "runs", "checkouts", "orders", "paid", "cancelled", "sold out", "repeated calls", "kills",
		"cuts", "settled in", "oversold", "lost", "charged without order", "charged twice", "other", "pending", "verify")
	for _, s := range sums {
		table.Row(s.Scenario, s.Runs, s.Attempted, s.Acknowledged, s.Paid, s.Cancelled, s.SoldOut, s.Repeats, s.PodKills+s.DatabaseKills,
			s.Cuts, fmt.Sprintf("%.0f s", s.Settled), s.Oversold, s.Lost, s.ChargedWithoutOrder, s.ChargedTwice, s.Other, s.Pending, verified(s))
	}
	return table.Flush()
}

func verified(s chaos.Summary) string {
	if s.Broken+s.Overdue == 0 {
		return "clean"
	}
	return fmt.Sprintf("%d broken, %d overdue", s.Broken, s.Overdue)
}

// maxFaultsShown bounds what is printed of one run.
const maxFaultsShown = 20

// printFaults prints what the runs that are not clean found.
func printFaults(out io.Writer, results []chaos.Result) {
	for _, r := range results {
		if r.Clean() {
			continue
		}
		fmt.Fprintf(out, "%s, seed %d, kept in %s:\n", r.Scenario, r.Seed, r.Folder)
		faults := slices.Concat(r.Crashed, r.Verdict.Faults, r.Audit)
		for _, fault := range faults[:min(len(faults), maxFaultsShown)] {
			fmt.Fprintln(out, "  "+fault)
		}
		if more := len(faults) - maxFaultsShown; more > 0 {
			fmt.Fprintf(out, "  and %d more: --json has all of them\n", more)
		}
		for _, fault := range append(r.History.Faults, r.History.Undecided...) {
			fmt.Fprintf(out, "  history: %s\n", fault)
		}
		if r.Pending.Total() > 0 {
			fmt.Fprintf(out, "  still pending after %.0f s: %+v\n", r.Settled, r.Pending)
		}
		fmt.Fprintln(out)
	}
}
