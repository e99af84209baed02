package api

import (
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/testkit"
)

// revenueOf sums the columns of the revenue of the days around now, as finance gets it.
func revenueOf(s *orderShop, query string) map[string]int64 {
	s.t.Helper()
	now := time.Now().UTC()
	w := s.as("admin").get("/v1/finance/reports/revenue?from=" + now.AddDate(0, 0, -1).Format(time.DateOnly) + "&to=" + now.AddDate(0, 0,
		1).Format(time.DateOnly) + query)
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") ||
		w.Header().Get("Cache-Control") != "no-store" {
		s.t.Fatalf("answered %d %v\n%s", w.Code, w.Header(), w.Body)
	}
	rows := testkit.Must(csv.NewReader(w.Body).ReadAll())(s.t)
	sums := make(map[string]int64)
	for _, row := range rows[1:] {
		for i, column := range rows[0] {
			n, err := strconv.ParseInt(row[i], 10, 64)
			if err == nil {
				sums[column] += n
			}
		}
	}
	return sums
}

// TestRevenueReport follows orders through the shop into the report: one that is kept, one that goes back in parts, and
// two that are not paid.
func TestRevenueReport(t *testing.T) {
	s := newOrderShop(t)
	kept, _ := s.paid("card_success_now", oneMug+`,{"sku":"BOOK","quantity":2}`)
	parts, _ := s.paid("card_success_now", `{"sku":"MUG","quantity":3}`)
	all := map[string]int64{
		"orders": 2, "units": 6, "gross_minor": kept.TotalMinor + parts.TotalMinor - kept.ShippingMinor - parts.ShippingMinor,
		"shipping_minor": kept.ShippingMinor + parts.ShippingMinor, "tax_minor": kept.TaxMinor + parts.TaxMinor, "discount_minor": 0,
		"refunds_minor": 0, "net_minor": kept.TotalMinor + parts.TotalMinor, "unbooked_orders": 0,
	}
	for _, column := range []string{"gross", "shipping", "tax", "discount", "refunds", "net"} {
		all["reporting_"+column+"_minor"] = all[column+"_minor"] // it is in euro too
	}
	if diff := cmp.Diff(all, revenueOf(s, "")); diff != "" {
		t.Errorf("before refunds (-want +got):\n%s", diff)
	}
	s.command(parts.ID, "refund", `{"reason":"kindness","lines":[{"line_no":1,"quantity":1}]}`)
	if diff := cmp.Diff(all, revenueOf(s, "&currency=EUR")); diff != "" {
		t.Errorf("a refund counts before it has succeeded (-want +got):\n%s", diff)
	}
	s.sendRefunds()
	s.command(parts.ID, "refund", `{"reason":"kindness","amount_minor":1}`)
	s.sendRefunds()
	s.command(parts.ID, "refund", `{"reason":"kindness"}`)
	s.sendRefunds()
	s.place("card_never", oneMug)
	s.place("card_declined_now", oneMug)
	all["refunds_minor"], all["net_minor"] = parts.TotalMinor, kept.TotalMinor
	all["reporting_refunds_minor"], all["reporting_net_minor"] = parts.TotalMinor, kept.TotalMinor
	if diff := cmp.Diff(all, revenueOf(s, "")); diff != "" {
		t.Errorf("after refunds (-want +got):\n%s", diff)
	}
	if got := revenueOf(s, "&currency=USD"); len(got) > 0 {
		t.Errorf("nothing was sold in dollars: %v", got)
	}
}

func TestRevenueReport_Refuses(t *testing.T) {
	s := newOrderShop(t)
	for _, test := range []struct {
		name, token, query string
		status             int
		say                string
	}{
		{"a guest", "", "?from=2026-01-01&to=2026-01-31", 401, "unauthenticated"},
		{"a customer", "ada", "?from=2026-01-01&to=2026-01-31", 403, "finance"},
		{"an operator", "operator", "?from=2026-01-01&to=2026-01-31", 403, "finance"},
		{"no range", "admin", "", 400, `"field":"from"`},
		{"no end", "admin", "?from=2026-01-01", 400, `"field":"to"`},
		{"twice", "admin", "?from=2026-01-01&from=2026-01-02&to=2026-01-31", 400, `"field":"from"`},
		{"backwards", "admin", "?from=2026-02-01&to=2026-01-31", 400, `"field":"to"`},
		{"too long", "admin", "?from=2024-01-01&to=2026-01-31", 400, `400 days`},
		{"no such currency", "admin", "?from=2026-01-01&to=2026-01-31&currency=eur", 400, `"field":"currency"`},
		{"no such market", "admin", "?from=2026-01-01&to=2026-01-31&market=atlantis", 400, `"field":"market"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := s.as(test.token)
			if test.token == "" {
				b = s.guest("")
			}
			w := b.get("/v1/finance/reports/revenue" + test.query)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.say) {
				t.Errorf("answered %d, want %d and %s\n%s", w.Code, test.status, test.say, w.Body)
			}
		})
	}
}

func TestReports_Bounded(t *testing.T) {
	r := newReports()
	var ends []func()
	for range maxReports {
		end, ok := r.begin()
		if !ok {
			t.Fatal("it refuses too early")
		}
		ends = append(ends, end)
	}
	if _, ok := r.begin(); ok {
		t.Error("there is no bound")
	}
	ends[0]()
	if _, ok := r.begin(); !ok {
		t.Error("one has ended, and another is refused")
	}
}
