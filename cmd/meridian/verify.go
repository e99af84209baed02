package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/verify"
)

// auditTimeout bounds one statement of an audit, which reads whole tables.
const auditTimeout = time.Hour

func newVerifyCommand() *cobra.Command {
	var flags databaseFlags
	var asJSON bool
	var options verify.Options
	var books providerFlags
	command := &cobra.Command{
		Use:   "verify",
		Short: "Audit the whole database: prove the shop's invariants, or exit 1",
		Long: `Reads the whole database and proves the shop's invariants: counters equal the ledger, no
stock below zero, every paid order has its allocation and one capture, totals add up, no
orphan, each personal row in its home region. It changes nothing and may run while the shop
is open. It prints what is broken, and exits 1 if anything is.

With --provider it compares the shop's payments and refunds with the books of its payment
providers instead: what was made there since --since, and what was found to differ before.
It exits 1 if they differ. Pods do the same every night, and book what they can explain,
such as a refund that somebody made in the provider's dashboard. Providers and their secrets
come from the environment, as for meridian serve, or from the shop that is open in --dir.

The checks:

  ` + strings.Join(verify.Names(), "\n  "),
		Example: `  meridian verify
  meridian verify --checks stock_ledger,stock_promises --examples 100
  meridian verify --strict --json
  meridian verify --provider --since 168h`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if books.wanted {
				if options.Strict || options.Checks != nil {
					return usageError{errors.New("--provider runs no checks: leave --checks and --strict out")}
				}
				return compareBooks(c, flags, asJSON, books)
			}
			return runVerify(c, flags, asJSON, options)
		},
	}
	flags.register(command)
	books.register(command)
	command.Flags().StringSliceVar(&options.Checks, "checks", nil, "only these checks, separated by commas")
	command.Flags().IntVar(&options.Examples, "examples", 20, "how many broken rows of a check to print; -1 for none")
	command.Flags().BoolVar(&options.Strict, "strict", false, "count what is overdue as broken")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return command
}

// runVerify runs the checks and writes what they find. It returns an error if any row is broken.
func runVerify(c *cobra.Command, flags databaseFlags, asJSON bool, options verify.Options) error {
	if !asJSON {
		options.Report = func(r verify.Result) { verify.WriteResult(c.OutOrStdout(), r) }
	}
	db, set, err := flags.open(c, database.Config{MaxConns: 2, StatementTimeout: auditTimeout})
	if err != nil {
		return err
	}
	options.Regions = set
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
