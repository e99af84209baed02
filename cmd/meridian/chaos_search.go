package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/lab/chaos/searching"
	"meridian/internal/lab/report"
	"meridian/regions"
)

func newChaosSearchCommand() *cobra.Command {
	var config searching.Config
	var asJSON bool
	command := &cobra.Command{
		Use:   "search",
		Short: "Break a shop's search on purpose, and prove that it always answers and loses no edit",
		Long: `Opens a shop of its own in a temporary folder. Sellers edit products and shoppers search
while engines are stopped, indexes wiped and regions torn down in the middle of a batch.
Then the faults end, the feeds catch up, and each region's index is compared with the
database. It exits 1 if a search was answered with a 5xx, not at all, or by an index that was
not full again, or if a document differs.`,
		Example: `  meridian chaos search
  meridian chaos search --duration 5m --edits 100 --seed 7 --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if config.Regions, err = regions.Shipped(); err != nil {
				return err
			}
			if err := config.Validate(); err != nil {
				return usageError{err}
			}
			return runChaosSearch(c, config, asJSON)
		},
	}
	flags := command.Flags()
	flags.Uint64Var(&config.Seed, "seed", 1, "decides what is edited, searched for and broken")
	flags.DurationVar(&config.Duration, "duration", time.Minute, "how long everything goes on")
	flags.IntVar(&config.Edits, "edits", 50, "edits a second")
	flags.IntVar(&config.Shoppers, "shoppers", 8, "how many search at the same time")
	flags.DurationVar(&config.CatchUp, "catch-up", 2*time.Minute, "how long the feeds may then take")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

func runChaosSearch(c *cobra.Command, config searching.Config, asJSON bool) (err error) {
	if config.Dir, err = os.MkdirTemp("", "meridian-chaos-search-"); err != nil {
		return fmt.Errorf("make a folder for the shop: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(config.Dir)) }()
	config.Tell = func(line string) { fmt.Fprintln(c.ErrOrStderr(), line) }
	result, err := searching.Run(c.Context(), config)
	if err != nil {
		return err
	}
	if err := printChaosSearch(c.OutOrStdout(), result, asJSON); err != nil {
		return err
	}
	if !result.Clean() {
		return errChaos
	}
	return nil
}

func printChaosSearch(out io.Writer, r searching.Result, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	table := report.NewTable(out)
	table.Row(fmt.Sprintf("seed %d, %.0f s", r.Seed, r.Seconds))
	table.Row("edits", counts(r.Edits))
	table.Row("faults", counts(r.Faults))
	table.Row("searches answered by", counts(r.Searches))
	table.Row("answered with an error", counts(r.ServerErrors))
	table.Row("not answered", r.Unanswered)
	table.Row("answered by an index that was not full", r.Thin)
	table.Row("caught up in", fmt.Sprintf("%.1f s", r.CaughtUp))
	for _, region := range slices.Sorted(maps.Keys(r.Compared)) {
		table.Row(region, fmt.Sprintf("%d compared, %d differ", r.Compared[region], r.Different[region]))
	}
	for _, example := range r.Examples {
		table.Row("", example)
	}
	return table.Flush()
}

// counts formats counts by name in a line, after their sum.
func counts(of map[string]int) string {
	text, all := "", 0
	for _, name := range slices.Sorted(maps.Keys(of)) {
		text += fmt.Sprintf(", %s %d", name, of[name])
		all += of[name]
	}
	return fmt.Sprint(all) + text
}
