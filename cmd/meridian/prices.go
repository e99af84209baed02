package main

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/finance"
	"meridian/internal/invalid"
	"meridian/internal/money"
	"meridian/internal/pricing"
)

func newPricesCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "prices",
		Short: "List and apply the strategies that markets price by",
		Long:  "Works on the rules behind prices.",
	}
	command.AddCommand(newStrategyCommand())
	return command
}

func newStrategyCommand() *cobra.Command {
	var flags databaseFlags
	var in finance.StrategyInput
	command := &cobra.Command{
		Use:   "strategy [NAME]",
		Short: "List the strategies, or put one in force",
		Long: `Puts a set of rules of markets in force that comes with the program, all of it at one instant; without
a name it lists them. The change is in finance's audit like any other. It waits until a second
person approves it at /v1/finance/changes. Nothing is overwritten: another strategy, such as the
one before, takes its place the same way.`,
		Example: `  meridian prices strategy
  meridian prices strategy regional --dry-run
  meridian prices strategy regional --reason "prices by region"`,
		Args: atMostOneArg,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && !in.DryRun {
				if err := needReason(in.Reason); err != nil {
					return err
				}
			}
			db, _, err := flags.open(c, database.Config{MaxConns: 1, StatementTimeout: time.Minute})
			if err != nil {
				return err
			}
			defer db.Close()
			prices, err := pricing.New(pricing.Config{DB: db})
			if err != nil {
				return err
			}
			shop := finance.New(finance.Config{DB: db, Prices: prices})
			if len(args) == 0 {
				found, err := shop.Strategies(c.Context())
				if err != nil {
					return err
				}
				return writeStrategies(c.OutOrStdout(), found)
			}
			in.Code = args[0]
			p, err := shop.SetStrategy(c.Context(), in)
			if err != nil {
				return strategyError(in.Code, err)
			}
			return writeStrategyProposal(c.OutOrStdout(), in, p)
		},
	}
	flags.register(command)
	actorFlag(command, &in.Actor)
	reasonFlag(command, &in.Reason)
	command.Flags().BoolVar(&in.DryRun, "dry-run", false, "tell the effect and change nothing")
	return command
}

// strategyError turns errors that the caller can mend into usage errors.
func strategyError(code string, err error) error {
	var invalid *invalid.Error
	switch {
	case errors.Is(err, finance.ErrNotFound):
		return usageError{fmt.Errorf("there is no strategy %q: 'meridian prices strategy' lists them", code)}
	case errors.As(err, &invalid):
		return usageError{err}
	}
	return err
}

func writeStrategies(out io.Writer, found []finance.FoundStrategy) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, s := range found {
		state := ""
		if s.InForce {
			state = ", in force"
		}
		fmt.Fprintf(w, "%s: %s%s\n", s.Code, s.Title, state)
		for _, m := range s.Markets {
			prices := "the sellers' prices, else converted"
			if m.FromBasePrice {
				prices = "the base price, converted"
			}
			fmt.Fprintf(w, "  %s\t× %s\t%s\n", m.Code, m.Multiplier, prices)
		}
		for _, code := range s.Ends {
			fmt.Fprintf(w, "  %s\t–\tis no market\n", code)
		}
	}
	return w.Flush()
}

func writeStrategyProposal(out io.Writer, in finance.StrategyInput, p finance.StrategyProposal) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FROM\tTO\tCOUNTRIES\tMULTIPLIER\tRISES\tFALLS\tSAME\tEXAMPLE")
	for _, m := range p.Effect.Moves {
		writeMarketMove(w, m)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	what := fmt.Sprintf("%d SKUs priced", p.Effect.SKUs)
	if p.Effect.More {
		what = "the first " + what
	}
	_, err := fmt.Fprintln(out, what+"; "+strategyState(in, p))
	return err
}

func writeMarketMove(w io.Writer, m finance.MarketMove) {
	countries, example := "the others", "-"
	if len(m.Countries) > 0 {
		countries = fmt.Sprint(len(m.Countries))
	}
	if len(m.Examples) > 0 {
		e := m.Examples[0]
		example = fmt.Sprintf("%s %s → %s", e.SKU, money.New(e.OldMinor, m.Currency), money.New(e.NewMinor, m.Currency))
	}
	fmt.Fprintf(w, "%s\t%s\t%s\t%s → %s\t%d\t%d\t%d\t%s\n", m.From, m.To, countries, m.OldMultiplier, m.NewMultiplier,
		m.Rises, m.Falls, m.Unchanged, example)
}

// strategyState says what became of a proposal.
func strategyState(in finance.StrategyInput, p finance.StrategyProposal) string {
	switch {
	case len(p.Effect.Moves) == 0:
		return in.Code + " is in force already"
	case in.DryRun && p.NeedsApproval:
		return "nothing is changed; a second person would have to approve it"
	case in.DryRun:
		return "nothing is changed"
	case p.Change.Status == finance.StatusPending:
		return "change " + p.Change.PublicID() + " waits for a second person to approve it"
	}
	return "change " + p.Change.PublicID() + " is applied"
}
