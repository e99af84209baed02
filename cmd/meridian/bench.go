package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/bench"
	labreport "meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/regions"
)

// benchFlags holds the flags of `meridian bench`.
type benchFlags struct {
	bench.Config
	dir          string
	through      string
	upArgs       []string
	asJSON, list bool
	strict       bool
}

func newBenchCommand() *cobra.Command {
	var flags benchFlags
	command := &cobra.Command{
		Use:   "bench [scenario…]",
		Short: "Measure the shop, each figure beside the limit of this machine",
		Long: `Measures a shop with a closed-loop load generator, in a process of its own and over real
HTTP: throughput, latencies, errors by code, retried transactions and database round trips.
Beside each figure stands the limit, measured in turns with it: for reads a bare handler
that answers the same bytes, for writes the bare statements of the same rows, on the same
database and its settings. It ends with the audit of 'meridian verify', and exits 1 if that
finds anything or if an operation failed otherwise than by being sold out. With --strict it
also exits 1 if the report says MISSED: a figure is below what is expected.

The shop is opened for it, in a process of its own and a folder that is removed at the
end; or it is one that is open, with --dir. The scenarios:

` + scenarioList(),
		Example: `  meridian bench
  meridian bench checkout hot-sku --duration 30s
  meridian bench hot-sku --stock 500 --clients 256
  meridian bench browse checkout --profile profiles --json
  meridian bench prices --skus 20000`,
		RunE: func(c *cobra.Command, args []string) error {
			flags.Scenarios = args
			return runBench(c, flags)
		},
	}
	flags.register(command)
	command.AddCommand(newBenchSearchCommand())
	return command
}

func (f *benchFlags) register(c *cobra.Command) {
	flags := c.Flags()
	flags.BoolVar(&f.list, "list", false, "list the scenarios and end")
	flags.StringVar(&f.dir, "dir", "", "measure the shop that 'meridian up' has open in this folder")
	flags.StringVar(&f.through, "through", "regions", "where calls are sent: regions, each shopper's own, or edge")
	flags.IntVar(&f.Clients, "clients", 64, "shoppers that call at once, spread evenly over the regions")
	flags.StringSliceVar(&f.ClientRegions, "regions", nil, "only shoppers of these regions")
	flags.DurationVar(&f.Duration, "duration", 10*time.Second, "how long each scenario, and each limit, is measured")
	flags.DurationVar(&f.WarmUp, "warm-up", 3*time.Second, "how long each goes before it is measured")
	flags.IntVar(&f.Rounds, "rounds", 2, "in how many turns scenario and limit are measured")
	flags.IntVar(&f.Lines, "lines", 2, "lines of an order, one unit each")
	flags.IntVar(&f.Products, "products", 1000, "products that shoppers spread over")
	flags.IntVar(&f.SKUs, "skus", 100_000, "SKUs that prices fills its shop with")
	flags.Int64Var(&f.Stock, "stock", 0, "units of the hot SKU; 0 for more than can be sold")
	flags.Uint64Var(&f.Seed, "seed", 1, "of what shoppers draw")
	flags.StringVar(&f.ProfileDir, "profile", "", "folder for profiles of the shop's processor time and allocations in each scenario")
	flags.StringSliceVar(&f.upArgs, "up", nil, "further flags of 'meridian up' for the shop that is opened, separated by commas")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
	strictFlag(c, &f.strict)
}

// strictFlag adds the flag that makes a missed floor an error.
func strictFlag(c *cobra.Command, strict *bool) {
	c.Flags().BoolVar(strict, "strict", false, "exit 1 if a figure is below what is expected (MISSED)")
}

// scenarioList returns the scenarios with what they are, a line each.
func scenarioList() string {
	var text strings.Builder
	table := labreport.NewTable(&text)
	for _, s := range bench.List() {
		table.Row("  "+s.Name, s.About)
	}
	_ = table.Flush()
	return text.String()
}

func runBench(c *cobra.Command, flags benchFlags) error {
	if flags.list {
		_, err := fmt.Fprint(c.OutOrStdout(), scenarioList())
		return err
	}
	if flags.Clients == 0 || flags.Duration == 0 {
		return usageError{errors.New("--clients and --duration: give more than 0")}
	}
	config, err := flags.config(c.ErrOrStderr())
	if err != nil {
		return err
	}
	closeShop, err := flags.openShop(c.Context(), &config)
	if err != nil {
		return stopped(c.Context(), err)
	}
	report, err := bench.Run(c.Context(), config)
	err = errors.Join(err, closeShop())
	if err != nil {
		return stopped(c.Context(), err)
	}
	return flags.finish(c.OutOrStdout(), report)
}

// finish prints the report and returns what is wrong with it.
func (f benchFlags) finish(out io.Writer, report bench.Report) (err error) {
	if f.asJSON {
		err = labreport.WriteJSON(out, report)
	} else {
		bench.Write(out, report)
	}
	err = errors.Join(err, report.Err())
	if f.strict {
		err = errors.Join(err, report.Missed())
	}
	return err
}

func (f benchFlags) config(progress io.Writer) (config bench.Config, err error) {
	config = f.Config
	if config.Regions, err = regions.Shipped(); err != nil {
		return config, err
	}
	executable, err := os.Executable()
	if err != nil {
		return config, fmt.Errorf("find this program: %w", err)
	}
	config.BareServer, config.Version = []string{executable, bareServerCommand}, version()
	config.ThroughEdge, config.OwnShop = f.through == "edge", f.dir == ""
	config.Tell = func(format string, args ...any) { fmt.Fprintf(progress, format+"\n", args...) }
	err = config.Validate()
	if f.through != "edge" && f.through != "regions" {
		err = errors.Join(err, fmt.Errorf("--through %q: use regions or edge", f.through))
	}
	if f.dir != "" && (f.ProfileDir != "" || len(f.upArgs) > 0) {
		err = errors.Join(err, errors.New("--profile and --up are for a shop that bench opens: leave --dir out"))
	}
	if err != nil {
		return config, usageError{err}
	}
	return config, nil
}

// openShop finds the shop to measure, or opens one. closeShop closes what it opened.
func (f benchFlags) openShop(ctx context.Context, config *bench.Config) (closeShop func() error, err error) {
	if f.dir != "" {
		address, err := local.Opened(f.dir)
		if errors.Is(err, local.ErrClosed) {
			return nil, usageError{fmt.Errorf("--dir %w: open one with meridian up --dir %s, or leave --dir out", err, f.dir)}
		}
		measureAt(config, address)
		return func() error { return nil }, err
	}
	dir, err := embedded.TempDir("meridian-bench-")
	if err != nil {
		return nil, err
	}
	args := f.upArgs
	if f.ProfileDir != "" {
		address, err := freeAddress()
		if err != nil {
			return nil, err
		}
		args, config.PprofURL = append(args, "--pprof", address), "http://"+address
	}
	config.Tell("opening a shop")
	shop, err := local.StartProcess(ctx, local.ProcessConfig{Dir: dir, Args: args})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	measureAt(config, shop.Address)
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		return errors.Join(shop.Stop(ctx), os.RemoveAll(dir))
	}, nil
}

func measureAt(config *bench.Config, a local.Address) {
	config.RegionURLs, config.EdgeURL, config.DatabaseURL, config.ShopPID = a.RegionURLs, a.EdgeURL, a.DatabaseURL, a.PID
}

// freeAddress returns an address of this machine on which nobody listens.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// bareServerCommand runs this program as the bare handler of a limit.
const bareServerCommand = "bench-bare-server"

func newBareServerCommand() *cobra.Command {
	return &cobra.Command{
		Use:     bareServerCommand,
		Short:   "Answer pages without a shop, for bench",
		Example: "  meridian " + bareServerCommand + " < pages.json",
		Hidden:  true,
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return bench.ServeBare(c.InOrStdin(), c.OutOrStdout()) },
	}
}
