package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/database/embedded"
	"meridian/internal/lab/replay"
	"meridian/internal/lab/report"
	"meridian/internal/local"
	"meridian/internal/verify"
	"meridian/regions"
)

func newReplayCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "replay",
		Short: "Send the orders of a real shop through this one",
	}
	command.AddCommand(newReplayOrdersCommand())
	return command
}

// replayFlags holds the flags of a replay.
type replayFlags struct {
	config      replay.Config
	dir         string
	countries   string
	speed       string
	from, to    string
	databaseURL string
	asJSON      bool
	passing     bool // the shop is opened for the replay alone
}

func newReplayOrdersCommand() *cobra.Command {
	var f replayFlags
	command := &cobra.Command{
		Use:   "orders FILE",
		Short: "Replay a file of real orders through the HTTP API, then audit the shop",
		Long: `Replays the order stream of a real shop: registrations, carts, checkouts, payments,
cancellations, returns and corrections of stock, in the file's order and with its baskets,
through the HTTP API. Stock is received first, so that the stream can be served; SKUs that
the shop does not have are put on sale at the file's price, if it has one. Lines that cannot be replayed
are counted by reason. It ends when nothing is pending, with a report and the audit, and
exits 1 if an invariant is broken.

FILE is CSV, plain or gzip, a line of an invoice a row. Its header names the columns, in any
order: invoice, kind (order, cancellation, stock_adjustment, adjustment), ts_local,
customer_id (empty for a guest), country_iso2, sku, line_kind (product, carriage …), qty
(below 0 on returns) and unit_price_gbp.

The shop is the one at --url, or the one that is open in --dir. If none is open, one is
opened for the replay: in --dir if that is given, else in a temporary folder that is removed
in the end. A replay that was stopped goes on where it was when the same command runs again.`,
		Example: `  meridian replay orders online_retail.csv.gz
  meridian replay orders online_retail.csv.gz --dir .meridian --clients 64
  meridian replay orders online_retail.csv.gz --from 2010-12-06 --to 2010-12-12 --speed 3600
  MERIDIAN_OPERATOR_PASSWORD=… meridian replay orders orders.csv --url https://shop.example --database-url postgres://…`,
		Args: oneArg,
		RunE: func(c *cobra.Command, args []string) error {
			f.config.File = args[0]
			return f.run(c)
		},
	}
	f.register(command)
	return command
}

func (f *replayFlags) register(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.dir, "dir", local.DefaultDir, "folder of the shop that is open, or that is to be opened")
	flags.StringVar(&f.config.Shop.URL, "url", "", "edge of a shop that runs elsewhere")
	flags.StringVar(&f.config.Shop.OperatorEmail, "operator", "operator@meridian.example",
		"with --url: operator and admin who receives stock and refunds [password: MERIDIAN_OPERATOR_PASSWORD]")
	flags.StringVar(&f.databaseURL, "database-url", "",
		"with --url: database to audit in the end; without it there is no audit [MERIDIAN_DATABASE_URL]")
	flags.StringVar(&f.config.State, "state", "",
		"file that lets the replay be resumed (default: in the shop's folder; with --url beside FILE)")
	flags.StringVar(&f.config.Seed, "seed", "1", "what countries are drawn by; another seed has other customers")
	flags.StringVar(&f.countries, "countries", "redrawn",
		"redrawn spreads the home country's buyers over the regions by their share of the traffic; as-is leaves them")
	flags.StringVar(&f.speed, "speed", "max", "seconds of the stream that go by in one, such as 3600, or max")
	flags.IntVar(&f.config.Clients, "clients", 32, "how many buyers there are at once")
	flags.StringVar(&f.from, "from", "", "first day that is replayed, such as 2010-12-01")
	flags.StringVar(&f.to, "to", "", "last day that is replayed")
	flags.IntVar(&f.config.Limit, "limit", 0, "most invoices that are replayed; 0 for all")
	flags.BoolVar(&f.asJSON, "json", false, "print one JSON object")
}

func (f *replayFlags) run(c *cobra.Command) (err error) {
	if err := f.parse(); err != nil {
		return usageError{err}
	}
	closeShop, err := f.findShop(c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeShop()) }()
	if err := f.config.Validate(); err != nil {
		return usageError{err}
	}
	report, err := f.replay(c)
	if err != nil {
		return err
	}
	return f.conclude(c, report)
}

// parse parses the flags that are words for something else.
func (f *replayFlags) parse() (err error) {
	if f.config.Regions, err = regions.Shipped(); err != nil {
		return err
	}
	switch f.countries {
	case "redrawn", "as-is":
		f.config.CountriesAsIs = f.countries == "as-is"
	default:
		return fmt.Errorf("--countries %q: use redrawn or as-is", f.countries)
	}
	if f.speed != "max" {
		f.config.Speed, err = strconv.ParseFloat(strings.TrimSuffix(f.speed, "x"), 64)
		if err != nil || !(f.config.Speed > 0) || math.IsInf(f.config.Speed, 0) {
			return fmt.Errorf("--speed %q: give how many seconds of the stream go by in one, such as 3600, or max", f.speed)
		}
	}
	if f.config.Clients < 1 {
		return fmt.Errorf("--clients %d: give 1 or more", f.config.Clients)
	}
	if f.config.From, err = dayOf("--from", f.from); err != nil {
		return err
	}
	if f.config.Until, err = dayOf("--to", f.to); err == nil && f.to != "" {
		f.config.Until = f.config.Until.AddDate(0, 0, 1) // that day too
	}
	return err
}

func dayOf(flag, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%s %q: give a day such as 2010-12-01", flag, text)
	}
	return day, nil
}

// findShop completes the configuration with the shop, which it opens if none is open. It returns a function that closes
// what it opened.
func (f *replayFlags) findShop(c *cobra.Command) (closeShop func() error, err error) {
	keep := func() error { return nil }
	if f.config.Shop.URL != "" {
		f.config.Shop.OperatorPassword = os.Getenv("MERIDIAN_OPERATOR_PASSWORD")
		if f.config.Shop.OperatorPassword == "" {
			return nil, usageError{errors.New("--url needs the operator's password: set MERIDIAN_OPERATOR_PASSWORD")}
		}
		f.config.Shop.URL = strings.TrimRight(f.config.Shop.URL, "/")
		f.databaseURL = cmp.Or(f.databaseURL, os.Getenv("MERIDIAN_DATABASE_URL"))
		f.config.State = cmp.Or(f.config.State, f.config.File+".replay")
		return keep, nil
	}
	address, err := local.Opened(f.dir)
	if err == nil {
		f.use(address, f.dir)
		return keep, nil
	}
	if !errors.Is(err, local.ErrClosed) {
		return nil, err
	}
	return f.openShop(c)
}

func (f *replayFlags) use(a local.Address, dir string) {
	f.config.Shop = replay.Shop{URL: a.EdgeURL, OperatorEmail: a.OperatorEmail, OperatorPassword: a.OperatorPassword}
	f.databaseURL = a.DatabaseURL
	f.config.State = cmp.Or(f.config.State, filepath.Join(dir, "replay-"+filepath.Base(f.config.File)))
}

// openShop opens a shop for the replay: in --dir, to stay, or else in a folder that goes with it.
func (f *replayFlags) openShop(c *cobra.Command) (closeShop func() error, err error) {
	dir, remove := f.dir, func() error { return nil }
	if !c.Flags().Changed("dir") {
		if dir, err = embedded.TempDir("meridian-replay-"); err != nil {
			return nil, err
		}
		f.passing, remove = true, func() error { return os.RemoveAll(dir) }
	}
	fmt.Fprintf(c.ErrOrStderr(), "No shop is open in %s: opening one in %s.\n", f.dir, dir)
	shop, err := local.StartProcess(c.Context(), local.ProcessConfig{Dir: dir})
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	f.use(shop.Address, dir)
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Context()), time.Minute)
		defer cancel()
		return errors.Join(shop.Stop(ctx), remove())
	}, nil
}

// replay runs the replay. When it is cut off, it returns the report so far.
func (f *replayFlags) replay(c *cobra.Command) (replay.Report, error) {
	bar := newProgress(c.ErrOrStderr(), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("invoices"),
		progressbar.OptionSetPredictTime(true))
	defer bar.end()
	f.config.Tell = bar.step
	f.config.Progress = func(done, total int64) { bar.report(done, total, fmt.Sprintf("%d of %d invoices", done, total)) }
	report, err := replay.Run(c.Context(), f.config)
	switch {
	case err == nil:
		return report, nil
	case errors.Is(err, replay.ErrInvalid), errors.Is(err, replay.ErrOtherRun):
		return report, usageError{err}
	case c.Context().Err() != nil:
		return report, f.stopped(report.Tally.Invoices)
	}
	return report, err
}

// stopped returns the error of a run that was cut off, which says how to go on.
func (f *replayFlags) stopped(after int64) error {
	if f.passing {
		return fmt.Errorf("stopped after %d invoices, and the shop that was opened for them is gone; "+
			"with --dir it stays, and the same command goes on where it was", after)
	}
	return fmt.Errorf("stopped after %d invoices; run the same command again to go on (state file %s)", after, f.config.State)
}

// conclude audits the shop and prints the report and the audit. It fails if anything is wrong.
func (f *replayFlags) conclude(c *cobra.Command, found replay.Report) error {
	out := c.OutOrStdout()
	if !f.asJSON {
		if err := found.WriteText(out); err != nil {
			return err
		}
	}
	var audited *verify.Report
	if f.databaseURL != "" {
		audit, err := auditAfter(c.Context(), f.databaseURL, f.config.Regions)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		audited = &audit
	}
	if !f.asJSON {
		writeAudit(out, audited)
	} else if err := report.WriteJSON(out, map[string]any{"replay": found, "audit": audited}); err != nil {
		return err
	}
	switch {
	case audited != nil && !audited.Clean:
		return fmt.Errorf("%d rows are broken", audited.Broken)
	case found.Outcome.Pending > 0:
		return fmt.Errorf("%d orders still have something pending", found.Outcome.Pending)
	}
	return nil
}

func writeAudit(out io.Writer, audited *verify.Report) {
	fmt.Fprintln(out)
	if audited == nil {
		fmt.Fprintln(out, "The shop was not audited: give its --database-url, or run meridian verify.")
		return
	}
	for _, result := range audited.Results {
		if result.Broken > 0 {
			verify.WriteResult(out, result)
		}
	}
	verify.WriteSummary(out, *audited)
}

// auditAfter audits the whole database.
func auditAfter(ctx context.Context, databaseURL string, set *regions.Set) (verify.Report, error) {
	db, err := database.Open(ctx, database.Config{
		URL: databaseURL, Region: set.Primary().Name, ApplicationName: "meridian-replay",
		MaxConns: 2, StatementTimeout: auditTimeout, IdleInTransactionTimeout: auditTimeout,
	})
	if err != nil {
		return verify.Report{}, err
	}
	defer db.Close()
	return verify.Run(ctx, db, verify.Options{Regions: set})
}
