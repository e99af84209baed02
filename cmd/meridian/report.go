package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/finance/report"
	"meridian/internal/invalid"
)

func newReportCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "report",
		Short: "Write finance's reports",
		Long:  "Writes the reports of finance to standard output.",
	}
	command.AddCommand(newRevenueReportCommand())
	return command
}

// revenueFlags are the range of a report as its flags say it.
type revenueFlags struct {
	databaseFlags
	from, to, market, currency string
}

func newRevenueReportCommand() *cobra.Command {
	var flags revenueFlags
	command := &cobra.Command{
		Use:   "revenue",
		Short: "Write the revenue by day, market and currency as CSV",
		Long: `Writes a row for each day (of UTC), market and currency: what the orders paid on that day
brought in, and what the refunds that succeeded on it gave back, in minor units of the
orders' currency and of the reporting currency, at the rate booked on each order line.
net_minor is gross_minor and shipping_minor without refunds_minor; tax_minor is in
gross_minor, discount_minor is not. Orders placed when no rate was known have a row of
their own, without amounts in the reporting currency; unbooked_orders counts them.`,
		Example: `  meridian report revenue --from 2026-01-01 --to 2026-01-31
  meridian report revenue --from 2026-01-01 --to 2026-12-31 --market eu --currency EUR > revenue.csv`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return flags.run(c) },
	}
	flags.register(command)
	command.Flags().StringVar(&flags.from, "from", "", "the first day, such as 2026-01-01; must be given")
	command.Flags().StringVar(&flags.to, "to", "", fmt.Sprintf("the last day; must be given, less than %d days after the first",
		report.MaxDays))
	command.Flags().StringVar(&flags.market, "market", "", "only orders of this market, such as eu")
	command.Flags().StringVar(&flags.currency, "currency", "", "only orders in this currency, such as EUR")
	return command
}

// run writes the report.
func (f *revenueFlags) run(c *cobra.Command) error {
	asked, err := report.ParseRange(f.from, f.to, f.market, f.currency)
	if err != nil {
		return reportError(err)
	}
	db, _, err := f.open(c, database.Config{MaxConns: 1, StatementTimeout: auditTimeout})
	if err != nil {
		return err
	}
	defer db.Close()
	out := bufio.NewWriter(c.OutOrStdout())
	if err := report.Write(c.Context(), db, out, asked); err != nil {
		return reportError(err)
	}
	return out.Flush()
}

// reportError turns an error about the input, whose fields are flags, into a usage error.
func reportError(err error) error {
	var invalid *invalid.Error
	if !errors.As(err, &invalid) {
		return err
	}
	var faults []string
	for _, f := range invalid.Fields {
		faults = append(faults, "--"+f.Name+" "+f.Remedy)
	}
	return usageError{errors.New(strings.Join(faults, "; "))}
}
