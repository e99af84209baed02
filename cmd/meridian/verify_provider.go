package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/local"
	"meridian/internal/order"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/pod"
)

// providerFlags say that the providers' books are to be compared, and since when.
type providerFlags struct {
	wanted bool
	since  time.Duration
}

func (f *providerFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.wanted, "provider", false, "compare the payment providers' books with the shop's, instead of the checks")
	c.Flags().DurationVar(&f.since, "since", 72*time.Hour, "with --provider: how far back to read the providers' books")
}

// compareBooks compares the books of every provider with the shop's, and writes what differs. It returns an error if
// anything does.
func compareBooks(c *cobra.Command, flags databaseFlags, asJSON bool, books providerFlags) error {
	if books.since <= 0 {
		return usageError{errors.New("--since: want a duration above zero, such as 72h")}
	}
	if err := flags.check(); err != nil {
		return err
	}
	config, err := configuredProviders(flags)
	if err != nil {
		return err
	}
	if config.DB, config.Regions, err = flags.open(c, database.Config{MaxConns: 2}); err != nil {
		return err
	}
	defer config.DB.Close()
	orders, now := order.New(config), time.Now().UTC()
	audits, differing := []order.BookAudit{}, 0
	for _, name := range slices.Sorted(maps.Keys(config.Providers)) {
		audit, err := orders.AuditBooks(c.Context(), name, now.Add(-books.since), now)
		if err != nil {
			return err
		}
		differing += len(audit.Findings)
		audits = append(audits, audit)
		if !asJSON {
			writeBookAudit(c.OutOrStdout(), audit)
		}
	}
	if asJSON {
		encoder := json.NewEncoder(c.OutOrStdout())
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"providers": audits}); err != nil {
			return err
		}
	}
	if differing > 0 {
		return fmt.Errorf("the books differ about %d payments: docs/operations.md says what to do", differing)
	}
	return nil
}

// configuredProviders returns a configuration of orders with the payment providers of the environment, or of the shop that
// is open in the folder.
func configuredProviders(flags databaseFlags) (config order.Config, err error) {
	var pods podFlags
	pods.readEnvironment()
	at := sandbox.ClientConfig{BaseURL: pods.sandboxURL, APIKey: pods.sandboxKey, WebhookSecret: pods.sandboxHooks}
	if shop, err := local.Opened(flags.dir); err == nil && at.BaseURL == "" && pods.stripeKey == "" && shop.DatabaseURL == flags.url {
		at = sandbox.ClientConfig{BaseURL: shop.SandboxURL, APIKey: shop.SandboxAPIKey, WebhookSecret: shop.SandboxWebhooks}
	}
	config.Providers, err = pod.NewProviders(at, stripe.Config{
		SecretKey: pods.stripeKey, WebhookSecrets: pods.stripeHooks, BaseURL: pods.stripeURL,
		Capture: stripe.Capture(os.Getenv("MERIDIAN_STRIPE_CAPTURE")),
	}, nil)
	if err == nil && len(config.Providers) == 0 {
		err = errors.New("no payment provider is named: set MERIDIAN_SANDBOX_URL or MERIDIAN_STRIPE_SECRET_KEY, with their secrets, " +
			"as for the shop's pods")
	}
	if err != nil {
		return config, usageError{err}
	}
	return config, nil
}

// writeBookAudit writes a line about a provider for people, and below it one for each difference.
func writeBookAudit(out io.Writer, audit order.BookAudit) {
	verdict := "ok"
	if len(audit.Findings) > 0 {
		verdict = "DIFFER"
	}
	fmt.Fprintf(out, "%-7s %s: %d payments and %d refunds there since %s; the books differ about %d payments\n", verdict, audit.Provider,
		audit.Payments, audit.Refunds, audit.From.Format(time.RFC3339), len(audit.Findings))
	for _, f := range audit.Findings {
		for _, d := range f.Differences {
			fmt.Fprintf(out, "        - %s %s in %s: the provider has %d, the shop %d %s", d.Kind, f.PaymentID, f.Region, d.ProviderMinor,
				d.BookMinor, d.Currency)
			for _, name := range []string{f.ProviderRef, d.RefundRef, d.RefundID} {
				if name != "" {
					fmt.Fprint(out, " "+name)
				}
			}
			fmt.Fprintln(out)
		}
	}
}
