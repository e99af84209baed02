package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/demo"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// demoLog is where the servers' log lines are, in the shop's folder.
const demoLog = "servers.log"

func newDemoCommand() *cobra.Command {
	var config demo.Config
	var keep bool
	command := &cobra.Command{
		Use:   "demo",
		Short: "Take a tour of a fresh shop, and exit 1 if it breaks a promise",
		Long: `Opens a fresh shop in four regions, in a temporary folder and on any free ports, and goes
through it as shoppers and an operator do, over HTTP: browsing, customers, a race for the
last units, payments that go wrong, the loss of a region, money back, and the audit of the
whole database. It prints what it finds and how long it took, and exits 1 if the shop breaks
any promise, or if --limit is given and the tour takes longer.

Colours are for terminals only, and not where NO_COLOR is set.`,
		Example: `  meridian demo
  meridian demo --buyers 1000 --units 100 --seed 7
  meridian demo --keep`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runDemo(c, config, keep) },
	}
	flags := command.Flags()
	flags.IntVar(&config.Buyers, "buyers", 400, "how many race for the last units")
	flags.IntVar(&config.Units, "units", 50, "how many units they race for")
	flags.Uint64Var(&config.Seed, "seed", 1, "chooses the goods")
	flags.DurationVar(&config.Limit, "limit", 0, "how long the tour may take, such as 1m; 0 for as long as the machine needs")
	flags.BoolVar(&keep, "keep", false, "keep the shop's folder, for meridian up --dir")
	flags.StringVar(&config.DatabaseURL, "database-url", "", "use this empty database instead of starting one")
	return command
}

func runDemo(c *cobra.Command, config demo.Config, keep bool) (err error) {
	if config.Regions, err = regions.Shipped(); err != nil {
		return err
	}
	config.Out, config.Color, config.Version = c.OutOrStdout(), colorful(c.OutOrStdout()), version()
	if config.Dir, err = embedded.TempDir("meridian-demo-"); err != nil {
		return err
	}
	if keep {
		defer fmt.Fprintf(config.Out, "The shop is in %s; its servers' log is %s there.\n", config.Dir, demoLog)
	} else {
		defer os.RemoveAll(config.Dir)
	}
	if err := config.Validate(); err != nil {
		return usageError{err}
	}
	logFile, err := os.Create(filepath.Join(config.Dir, demoLog))
	if err != nil {
		return fmt.Errorf("open the servers' log: %w", err)
	}
	defer logFile.Close()
	if config.Log, err = telemetry.NewLogger(logFile, telemetry.LogConfig{Format: "text", Level: "warn"}); err != nil {
		return err
	}
	return demo.Run(c.Context(), config)
}

// colorful reports whether what is written there may be coloured.
func colorful(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && term.IsTerminal(int(file.Fd()))
}
