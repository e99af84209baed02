package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"meridian/internal/local"
	"meridian/internal/telemetry"
	"meridian/regions"
)

func newUpCommand() *cobra.Command {
	var config local.Config
	var logLevel, pprofAddress string
	var meiliURLs []string
	command := &cobra.Command{
		Use:   "up",
		Short: "Open the whole shop on this machine, in every region",
		Long: `Opens the whole shop on this machine: a database of its own, a server for each region
with its workers, a payment sandbox, and the edge that sends shoppers to the nearest
region. The first start fills it with a catalogue; the data stays in the folder .meridian,
so that the next start is quick. Ctrl-C closes it.

The database is PostgreSQL 15 or newer, found on this machine or else fetched into the
user's cache folder. With --engine cockroach it
is a CockroachDB cluster with a node a region: the program is looked for in
COCKROACH_BINARY, then in PATH.

Each region searches with an index in the folder, unless --meili-url names a Meilisearch for
it. Their keys are in the environment: MERIDIAN_MEILI_API_KEY, and MERIDIAN_MEILI_REMOTE_KEYS
as region=key with commas between for those that have another.

With --wan the regions are as far apart as in the world: everything that one says to another,
to the database, the payment provider or from an edge passes through a link with the delay of
the real distance. Each region then has an edge of its own, for the shoppers near it.
meridian lab shows, cuts and slows the links and ends regions. With --standby the PostgreSQL
that is started has a synchronous standby in that region, which takes over when the primary
region is lost.`,
		Example: `  meridian up
  meridian up --port 9000 --dir /var/lib/meridian
  meridian up --engine cockroach
  meridian up --wan --standby eu-west
  meridian up --meili-url us-east=http://127.0.0.1:7700 --meili-url eu-west=http://127.0.0.1:7701
  meridian up --database-url postgres://shop@db.example:5432/shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			if config.MeiliURLs, err = byRegion(meiliURLs); err != nil {
				return usageError{fmt.Errorf("--meili-url %w=URL", err)}
			}
			return up(c, config, logLevel, pprofAddress)
		},
	}
	flags := command.Flags()
	flags.StringVar(&config.Dir, "dir", local.DefaultDir, "folder of the shop's data")
	flags.StringVar(&config.Engine, "engine", local.EnginePostgres, "database to start: postgres or cockroach")
	flags.StringVar(&config.DatabaseURL, "database-url", "", "use this database instead of starting one")
	flags.IntVar(&config.EdgePort, "port", local.DefaultEdgePort,
		"port for shoppers; the regions and the sandbox take those after it; 0 for any")
	flags.IntVar(&config.DatabasePort, "database-port", 0, "port of the database that is started; 0 for any")
	flags.BoolVar(&config.Empty, "empty", false, "do not fill the shop with the shipped catalogue")
	flags.StringArrayVar(&meiliURLs, "meili-url", nil, "Meilisearch of a region, as region=URL; may be repeated")
	flags.BoolVar(&config.WAN, "wan", false, "put the real distances between the regions")
	flags.StringVar(&config.Standby, "standby", "", "region of a synchronous standby of the database, with --wan")
	flags.BoolVar(&config.NoUnpaidLimits, "no-unpaid-limits", false, "let buyers hold any number of units unpaid, for load and replays")
	flags.StringVar(&logLevel, "log-level", "warn", "least level that is logged: debug, info, warn or error")
	flags.StringVar(&config.OTLPEndpoint, "otlp-endpoint", "", "OTLP/HTTP collector for traces and metrics [OTEL_EXPORTER_OTLP_ENDPOINT]")
	pprofFlag(command, &pprofAddress)
	return command
}

// up runs the shop until the command is stopped.
func up(c *cobra.Command, config local.Config, logLevel, pprofAddress string) (err error) {
	if config.Regions, err = regions.Shipped(); err != nil {
		return err
	}
	if config.Log, err = telemetry.NewLogger(c.ErrOrStderr(), telemetry.LogConfig{Format: "text", Level: logLevel}); err != nil {
		return usageError{err}
	}
	config.Out, config.Version = c.OutOrStdout(), version()
	config.OTLPEndpoint = cmp.Or(config.OTLPEndpoint, os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT"))
	if config.MeiliKeys, err = meiliKeys(config.MeiliURLs); err != nil {
		return usageError{err}
	}
	if err := config.Validate(); err != nil {
		return usageError{err}
	}
	stopPprof, err := servePprof(pprofAddress, c.OutOrStdout())
	if err != nil {
		return err
	}
	defer stopPprof()
	defer context.AfterFunc(c.Context(), func() {
		fmt.Fprintln(c.OutOrStdout(), "closing the shop; Ctrl-C again ends it at once")
	})()
	shop, err := local.Start(c.Context(), config)
	if err != nil {
		return stopped(c.Context(), err)
	}
	err = runAndDescribe(c.Context(), shop)
	if closeErr := shop.Close(); err == nil {
		err = closeErr
	}
	return err
}

// runAndDescribe runs the shop, and says that it is open once its search indexes are filled, or that they are not.
func runAndDescribe(ctx context.Context, shop *local.Shop) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() {
		defer end()
		ended <- shop.Run(ctx)
	}()
	select {
	case <-shop.Ready():
		if filled := shop.AwaitSearch(ctx); ctx.Err() == nil {
			shop.Describe(filled)
		}
	case <-ctx.Done():
	}
	return <-ended
}

// meiliKeys returns the keys of the regions' Meilisearch servers, from the environment.
func meiliKeys(urls map[string]string) (map[string]string, error) {
	own, err := byRegion(list("MERIDIAN_MEILI_REMOTE_KEYS"))
	if err != nil {
		return nil, errors.New("MERIDIAN_MEILI_REMOTE_KEYS: write each as region=key") // the text is secret
	}
	keys := make(map[string]string, len(urls))
	for region := range urls {
		keys[region] = cmp.Or(own[region], os.Getenv("MERIDIAN_MEILI_API_KEY"))
	}
	return keys, nil
}
