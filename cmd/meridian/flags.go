package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/local"
	"meridian/internal/telemetry"
	"meridian/regions"
)

// databaseFlags name the database a command works on, and the region its connections belong to.
type databaseFlags struct{ url, dir, region string }

// register adds --database-url and --dir. Without a URL, the command works on the shop that is open in the folder.
func (f *databaseFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.url, "database-url", "",
		"postgres:// URL of the shop's database [MERIDIAN_DATABASE_URL]; else the shop that is open in --dir")
	c.Flags().StringVar(&f.dir, "dir", local.DefaultDir, "folder of a shop that 'meridian up' has open")
	c.PreRunE = func(*cobra.Command, []string) error {
		err := f.find(f.dir)
		if errors.Is(err, local.ErrClosed) {
			return nil // check says what to do
		}
		return err
	}
}

// find completes the URL from the environment, or from the shop that is open in the folder. It returns an error that
// wraps local.ErrClosed if no shop is open there.
func (f *databaseFlags) find(dir string) error {
	if f.url = cmp.Or(f.url, os.Getenv("MERIDIAN_DATABASE_URL")); f.url != "" {
		return nil
	}
	shop, err := local.Opened(dir)
	f.url = shop.DatabaseURL
	return err
}

// check returns a usage error if no database is named.
func (f *databaseFlags) check() error {
	if f.url == "" {
		return usageError{fmt.Errorf("no database is named, and no shop is open in %s: give --database-url, "+
			"set MERIDIAN_DATABASE_URL, or give --dir of a shop that 'meridian up' has open", f.dir)}
	}
	return nil
}

// open connects to the database with the limits in config and returns it with the shop's regions. The region is the
// primary one unless a flag names another. The caller closes the database.
func (f *databaseFlags) open(c *cobra.Command, config database.Config) (*database.DB, *regions.Set, error) {
	if err := f.check(); err != nil {
		return nil, nil, err
	}
	set, err := regions.Shipped()
	if err != nil {
		return nil, nil, err
	}
	config.URL, config.Region = f.url, cmp.Or(f.region, set.Primary().Name)
	if _, ok := set.Get(config.Region); !ok {
		return nil, nil, usageError{fmt.Errorf("region %q is not one of %v", config.Region, set.Names())}
	}
	path := strings.Fields(c.CommandPath())
	config.ApplicationName = "meridian-" + path[min(1, len(path)-1)]
	config.IdleInTransactionTimeout = config.StatementTimeout
	db, err := database.Open(c.Context(), config)
	return db, set, err
}

// logFlags say how a server writes its log.
type logFlags struct{ format, level string }

func (f *logFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.format, "log-format", environment("MERIDIAN_LOG_FORMAT", "json"), "json or text [MERIDIAN_LOG_FORMAT]")
	c.Flags().StringVar(&f.level, "log-level", environment("MERIDIAN_LOG_LEVEL", "info"),
		"debug, info, warn or error [MERIDIAN_LOG_LEVEL]")
}

// logger returns the log that the flags ask for.
func (f *logFlags) logger(out io.Writer) (*slog.Logger, error) {
	return telemetry.NewLogger(out, telemetry.LogConfig{Format: f.format, Level: f.level})
}

// actorFlag adds the flag that says who acts, for the audit.
func actorFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "actor", "command-line", "who does it, for the audit: a public account id")
}

// reasonFlag adds the flag that says why something is changed; needReason checks it.
func reasonFlag(c *cobra.Command, into *string) {
	c.Flags().StringVar(into, "reason", "", "why, in one line, for the audit; must be given")
}

// needReason returns a usage error if the reason is blank.
func needReason(reason string) error {
	if strings.TrimSpace(reason) == "" {
		return usageError{errors.New("no reason is given: say why in one line with --reason")}
	}
	return nil
}

// oneArg wants the one argument that the command's usage names.
func oneArg(c *cobra.Command, args []string) error { return exactArgs(1)(c, args) }

// atMostOneArg wants no more than the argument that the command's usage names.
func atMostOneArg(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return oneArg(c, args)
}

// exactArgs returns a check for as many arguments as the command's usage names.
func exactArgs(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError{fmt.Errorf("%d arguments: use %s", len(args), c.UseLine())}
	}
}

// environment returns the variable's value, or otherwise if it is not set.
func environment(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok {
		return value
	}
	return otherwise
}

// list returns the variable's values, which commas or spaces separate.
func list(name string) []string {
	return strings.FieldsFunc(os.Getenv(name), func(r rune) bool { return r == ',' || r == ' ' })
}

// stopped returns err, or nil if ctx has ended: then the user stopped the command.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
