package demo

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meridian/internal/lab/audit"
	"meridian/internal/lab/report"
	"meridian/internal/payment/sandbox"
	"meridian/internal/verify"
)

func (t *tour) audit(ctx context.Context) error {
	left, took, err := audit.Settle(ctx, t.db, patience, nil)
	if err != nil {
		return err
	}
	t.check(left.Total() == 0, "none",
		"Left pending after %.1f s: %d orders, payments, refunds, webhooks or events.", took.Seconds(), left.Total())
	orders, err := audit.ReadOrders(ctx, t.db, t.Regions)
	if err != nil {
		return err
	}
	t.tellOrders(orders)
	if err := t.checkBooks(orders); err != nil {
		return err
	}
	return t.verify(ctx)
}

func (t *tour) tellOrders(orders map[string]*audit.Order) {
	byStatus := make(map[string]int64)
	for _, o := range orders {
		byStatus[o.Status]++
	}
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		parts = append(parts, report.Thousands(byStatus[status])+" "+status)
	}
	fmt.Fprintf(t.out, "     Orders: %s.\n", strings.Join(parts, ", "))
}

// checkBooks compares the shop's payments with what the payment company itself wrote down.
func (t *tour) checkBooks(orders map[string]*audit.Order) error {
	charges, err := sandbox.ReadBook(filepath.Join(t.Dir, "sandbox.log"))
	if err != nil {
		return fmt.Errorf("read the payment company's books: %w", err)
	}
	ours := make(map[string]*audit.Order) // by payment
	for _, o := range orders {
		ours[o.PaymentID] = o
	}
	seen := make(map[string]int) // charges of an order
	charged, orphaned, kept, differ := 0, 0, 0, 0
	for _, held := range charges {
		if held.CapturedMinor > 0 {
			charged++
			seen[held.OrderID]++
		}
		our, net := ours[held.ID], held.CapturedMinor-held.RefundedMinor()
		switch {
		case our == nil && net > 0:
			orphaned++
		case our != nil && our.Status == "cancelled" && net > 0:
			kept++
		}
		if our == nil {
			our = new(audit.Order)
		}
		if held.CapturedMinor != our.CapturedMinor || held.RefundedMinor() != our.RefundedMinor() {
			differ++
		}
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	t.check(twice == 0 && orphaned == 0 && kept == 0 && differ == 0, "none of these",
		"By the payment company's books: %s. Charged twice: %d, without an order: %d, kept for a cancelled one: %d, unlike ours: %d.",
		plural(charged, "charge"), twice, orphaned, kept, differ)
	return nil
}

// verify runs the audit that `meridian verify --strict` runs.
func (t *tour) verify(ctx context.Context) error {
	began := time.Now()
	found, err := audit.Verify(ctx, t.db, verify.Options{Regions: t.Regions, Strict: true, Examples: 3})
	if err != nil {
		return err
	}
	for _, example := range found.Examples {
		t.check(false, "nothing of that kind", "%s", example)
	}
	t.check(found.Clean, "nothing broken, nothing overdue",
		"meridian verify: %d checks of %s rows in %.1f s: %d broken, %d overdue.",
		found.Checks, report.Thousands(found.Examined), time.Since(began).Seconds(), found.Broken, found.Overdue)
	return nil
}
