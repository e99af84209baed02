package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/paymenttest"
	"meridian/regions"
)

// TestVerifyCommand_Provider compares an empty shop with a sandbox that holds none of its payments, then one.
func TestVerifyCommand_Provider(t *testing.T) {
	const key, hooks = "a key for the tests only", "a secret for the tests only"
	url := databasetest.URL(t)
	server := testkit.Must(sandbox.NewServer(sandbox.Config{
		APIKey: key, Secret: hooks, WebhookURL: func(string, int) string { return "" }, Logger: slog.New(slog.DiscardHandler),
	}))(t)
	api := httptest.NewServer(server)
	t.Cleanup(func() { testkit.NoError(t, server.Close()); api.Close() })
	meridian := func(args ...string) (code int, stdout, stderr string) {
		var out, faults bytes.Buffer
		args = append([]string{"verify", "--provider", "--database-url", url, "--dir", t.TempDir()}, args...)
		code = run(t.Context(), args, &out, &faults)
		return code, out.String(), faults.String()
	}
	if code, _, faults := meridian(); code != exitUsage || !strings.Contains(faults, "MERIDIAN_SANDBOX_URL") {
		t.Errorf("no provider exits %d: %s", code, faults)
	}
	t.Setenv("MERIDIAN_SANDBOX_URL", api.URL)
	t.Setenv("MERIDIAN_SANDBOX_API_KEY", key)
	t.Setenv("MERIDIAN_SANDBOX_WEBHOOK_SECRET", hooks)
	if code, out, faults := meridian(); code != 0 || !strings.Contains(out, "ok      sandbox: 0 payments and 0 refunds") {
		t.Errorf("equal books exit %d: %s%s", code, out, faults)
	}
	for _, args := range [][]string{{"--strict"}, {"--checks", "stock_ledger"}, {"--since", "0s"}} {
		if code, _, faults := meridian(args...); code != exitUsage {
			t.Errorf("%v exits %d: %s", args, code, faults)
		}
	}

	client := testkit.Must(sandbox.NewClient(sandbox.ClientConfig{BaseURL: api.URL, APIKey: key, WebhookSecret: hooks}))(t)
	in := paymenttest.Input("EUR", "card_success_now")
	in.PaymentID = testkit.Must(regions.Shipped())(t).FormatID(regions.PaymentPrefix, regions.Ref{Region: "us-west", ID: uuid.New()})
	testkit.Must(client.Start(t.Context(), in))(t)
	code, out, faults := meridian()
	if code != exitFailed || !strings.Contains(out, "DIFFER  sandbox: 1 payments") ||
		!strings.Contains(out, "payment_unknown "+in.PaymentID+" in us-west: the provider has 1250, the shop 0 EUR") ||
		!strings.Contains(faults, "docs/operations.md") {
		t.Errorf("differing books exit %d: %s%s", code, out, faults)
	}
	code, out, _ = meridian("--json")
	var report struct {
		Providers []struct {
			Provider string
			Payments int64
			Findings []struct {
				PaymentID   string `json:"payment_id"`
				Differences []payment.Difference
			}
		}
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || len(report.Providers) != 1 ||
		len(report.Providers[0].Findings) != 1 || report.Providers[0].Findings[0].Differences[0].ProviderMinor != 1250 {
		t.Errorf("--json exits %d, %v: %s", code, err, out)
	}

	api.CloseClientConnections()
	t.Setenv("MERIDIAN_SANDBOX_URL", "http://127.0.0.1:1")
	if code, out, faults := meridian(); code != exitFailed || out != "" || !strings.Contains(faults, "see that sandbox runs") {
		t.Errorf("an unreachable provider exits %d: %s%s", code, out, faults)
	}
}
