package demo

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/payment/sandbox"
	"meridian/internal/verify"
	"meridian/regions"
)

func (t *tour) audit(ctx context.Context) error {
	began := time.Now()
	if err := t.settle(ctx); err != nil {
		return err
	}
	settled := time.Since(began)
	left, err := t.pending(ctx)
	if err != nil {
		return err
	}
	t.check(left == 0, fmt.Sprintf("Left pending after %.1f s: %d orders, payments, refunds, webhooks or events.", settled.Seconds(), left), "none")
	if err := t.tellOrders(ctx); err != nil {
		return err
	}
	if err := t.checkBooks(ctx); err != nil {
		return err
	}
	return t.verify(ctx)
}

// settle waits until the workers have nothing left to do.
func (t *tour) settle(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err := poll(waiting, func() (bool, error) {
		left, err := t.pending(ctx)
		return left == 0, err
	})
	if errors.Is(err, errOutOfPatience) {
		return nil // what is left is told
	}
	return err
}

// pending is how much waits for the workers.
func (t *tour) pending(ctx context.Context) (int64, error) {
	left, err := database.One(ctx, t.db, pgx.RowTo[int64], `
SELECT (SELECT count(*) FROM orders WHERE status = 'pending_payment')
  + (SELECT count(*) FROM payments WHERE status IN ('pending', 'requires_action'))
  + (SELECT count(*) FROM refunds WHERE status = 'pending')
  + (SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL)
  + (SELECT count(*) FROM outbox WHERE delivered_at IS NULL)`)
	if err != nil {
		return 0, fmt.Errorf("count what is pending: %w", err)
	}
	return left, nil
}

type statusCount struct {
	Status string
	Orders int64
}

func (t *tour) tellOrders(ctx context.Context) error {
	counts, err := database.List(ctx, t.db, pgx.RowToStructByPos[statusCount], `
SELECT status, count(*)
FROM orders
GROUP BY status
ORDER BY status`)
	if err != nil {
		return fmt.Errorf("count orders: %w", err)
	}
	var parts []string
	for _, c := range counts {
		parts = append(parts, thousands(c.Orders)+" "+c.Status)
	}
	fmt.Fprintf(t.out, "     Orders: %s.\n", strings.Join(parts, ", "))
	return nil
}

// booked is a payment in the shop's books.
type booked struct {
	ref                regions.Ref
	orderStatus        string
	captured, refunded int64
}

// checkBooks compares the shop's payments with what the payment company itself wrote down.
func (t *tour) checkBooks(ctx context.Context) error {
	charges, err := sandbox.ReadBook(filepath.Join(t.Dir, "sandbox.log"))
	if err != nil {
		return fmt.Errorf("read the payment company's books: %w", err)
	}
	ours, err := t.ourBooks(ctx)
	if err != nil {
		return err
	}
	seen := make(map[string]int) // charges of an order
	charged, orphaned, kept, differ := 0, 0, 0, 0
	for _, held := range charges {
		our, known := ours[held.ID]
		if held.CapturedMinor > 0 {
			charged++
			seen[held.OrderID]++
		}
		switch net := held.CapturedMinor - held.RefundedMinor(); {
		case !known && net > 0:
			orphaned++
		case our.orderStatus == "cancelled" && net > 0:
			kept++
		}
		if held.CapturedMinor != our.captured || held.RefundedMinor() != our.refunded {
			differ++
		}
	}
	twice := 0
	for _, n := range seen {
		if n > 1 {
			twice++
		}
	}
	t.check(twice == 0 && orphaned == 0 && kept == 0 && differ == 0,
		fmt.Sprintf("By the payment company's books: %s. Charged twice: %d, without an order: %d, kept for a cancelled one: %d, unlike ours: %d.",
			plural(charged, "charge"), twice, orphaned, kept, differ), "none of these")
	return nil
}

// ourBooks are the shop's payments, by public id.
func (t *tour) ourBooks(ctx context.Context) (map[string]booked, error) {
	list, err := database.List(ctx, t.db, func(row pgx.CollectableRow) (booked, error) {
		var b booked
		err := row.Scan(&b.ref.Region, &b.ref.ID, &b.captured, &b.refunded, &b.orderStatus)
		return b, err
	}, `
SELECT p.region::text, p.id, p.captured_minor, p.refunded_minor, o.status
FROM payments p
JOIN orders o ON o.region = p.region AND o.id = p.id`)
	if err != nil {
		return nil, fmt.Errorf("read the shop's payments: %w", err)
	}
	books := make(map[string]booked)
	for _, b := range list {
		books[t.Regions.FormatID(regions.PaymentPrefix, b.ref)] = b
	}
	return books, nil
}

// verify runs the audit that `meridian verify --strict` runs.
func (t *tour) verify(ctx context.Context) error {
	began := time.Now()
	found, err := verify.Run(ctx, t.db, verify.Options{Regions: t.Regions, Strict: true, Examples: 3})
	if err != nil {
		return err
	}
	var examined int64
	for _, result := range found.Results {
		examined += result.Examined
		for _, example := range result.Examples {
			t.check(false, fmt.Sprintf("%s: %s %s: %s", result.Check, example.Region, example.ID, example.Problem), result.About)
		}
	}
	t.check(found.Clean, fmt.Sprintf("meridian verify: %d checks of %s rows in %.1f s: %d broken, %d overdue.",
		len(found.Results), thousands(examined), time.Since(began).Seconds(), found.Broken, found.Overdue), "nothing broken, nothing overdue")
	return nil
}
