package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/verify"
	"meridian/regions"
)

// auditTimeout is how long one statement of an audit may take: it reads whole tables.
const auditTimeout = time.Hour

func newVerifyCommand() *cobra.Command {
	var databaseURL string
	var asJSON bool
	var options verify.Options
	command := &cobra.Command{
		Use:   "verify",
		Short: "Audit the whole database: prove the shop's invariants, or exit 1",
		Long: `Reads the whole database and proves the shop's invariants: counters equal the ledger, no
stock below zero, every paid order has its allocation and one capture, totals add up, no
orphan, each personal row in its home region. It changes nothing and may run while the shop
is open. It prints what is broken, and exits 1 if anything is.

The checks:

  ` + strings.Join(verify.Names(), "\n  "),
		Example: `  meridian verify
  meridian verify --checks stock_ledger,stock_promises --examples 100
  meridian verify --strict --json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if databaseURL == "" {
				return errNoDatabaseURL
			}
			return audit(c, databaseURL, asJSON, options)
		},
	}
	databaseURLFlag(command, &databaseURL)
	command.Flags().StringSliceVar(&options.Checks, "checks", nil, "only these checks, separated by commas")
	command.Flags().IntVar(&options.Examples, "examples", 20, "how many broken rows of a check to print; -1 for none")
	command.Flags().BoolVar(&options.Strict, "strict", false, "count what is overdue as broken")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

func audit(c *cobra.Command, databaseURL string, asJSON bool, options verify.Options) (err error) {
	if options.Regions, err = regions.Shipped(); err != nil {
		return err
	}
	if !asJSON {
		options.Report = func(r verify.Result) { verify.WriteResult(c.OutOrStdout(), r) }
	}
	db, err := openToRead(c.Context(), databaseURL, options.Regions.Primary().Name)
	if err != nil {
		return err
	}
	defer db.Close()
	report, err := verify.Run(c.Context(), db, options)
	if errors.Is(err, verify.ErrUnknownCheck) {
		return usageError{err}
	}
	if err != nil {
		return err
	}
	if asJSON {
		err = verify.WriteJSON(c.OutOrStdout(), report)
	} else {
		verify.WriteSummary(c.OutOrStdout(), report)
	}
	switch {
	case err != nil:
		return err
	case !report.Clean && options.Strict:
		return fmt.Errorf("%d rows are broken and %d overdue", report.Broken, report.Overdue)
	case !report.Clean:
		return fmt.Errorf("%d rows are broken", report.Broken)
	}
	return nil
}

// openToRead opens the database for statements that read much and must not disturb the
// shop. On PostgreSQL they are deferrable: they wait for a snapshot that no transaction in
// flight can conflict with, and then neither fail nor make any other fail.
func openToRead(ctx context.Context, databaseURL, region string) (*database.DB, error) {
	config := database.Config{
		URL: databaseURL, Region: region, ApplicationName: "meridian-verify", MaxConns: 2, StatementTimeout: auditTimeout,
	}
	var err error
	if config.URL, err = withParameter(databaseURL, "default_transaction_read_only", "on"); err != nil {
		return nil, err
	}
	db, err := database.Open(ctx, config)
	if err != nil || db.Engine() != database.PostgreSQL {
		return db, err
	}
	db.Close()
	if config.URL, err = withParameter(config.URL, "default_transaction_deferrable", "on"); err != nil {
		return nil, err
	}
	return database.Open(ctx, config)
}

// withParameter is a connection URL with a setting of the session.
func withParameter(connection, name, value string) (string, error) {
	u, err := url.Parse(connection)
	if err != nil {
		return "", usageError{errors.New("the database URL is not a URL: want postgres://user:password@host:port/name")}
	}
	query := u.Query()
	query.Set(name, value)
	u.RawQuery = query.Encode()
	return u.String(), nil
}
