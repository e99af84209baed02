package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
)

func TestVerifyCommand(t *testing.T) {
	url := databasetest.URL(t)
	db := databasetest.Open(t, url, "eu-west")
	meridian := func(args ...string) (code int, stdout, stderr string) {
		var out, faults bytes.Buffer
		code = run(t.Context(), append([]string{"verify"}, args...), &out, &faults)
		return code, out.String(), faults.String()
	}
	if code, out, faults := meridian("--database-url", url); code != 0 || !strings.Contains(out, "0 rows are broken") {
		t.Errorf("an empty shop exits %d: %s%s", code, out, faults)
	}
	if code, _, faults := meridian("--database-url", url, "--checks", "luck"); code != exitUsage || !strings.Contains(faults, "stock_ledger") {
		t.Errorf("an unknown check exits %d: %s", code, faults)
	}
	t.Setenv("MERIDIAN_DATABASE_URL", "")
	if code, _, _ := meridian(); code != exitUsage {
		t.Errorf("no database exits %d", code)
	}
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`
INSERT INTO carts (region, id, currency, country, status, expires_at)
VALUES ('eu-west', gen_random_uuid(), 'EUR', 'IE', 'ordered', now())`)
		b.Queue(`
INSERT INTO webhook_inbox (region, provider, event_id, event, received_at)
VALUES ('eu-west', 'sandbox', 'evt-1', '{}', now() - INTERVAL '1 hour')`)
		return nil
	}))
	if code, out, _ := meridian("--database-url", url); code != exitFailed || !strings.Contains(out, "BROKEN  ordered_carts") ||
		!strings.Contains(out, "crt_euw_") {
		t.Errorf("a broken shop exits %d: %s", code, out)
	}
	if code, out, _ := meridian("--database-url", url, "--checks", "webhooks_overdue"); code != 0 ||
		!strings.Contains(out, "overdue webhooks_overdue") {
		t.Errorf("a late shop exits %d: %s", code, out)
	}
	if code, _, _ := meridian("--database-url", url, "--checks", "webhooks_overdue", "--strict"); code != exitFailed {
		t.Errorf("a late shop, strictly, exits %d", code)
	}
	code, out, _ := meridian("--database-url", url, "--json")
	var report verify.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || report.Broken != 1 || report.Overdue != 1 {
		t.Errorf("--json exits %d: %v\n%s", code, err, out)
	}
}
