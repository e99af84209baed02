package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/fx"
	"meridian/internal/invalid"
	"meridian/internal/money"
)

func newFXCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "fx",
		Short: "Import exchange rates, and decide about those that are held",
		Long: `Imports the exchange rates that prices are converted at, lists them, enters one by hand, and
decides about those that are held because they are too far from the rate before. A rate is
units of a currency for one euro.

The past never changes: a change takes effect ` + fx.DefaultLead.String() + ` after it was made, when every
pod has read it.`,
	}
	command.AddCommand(newFXImportCommand(), newFXListCommand(), newFXSetCommand(), newFXConfirmCommand(), newFXRejectCommand(),
		newFXWithdrawCommand())
	return command
}

// fxFlags are the flags of every command on exchange rates.
type fxFlags struct {
	databaseFlags
	maxJumpBP int64
}

// withRates runs do on the shop's exchange rates.
func (f *fxFlags) withRates(c *cobra.Command, do func(*fx.Rates) error) error {
	if err := f.check(); err != nil {
		return err
	}
	if f.maxJumpBP < 0 {
		return usageError{errors.New("--max-jump must not be below zero: give hundredths of a percent")}
	}
	db, _, err := f.open(c, database.Config{MaxConns: 1, StatementTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer db.Close()
	rates, err := fx.New(fx.Config{DB: db, Lead: fx.DefaultLead, MaxJumpBP: f.maxJumpBP})
	if err != nil {
		return err
	}
	return do(rates)
}

// maxJumpFlag adds the bound from which on a rate is held or refused.
func (f *fxFlags) maxJumpFlag(c *cobra.Command) {
	c.Flags().Int64Var(&f.maxJumpBP, "max-jump", 1000, "how far a rate may be from the one before, in hundredths of a percent")
}

func newFXImportCommand() *cobra.Command {
	var flags fxFlags
	var actor string
	var manual bool
	command := &cobra.Command{
		Use:   "import [FILE|URL]",
		Short: "Import the ECB's reference rates; the same file again changes nothing",
		Long: `Imports a file of the European Central Bank's reference rates, as XML or CSV, plain, gzipped
or zipped, from a file or an http or https URL. Without one it is the history that comes with
the program. The bank keeps its files at https://www.ecb.europa.eu/stats/eurofxref/:

  eurofxref-daily.xml       the last working day
  eurofxref-hist-90d.xml    the last 90 days
  eurofxref-hist.zip        every day since 1999

Import the longest history first: the first rates of a currency count from the day they are
of. After that nothing changes the past. A rate that is too far from the one before is held
until it is confirmed or rejected.

With --manual the rates are the shop's own, in the same format, and count before the bank's.`,
		Example: `  meridian fx import
  meridian fx import https://www.ecb.europa.eu/stats/eurofxref/eurofxref-hist-90d.xml
  meridian fx import our-rates.csv --manual`,
		Args: atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			if manual && len(args) == 0 {
				return usageError{errors.New("--manual needs a file: what comes with the program is the bank's")}
			}
			source, err := fxSource(args)
			if err != nil {
				return usageError{err}
			}
			return flags.withRates(c, func(rates *fx.Rates) error { return importRates(c, rates, source, manual, actor) })
		},
	}
	flags.register(command)
	flags.maxJumpFlag(command)
	actorFlag(command, &actor)
	command.Flags().BoolVar(&manual, "manual", false, "the rates are the shop's own, not the bank's")
	return command
}

// fxSource returns the file or URL to import, or the shipped history if none is named.
func fxSource(args []string) (*fx.ECB, error) {
	if len(args) == 0 {
		return fx.Shipped(), nil
	}
	return fx.NewECB(fx.ECBConfig{Location: args[0]})
}

func importRates(c *cobra.Command, rates *fx.Rates, file *fx.ECB, manual bool, actor string) error {
	var source fx.Source = file
	if manual {
		own, err := file.Fetch(c.Context())
		if err != nil {
			return fxError(err)
		}
		source = fx.Manual(own)
	}
	report, err := rates.Import(c.Context(), source, actor)
	if err != nil {
		return fxError(err)
	}
	writeHeld(c.ErrOrStderr(), report)
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d rates new (%d held, %d too late to be in force), %d unchanged, %d conflicts%s\n",
		report.Source, report.New, report.Held, report.Late, report.Unchanged, report.Conflicts, ignoredCurrencies(report))
	return err
}

// ignoredCurrencies returns a clause that lists the currencies of the file that the shop does not use.
func ignoredCurrencies(report fx.Report) string {
	if len(report.Ignored) == 0 {
		return ""
	}
	return "; not in use: " + strings.Join(report.Ignored, ", ")
}

// writeHeld lists the rates that wait for a decision, and those that conflict with what is stored.
func writeHeld(out io.Writer, report fx.Report) {
	for _, h := range report.HeldRates {
		fmt.Fprintf(out, "held: %s %s of %s, after %s: confirm or reject it\n", h.Currency, h.Rate, h.Day, h.Previous)
	}
	for _, conflict := range report.ConflictingRates {
		switch {
		case !conflict.Overlaps:
			fmt.Fprintf(out, "conflict: %s %s of %s: %s is stored, and stays\n", conflict.Currency, conflict.Rate, conflict.Day, conflict.Stored)
		case conflict.Until == nil:
			fmt.Fprintf(out, "conflict: %s %s of %s: a manual rate is in force until it is withdrawn\n", conflict.Currency, conflict.Rate,
				conflict.Day)
		default:
			fmt.Fprintf(out, "conflict: %s %s of %s: a manual rate is in force until %s\n", conflict.Currency, conflict.Rate, conflict.Day,
				conflict.Until.UTC().Format(time.RFC3339))
		}
	}
}

func newFXListCommand() *cobra.Command {
	var flags fxFlags
	var filter fx.ListFilter
	var currency, status string
	command := &cobra.Command{
		Use:   "list",
		Short: "List exchange rates, the newest first",
		Example: `  meridian fx list --currency USD
  meridian fx list --status held`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			filter.Currency, filter.Status = money.Currency(currency), fx.Status(status)
			return flags.withRates(c, func(rates *fx.Rates) error {
				page, err := rates.List(c.Context(), filter)
				if err != nil {
					return fxError(err)
				}
				return writeRates(c.OutOrStdout(), page.Items)
			})
		},
	}
	flags.register(command)
	command.Flags().StringVar(&currency, "currency", "", "only this currency, such as USD")
	command.Flags().StringVar(&filter.Source, "source", "", "only this source: ecb or manual")
	command.Flags().StringVar(&status, "status", "", "only these: in_force, held or rejected")
	command.Flags().IntVar(&filter.Limit, "limit", 50, "at most so many, 1 to 500")
	return command
}

func writeRates(out io.Writer, entries []fx.Entry) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "DAY\tCURRENCY\tRATE\tSOURCE\tSTATUS\tFROM\tTO")
	for _, e := range entries {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Day, e.Currency, e.Rate, e.Source, e.Status, shortTime(e.ValidFrom),
			shortTime(e.ValidTo))
	}
	return w.Flush()
}

// shortTime formats a time in UTC, or "-" for none.
func shortTime(at *time.Time) string {
	if at == nil {
		return "-"
	}
	return at.UTC().Format(time.RFC3339)
}

func newFXSetCommand() *cobra.Command {
	var flags fxFlags
	var in fx.ManualInput
	var from, to string
	command := &cobra.Command{
		Use:   "set CURRENCY RATE",
		Short: "Enter a rate by hand, which takes precedence over any other",
		Long: `Enters a rate by hand, in units of the currency for one euro. It takes precedence over any
other from --from, or as soon as every pod has it, until --to, or until it is withdrawn.`,
		Example: `  meridian fx set AED 4.2910 --reason "no other source"
  meridian fx set USD 1.17 --from 2026-05-01T00:00:00Z --to 2026-06-01T00:00:00Z --reason "fixed for May"`,
		Args: exactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			in.Currency = money.Currency(args[0])
			if in.Rate, err = money.ParseDecimal(args[1]); err != nil {
				return usageError{fmt.Errorf("RATE: %w", err)}
			}
			if err := cmp.Or(needReason(in.Reason), readPeriod(&in, from, to)); err != nil {
				return err
			}
			return flags.withRates(c, func(rates *fx.Rates) error {
				entry, err := rates.SetManual(c.Context(), in)
				return writeEntry(c, "set", entry, err)
			})
		},
	}
	flags.register(command)
	flags.maxJumpFlag(command)
	actorFlag(command, &in.Actor)
	reasonFlag(command, &in.Reason)
	command.Flags().StringVar(&from, "from", "", "when it comes into force, such as 2026-05-01T00:00:00Z; as soon as may be unless given")
	command.Flags().StringVar(&to, "to", "", "when it ends; when it is withdrawn unless given")
	command.Flags().BoolVar(&in.AcceptJump, "accept-jump", false, "accept a rate further than --max-jump from the published one")
	return command
}

// readPeriod parses --from and --to into in.
func readPeriod(in *fx.ManualInput, from, to string) (err error) {
	if from != "" {
		if in.ValidFrom, err = time.Parse(time.RFC3339, from); err != nil {
			return usageError{fmt.Errorf("--from %q must be a time such as 2026-05-01T00:00:00Z", from)}
		}
	}
	if to != "" {
		end, err := time.Parse(time.RFC3339, to)
		if err != nil {
			return usageError{fmt.Errorf("--to %q must be a time such as 2026-06-01T00:00:00Z", to)}
		}
		in.ValidTo = &end
	}
	return nil
}

func newFXConfirmCommand() *cobra.Command {
	return newFXDecisionCommand(cobra.Command{
		Use:     "confirm CURRENCY DAY",
		Short:   "Put a held rate in force",
		Example: `  meridian fx confirm TRY 2026-04-13 --reason "the bank's figure is right"`,
	}, "confirmed", true, (*fx.Rates).Confirm)
}

func newFXRejectCommand() *cobra.Command {
	return newFXDecisionCommand(cobra.Command{
		Use:     "reject CURRENCY DAY",
		Short:   "Reject a held rate: it never comes into force",
		Example: `  meridian fx reject TRY 2026-04-13 --reason "two digits were swapped"`,
	}, "rejected", true, (*fx.Rates).Reject)
}

func newFXWithdrawCommand() *cobra.Command {
	return newFXDecisionCommand(cobra.Command{
		Use:     "withdraw CURRENCY DAY",
		Short:   "End a rate that was entered by hand; DAY is as the list shows it",
		Example: `  meridian fx withdraw USD 2026-05-01T09:30:00.000000Z --reason "the bank's rate again"`,
	}, "withdrawn", false, (*fx.Rates).WithdrawManual)
}

// A decideFunc carries out a decision about a rate.
type decideFunc func(rates *fx.Rates, ctx context.Context, d fx.Decision) (fx.Entry, error)

// newFXDecisionCommand adds arguments, flags and the call of decide to a command that decides about one rate.
func newFXDecisionCommand(command cobra.Command, done string, anySource bool, decide decideFunc) *cobra.Command {
	var flags fxFlags
	var d fx.Decision
	command.Args = exactArgs(2)
	command.RunE = func(c *cobra.Command, args []string) error {
		if err := needReason(d.Reason); err != nil {
			return err
		}
		d.Currency, d.Day = money.Currency(args[0]), args[1]
		return flags.withRates(c, func(rates *fx.Rates) error {
			entry, err := decide(rates, c.Context(), d)
			return writeEntry(c, done, entry, err)
		})
	}
	flags.register(&command)
	actorFlag(&command, &d.Actor)
	reasonFlag(&command, &d.Reason)
	if anySource {
		command.Flags().StringVar(&d.Source, "source", fx.SourceECB, "whose rate it is: ecb or manual")
	}
	return &command
}

// writeEntry writes what a rate is after it was changed, or returns the error of the change.
func writeEntry(c *cobra.Command, done string, e fx.Entry, err error) error {
	if err != nil {
		return fxError(err)
	}
	period := ""
	switch {
	case e.Status != fx.InForce:
	case e.ValidTo == nil:
		period = ", in force from " + shortTime(e.ValidFrom)
	case e.ValidTo.Equal(*e.ValidFrom):
		period = ", never in force: a rate of a later day is, or it was ended before"
	default:
		period = fmt.Sprintf(", in force from %s to %s", shortTime(e.ValidFrom), shortTime(e.ValidTo))
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s %s for one euro, %s of %s%s\n", done, e.Rate, e.Currency, e.Source, e.Day, period)
	return err
}

// fxError turns errors that the caller can mend into usage errors.
func fxError(err error) error {
	var invalid *invalid.Error
	if errors.As(err, &invalid) || errors.Is(err, fx.ErrNotFound) || errors.Is(err, fx.ErrNotHeld) || errors.Is(err, fx.ErrOver) ||
		errors.Is(err, fs.ErrNotExist) {
		return usageError{err}
	}
	return err
}
