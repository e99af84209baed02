package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/bench"
	labreport "meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/regions"
)

// benchSearchFlags holds the flags of `meridian bench search`.
type benchSearchFlags struct {
	bench.SearchConfig
	sizes  []int
	upArgs []string
	asJSON bool
	strict bool
}

func newBenchSearchCommand() *cobra.Command {
	var flags benchSearchFlags
	command := &cobra.Command{
		Use:   "search",
		Short: "Measure searches, edits and imports beside the search engine alone",
		Long: `Opens a shop in a process of its own for each number of products, fills it by a seller's
import, and waits until every region finds them all. Then shoppers search in one region over
real HTTP: as they type, with all facets, and filtered. In turns with it, in this process,
the same searches are put to the shop's engine, and to the bleve library alone, over the same
documents. Then products are edited, and each edit is looked for in every region. With
--import, further products are imported into the first of the shops while shoppers search.

--data is a folder with pc_parts.jsonl.gz and pricerunner_offers.csv.gz; products are made of
their lines, and some are sold a second time where more are wanted.

It exits 1 if a search failed, an edit was not found or the audit finds anything. With
--strict it also exits 1 if the report says MISSED: a figure is not what is expected.`,
		Example: `  meridian bench search --data products_compiled
  meridian bench search --data products_compiled --products 10000 --duration 30s --json
  meridian bench search --data products_compiled --products 10000 --import 100000`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.register(command)
	return command
}

func (f *benchSearchFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.DataDir, "data", "", "folder of the files that products are made of")
	flags.IntSliceVar(&f.sizes, "products", []int{10_000, 100_000}, "numbers of products, a shop each")
	flags.StringVar(&f.Region, "region", "", "region where shoppers search; the primary one unless given")
	flags.IntVar(&f.Clients, "clients", 16, "shoppers that search at once")
	flags.DurationVar(&f.Duration, "duration", 10*time.Second, "how long each kind of search is measured, and the same without the shop")
	flags.DurationVar(&f.WarmUp, "warm-up", 3*time.Second, "how long goes before it is measured")
	flags.IntVar(&f.Rounds, "rounds", 4, "in how many turns")
	flags.IntVar(&f.Edits, "edits", 50, "products that are edited a second")
	flags.DurationVar(&f.EditFor, "edit-for", 20*time.Second, "how long products are edited; below 0 for not at all")
	flags.IntVar(&f.Import, "import", 0, "products that are imported while shoppers search, in the first shop")
	flags.Uint64Var(&f.Seed, "seed", 1, "of what is drawn")
	flags.StringSliceVar(&f.upArgs, "up", nil, "further flags of 'meridian up' for the shops, separated by commas")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON array")
	strictFlag(c, &f.strict)
}

func (f *benchSearchFlags) run(c *cobra.Command) error {
	configs, err := f.configs(c.ErrOrStderr())
	if err != nil {
		return usageError{err}
	}
	var reports []bench.SearchReport
	var faults []error
	for _, config := range configs {
		report, err := f.measure(c.Context(), config)
		if err != nil {
			return stopped(c.Context(), err)
		}
		if !f.asJSON {
			bench.WriteSearch(c.OutOrStdout(), report)
		}
		reports, faults = append(reports, report), append(faults, report.Err())
		if f.strict {
			faults = append(faults, report.Missed())
		}
	}
	if f.asJSON {
		faults = append(faults, labreport.WriteJSON(c.OutOrStdout(), reports))
	}
	return errors.Join(faults...)
}

// configs returns what to measure, a shop each.
func (f *benchSearchFlags) configs(progress io.Writer) (all []bench.SearchConfig, err error) {
	if f.Regions, err = regions.Shipped(); err != nil {
		return nil, err
	}
	if len(f.sizes) == 0 || f.Clients == 0 || f.Duration == 0 || f.Rounds == 0 || f.Edits == 0 || f.EditFor == 0 {
		return nil, errors.New("--products, --clients, --duration, --rounds, --edits and --edit-for: give more than 0")
	}
	f.Version = version()
	f.Tell = func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
	for i, products := range f.sizes {
		config := f.SearchConfig
		if config.Products = products; products < 1 {
			return nil, fmt.Errorf("--products %d: give 1 or more", products)
		}
		if i > 0 {
			config.Import = 0
		}
		if err := config.Validate(); err != nil {
			return nil, err
		}
		all = append(all, config)
	}
	return all, nil
}

// measure opens a shop, measures it and closes it.
func (f *benchSearchFlags) measure(ctx context.Context, config bench.SearchConfig) (report bench.SearchReport, err error) {
	dir, err := embedded.TempDir("meridian-bench-")
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	config.Tell("opening a shop")
	shop, err := local.StartProcess(ctx, local.ProcessConfig{Dir: filepath.Join(dir, "shop"), Args: append([]string{"--empty"}, f.upArgs...)})
	if err != nil {
		return report, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, shop.Stop(ctx))
	}()
	a := shop.Address
	config.RegionURLs, config.DatabaseURL, config.ShopPID = a.RegionURLs, a.DatabaseURL, a.PID
	config.OperatorEmail, config.OperatorPassword = a.OperatorEmail, a.OperatorPassword
	if config.Dir = filepath.Join(dir, "limit"); os.Mkdir(config.Dir, 0o700) != nil {
		return report, fmt.Errorf("make a folder in %s", dir)
	}
	return bench.SearchRun(ctx, config)
}
