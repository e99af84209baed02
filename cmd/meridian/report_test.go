package main

import (
	"strings"
	"testing"

	"meridian/internal/testkit/databasetest"
)

func TestReportRevenue(t *testing.T) {
	url := databasetest.URL(t)
	db := databasetest.Open(t, url, "eu-west")
	databasetest.Exec(t, db, `
INSERT INTO orders (region, id, cart_region, cart_id, status, transition_id, stock_regions, currency, country, market, subtotal_minor,
  shipping_minor,
  tax_minor, total_minor, prices_include_tax, email, ship_to, expires_at)
VALUES ('eu-west', '00000000-0000-4000-8000-000000000001', 'eu-west', '00000000-0000-4000-8000-000000000002', 'paid',
  '00000000-0000-4000-8000-000000000003', ARRAY['eu-west']::crdb_internal_region[], 'CHF', 'CH', 'ch', 1000, 200, 75, 1200, true, 'x',
  '{}', now())`)
	databasetest.Exec(t, db, `
INSERT INTO order_lines (region, order_id, line_no, sku, product_id, title, quantity, unit_price_minor, subtotal_minor, tax_rate_bp,
  tax_minor, total_minor,
  reporting_currency, reporting_rate, reporting_total_minor, reporting_tax_minor)
VALUES ('eu-west', '00000000-0000-4000-8000-000000000001', 1, 'A', '00000000-0000-4000-8000-000000000004', 'A', 1, 1000, 1000, 810, 75,
  1000,
  'EUR', '1.05', 1050, 79)`)
	databasetest.Exec(t, db, `
INSERT INTO order_history (region, order_id, version, status, actor, at)
VALUES ('eu-west', '00000000-0000-4000-8000-000000000001', 2, 'paid', 'system', '2026-03-01T12:00:00Z')`)
	code, stdout, stderr := meridianCommand(t, "report", "revenue", "--from", "2026-03-01", "--to", "2026-03-31", "--market", "ch",
		"--database-url", url)
	if want := "\n2026-03-01,ch,CHF,1,1,1000,200,75,0,0,1200,EUR,1050,210,79,0,0,1260,0\n"; code != 0 ||
		!strings.HasPrefix(stdout, "day,market,") || !strings.HasSuffix(stdout, want) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestReportRevenue_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	t.Setenv("MERIDIAN_DATABASE_URL", "")
	url := databasetest.URL(t)
	for _, test := range []struct {
		name string
		args []string
		want []string // in the error
	}{
		{"no range", nil, []string{"--from", "--to", "2026-01-31"}},
		{"a range backwards", []string{"--from", "2026-02-01", "--to", "2026-01-01"}, []string{"--to must not be before"}},
		{"too long a range", []string{"--from", "2020-02-01", "--to", "2026-01-01"}, []string{"--to", "400 days"}},
		{"no such currency", []string{"--from", "2026-02-01", "--to", "2026-02-01", "--currency", "euro"}, []string{"--currency", "EUR"}},
		{"no database", []string{"--from", "2026-02-01", "--to", "2026-02-01"}, []string{"--database-url"}},
		{"no such market", []string{"--from", "2026-02-01", "--to", "2026-02-01", "--market", "atlantis", "--database-url", url},
			[]string{"--market"}},
		{"an argument", []string{"2026"}, []string{"2026"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := meridianCommand(t, append([]string{"report", "revenue"}, test.args...)...)
			if stdout != "" || strings.Count(stderr, "\n") != 1 {
				t.Errorf("it writes %q and %q", stdout, stderr)
			}
			if test.name != "an argument" && code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
		})
	}
}
