package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/lab/chaos/searching"
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
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "seed %d, %.0f s\t\n", r.Seed, r.Seconds)
	fmt.Fprintf(w, "edits\t%s\n", counts(r.Edits))
	fmt.Fprintf(w, "faults\t%s\n", counts(r.Faults))
	fmt.Fprintf(w, "searches answered by\t%s\n", counts(r.Searches))
	fmt.Fprintf(w, "answered with an error\t%s\n", counts(r.ServerErrors))
	fmt.Fprintf(w, "not answered\t%d\n", r.Unanswered)
	fmt.Fprintf(w, "answered by an index that was not full\t%d\n", r.Thin)
	fmt.Fprintf(w, "caught up in\t%.1f s\n", r.CaughtUp)
	for _, region := range slices.Sorted(maps.Keys(r.Compared)) {
		fmt.Fprintf(w, "%s\t%d compared, %d differ\n", region, r.Compared[region], r.Different[region])
	}
	for _, example := range r.Examples {
		fmt.Fprintf(w, "\t%s\n", example)
	}
	return w.Flush()
}

// counts are counted things in a line, by name.
func counts(of map[string]int) string {
	text, all := "", 0
	for _, name := range slices.Sorted(maps.Keys(of)) {
		text += fmt.Sprintf(", %s %d", name, of[name])
		all += of[name]
	}
	return fmt.Sprint(all) + text
}
