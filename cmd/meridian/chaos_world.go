package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/outage"
	"meridian/internal/lab/report"
	"meridian/internal/telemetry"
	"meridian/regions"
)

func newChaosWorldCommand() *cobra.Command {
	var config outage.Config
	var list, asJSON bool
	command := &cobra.Command{
		Use:   "world [fault…]",
		Short: "Lose a part of a shop with real distances while shoppers on four continents buy",
		Long: `Opens a shop of its own in a temporary folder, with real distances between the regions and a
standby of its database, as meridian up --wan --standby eu-west does. Shoppers in each region
read and buy through the edge there, and make every call once. At a third of the time a part
is lost, at two thirds it comes back. Then the workers finish what is open, and what the
shoppers were told is compared with the database. It exits 1 if anything was oversold, lost or
duplicated, if anything stays pending, or if the audit finds anything. Rates and times are
printed as met or not met.

The faults, each in a shop of its own, and all of them where none is named:

` + describeFaults() + `
It needs pg_basebackup, which is part of PostgreSQL's packages. The folder of a run that found
something, with its database and logs, is kept.`,
		Example: `  meridian chaos world
  meridian chaos world kill-region kill-primary
  meridian chaos world kill-primary --duration 3m --shoppers 4 --json
  meridian chaos world --list`,
		ValidArgs: outage.Names(),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if list {
				fmt.Fprint(c.OutOrStdout(), describeFaults())
				return nil
			}
			faults, err := outage.Find(args...)
			if err != nil {
				return usageError{err}
			}
			if config.Regions, err = regions.Shipped(); err != nil {
				return err
			}
			if err := config.Validate(); err != nil {
				return usageError{err}
			}
			return runChaosWorld(c, faults, config, asJSON)
		},
	}
	flags := command.Flags()
	flags.DurationVar(&config.Duration, "duration", time.Minute, "how long shoppers buy in each run")
	flags.IntVar(&config.ShoppersEach, "shoppers", 2, "how many buy in each region at the same time")
	flags.DurationVar(&config.SettleWithin, "settle-within", 3*time.Minute, "how long the workers may then take")
	flags.BoolVar(&list, "list", false, "print the faults and end")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

func describeFaults() string {
	var text strings.Builder
	for _, f := range outage.Faults {
		fmt.Fprintf(&text, "  %-18s%s\n", f.Name, f.About)
	}
	return text.String()
}

func runChaosWorld(c *cobra.Command, faults []outage.Fault, config outage.Config, asJSON bool) error {
	var results []outage.Result
	clean := true
	for i, fault := range faults {
		config.Tell = func(line string) {
			fmt.Fprintf(c.ErrOrStderr(), "%s, %d of %d: %s\n", fault.Name, i+1, len(faults), line)
		}
		result, err := runFault(c, fault, config)
		if c.Context().Err() != nil {
			return fmt.Errorf("stopped in %s", fault.Name)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", fault.Name, err)
		}
		clean = clean && result.Clean()
		results = append(results, result)
	}
	if err := printChaosWorld(c.OutOrStdout(), results, asJSON); err != nil {
		return err
	}
	if !clean {
		return errChaos
	}
	return nil
}

// runFault runs a fault in a folder of its own, which stays if the run is not clean.
func runFault(c *cobra.Command, fault outage.Fault, config outage.Config) (result outage.Result, err error) {
	if config.Dir, err = embedded.TempDir("meridian-chaos-world-"); err != nil {
		return result, err
	}
	defer func() {
		if c.Context().Err() == nil && (err != nil || !result.Clean()) {
			config.Tell("the shop is in " + config.Dir)
			return
		}
		err = errors.Join(err, os.RemoveAll(config.Dir))
	}()
	logFile, err := os.Create(filepath.Join(config.Dir, demoLog))
	if err != nil {
		return result, fmt.Errorf("open the servers' log: %w", err)
	}
	defer logFile.Close()
	if config.Log, err = telemetry.NewLogger(logFile, telemetry.LogConfig{Format: "text", Level: "info"}); err != nil {
		return result, err
	}
	return outage.Run(c.Context(), fault, config)
}

func printChaosWorld(out io.Writer, results []outage.Result, asJSON bool) error {
	if asJSON {
		return printWorldJSON(out, results)
	}
	for _, print := range []func(io.Writer, []outage.Result) error{printRequests, printTimes, printEdges, printBooks, printGoals} {
		if err := print(out, results); err != nil {
			return err
		}
		fmt.Fprintln(out)
	}
	return printWrong(out, results)
}

// worldRun is a run with its goals.
type worldRun struct {
	outage.Result
	Goals []outage.Goal `json:"goals"`
	Clean bool          `json:"clean"`
}

func printWorldJSON(out io.Writer, results []outage.Result) error {
	runs := make([]worldRun, len(results))
	for i, r := range results {
		runs[i] = worldRun{r, r.Goals(), r.Clean()}
	}
	return report.WriteJSON(out, map[string]any{"runs": runs})
}

// printRequests prints what became of the requests: success before, during and after the fault.
func printRequests(out io.Writer, results []outage.Result) error {
	table := report.NewFigures(out, "fault", "requests", "served", "sold out", "failed", "succeeded", "before", "during", "after",
		"last failed after")
	for _, r := range results {
		n := r.Whole.Requests
		table.Row(r.Fault, n.Total(), n.Served, n.Refused, n.Failed, outage.Percent(r.Whole.Success), outage.Percent(r.Before.Success),
			outage.Percent(r.During.Success), outage.Percent(r.After.Success), fmt.Sprintf("%.1f s", r.LastFailed))
	}
	return table.Flush()
}

// printTimes prints how long shoppers waited: before, during and after the fault.
func printTimes(out io.Writer, results []outage.Result) error {
	table := report.NewFigures(out, "fault", "reads p99, ms", "during", "after", "checkouts p99, ms", "during", "after",
		"no order for, s", "during", "after")
	for _, r := range results {
		table.Rowf("%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t", r.Fault,
			r.Before.Reads.P99, r.During.Reads.P99, r.After.Reads.P99, r.Before.Checkouts.P99, r.During.Checkouts.P99, r.After.Checkouts.P99,
			r.NoOrderBefore, r.NoOrder, r.NoOrderAfter)
	}
	return table.Flush()
}

// printEdges prints for how long, while the fault lasted, no order was placed at each edge.
func printEdges(out io.Writer, results []outage.Result) error {
	edges := slices.Sorted(maps.Keys(results[0].NoOrderAt))
	header := []any{"no order during the fault, s, at the edge of"}
	for _, edge := range edges {
		header = append(header, edge)
	}
	table := report.NewFigures(out, header...)
	for _, r := range results {
		row := []any{r.Fault}
		for _, edge := range edges {
			row = append(row, fmt.Sprintf("%.1f", r.NoOrderAt[edge]))
		}
		table.Row(row...)
	}
	return table.Flush()
}

// printBooks prints what the comparison with the database found.
func printBooks(out io.Writer, results []outage.Result) error {
	table := report.NewFigures(out, "fault", "orders", "oversold", "lost", "duplicated", "other", "pending", "verify", "settled in")
	for _, r := range results {
		found := "clean"
		if !r.Audit.Clean {
			found = fmt.Sprintf("%d broken, %d overdue", r.Audit.Broken, r.Audit.Overdue)
		}
		table.Row(r.Fault, r.Told, r.Oversold, r.Lost, r.Duplicated, r.Contradicted, r.Pending.Total(), found,
			fmt.Sprintf("%.1f s", r.Settled))
	}
	return table.Flush()
}

func printGoals(out io.Writer, results []outage.Result) error {
	table := report.NewTable(out)
	for _, r := range results {
		for _, goal := range r.Goals() {
			met := "met"
			if !goal.Met {
				met = "NOT MET"
			}
			table.Row(r.Fault, goal.Want, goal.Got, met)
		}
	}
	return table.Flush()
}

// printWrong prints what failed, at which edge while the fault lasted, and what was found broken.
func printWrong(out io.Writer, results []outage.Result) error {
	table := report.NewTable(out)
	for _, r := range results {
		for _, region := range slices.Sorted(maps.Keys(r.Edges)) {
			if edge := r.Edges[region]; edge.Failed > 0 {
				table.Row(r.Fault, "during, at the edge of "+region, fmt.Sprintf("%d of %d failed", edge.Failed, edge.Total()))
			}
		}
		byCount := func(a, b string) int { return cmp.Or(cmp.Compare(r.Failures[b], r.Failures[a]), strings.Compare(a, b)) }
		for _, what := range slices.SortedFunc(maps.Keys(r.Failures), byCount) {
			table.Row(r.Fault, "failed: "+what, r.Failures[what])
		}
		found := slices.Concat(r.Findings, r.Audit.Examples)
		for _, finding := range found[:min(len(found), maxFaultsShown)] {
			table.Row(r.Fault, "found", finding)
		}
	}
	return table.Flush()
}
