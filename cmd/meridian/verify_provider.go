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
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/payment/stripe"
	"meridian/internal/pod"
	"meridian/regions"
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
	providers, err := configuredProviders(flags)
	if err != nil {
		return err
	}
	db, set, err := flags.open(c, database.Config{MaxConns: 2})
	if err != nil {
		return err
	}
	defer db.Close()
	orders := order.New(order.Config{DB: db, Regions: set, Providers: providers})
	now := time.Now().UTC()
	var audits []order.BookAudit
	for _, name := range slices.Sorted(maps.Keys(providers)) {
		audit, err := orders.AuditBooks(c.Context(), name, now.Add(-books.since), now)
		if errors.Is(err, payment.ErrUnavailable) {
			return fmt.Errorf("%w: see that %s runs, and that its address and secrets are those of the shop's pods", err, name)
		}
		if err != nil {
			return err
		}
		audits = append(audits, audit)
		if !asJSON {
			writeBookAudit(c.OutOrStdout(), set, audit)
		}
	}
	if asJSON {
		if err := writeBookAudits(c.OutOrStdout(), set, audits); err != nil {
			return err
		}
	}
	differing := 0
	for _, audit := range audits {
		differing += len(audit.Findings)
	}
	if differing > 0 {
		return fmt.Errorf("the books differ about %d payments: docs/operations.md says what to do", differing)
	}
	return nil
}

// configuredProviders returns the payment providers of the environment, or of the shop that is open in the folder.
func configuredProviders(flags databaseFlags) (map[string]payment.Provider, error) {
	var pods podFlags
	pods.readEnvironment()
	at := sandbox.ClientConfig{BaseURL: pods.sandboxURL, APIKey: pods.sandboxKey, WebhookSecret: pods.sandboxHooks}
	if shop, err := local.Opened(flags.dir); err == nil && at.BaseURL == "" && pods.stripeKey == "" && shop.DatabaseURL == flags.url {
		at = sandbox.ClientConfig{BaseURL: shop.SandboxURL, APIKey: shop.SandboxAPIKey, WebhookSecret: shop.SandboxWebhooks}
	}
	providers, err := pod.NewProviders(at, stripe.Config{
		SecretKey: pods.stripeKey, WebhookSecrets: pods.stripeHooks, BaseURL: pods.stripeURL,
		Capture: stripe.Capture(os.Getenv("MERIDIAN_STRIPE_CAPTURE")),
	}, nil)
	if err == nil && len(providers) == 0 {
		err = errors.New("no payment provider is named: set MERIDIAN_SANDBOX_URL or MERIDIAN_STRIPE_SECRET_KEY, with their secrets, " +
			"as for the shop's pods")
	}
	if err != nil {
		return nil, usageError{err}
	}
	return providers, nil
}

// writeBookAudit writes a line about a provider for people, and below it one for each difference.
func writeBookAudit(out io.Writer, set *regions.Set, audit order.BookAudit) {
	verdict := "ok"
	if len(audit.Findings) > 0 {
		verdict = "DIFFER"
	}
	fmt.Fprintf(out, "%-7s %s: %d payments and %d refunds there since %s; the books differ about %d payments\n", verdict, audit.Provider,
		audit.Payments, audit.Refunds, audit.From.Format(time.RFC3339), len(audit.Findings))
	for _, f := range audit.Findings {
		for _, d := range f.Differences {
			fmt.Fprintf(out, "        - %s %s in %s: the provider has %d, the shop %d %s%s\n", d.Kind,
				set.FormatID(regions.PaymentPrefix, f.Payment), f.Payment.Region, d.ProviderMinor, d.BookMinor, d.Currency, namesOf(f, d))
		}
	}
}

// namesOf returns what a difference is called by at the provider and in the shop, for the end of its line.
func namesOf(f payment.Finding, d payment.Difference) string {
	text := ""
	for _, name := range []string{f.ProviderRef, d.RefundRef, d.RefundID} {
		if name != "" {
			text += " " + name
		}
	}
	return text
}

// writeBookAudits writes the comparisons as one JSON object.
func writeBookAudits(out io.Writer, set *regions.Set, audits []order.BookAudit) error {
	type findingJSON struct {
		PaymentID   string               `json:"payment_id"`
		Region      string               `json:"region"`
		ProviderRef string               `json:"provider_ref,omitempty"`
		Differences []payment.Difference `json:"differences"`
	}
	type auditJSON struct {
		order.BookAudit
		Findings []findingJSON `json:"findings"`
	}
	all := make([]auditJSON, 0, len(audits))
	for _, audit := range audits {
		one := auditJSON{BookAudit: audit, Findings: []findingJSON{}}
		for _, f := range audit.Findings {
			one.Findings = append(one.Findings, findingJSON{
				set.FormatID(regions.PaymentPrefix, f.Payment), f.Payment.Region, f.ProviderRef, f.Differences,
			})
		}
		all = append(all, one)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{"providers": all})
}
