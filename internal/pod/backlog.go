package pod

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"meridian/internal/database"
	"meridian/internal/order"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/verify"
)

// watches returns the jobs that only measure: the backlog, the stock, the age of rates. They report no items.
func (p *Pod) watches() []job {
	return []job{
		{"backlog", 15 * time.Second, p.watchBacklog},
		{"stock audit", 10 * time.Minute, p.auditStock},
		{"rate age", 10 * time.Minute, p.Rates.MeasureOnce},
	}
}

// mostWaiting bounds how many rows of a queue are counted.
const mostWaiting = 10_000

// backlog holds how many rows wait in a queue, and since when the oldest does; nil if none does.
type backlog struct {
	queue   string
	waiting int64
	since   *time.Time
	now     time.Time
}

// watchBacklog measures the region's queues with one statement on partial indexes. It lives here because it reads the
// queues of several domains in one round trip.
func (p *Pod) watchBacklog(ctx context.Context) (int, error) {
	// $1 = region, $2 = most rows counted
	queues, err := database.List(ctx, p.DB, func(row pgx.CollectableRow) (b backlog, err error) {
		err = row.Scan(&b.queue, &b.waiting, &b.since, &b.now)
		return b, err
	}, `
SELECT queue, waiting, since, now()
FROM (
  SELECT 'orders' AS queue, count(*) AS waiting, min(at) AS since
  FROM (`+order.UnpaidSQL+`) AS unpaid
  UNION ALL
  SELECT 'refunds', count(*), min(at)
  FROM (`+payment.UnsentRefundsSQL+`) AS unsent
  UNION ALL
  SELECT 'webhooks', count(*), min(at)
  FROM (`+payment.UnreadNoticesSQL+`) AS unread
  UNION ALL
  SELECT 'events', count(*), min(at)
  FROM (`+outbox.UndeliveredSQL+`) AS undelivered
) AS queues`+p.DB.Engine().FollowerRead(), p.config.Region, mostWaiting)
	if err != nil {
		return 0, fmt.Errorf("read what waits: %w", err)
	}
	for _, b := range queues {
		label := metric.WithAttributes(attribute.String("queue", b.queue))
		p.metrics.waiting.Record(ctx, b.waiting, label)
		p.metrics.age.Record(ctx, b.age().Seconds(), label)
	}
	return 0, nil
}

func (b backlog) age() time.Duration {
	if b.since == nil {
		return 0
	}
	return max(b.now.Sub(*b.since), 0)
}

// stockChecks are the checks on stock rows, whose findings are errors of the inventory.
var stockChecks = []string{"stock_ledger", "stock_limits", "stock_promises", "stock_homes"}

// auditStock runs the stock checks of meridian verify and publishes their counts. Each reads the whole shop's stock,
// so it runs rarely. Regions that are cut off from each other each report what they see.
func (p *Pod) auditStock(ctx context.Context) (int, error) {
	report, err := verify.Run(ctx, p.DB, verify.Options{
		Regions: p.config.Regions, Checks: stockChecks, Examples: -1, Background: true,
	})
	if err != nil {
		return 0, fmt.Errorf("audit the stock: %w", err)
	}
	for _, result := range report.Results {
		p.metrics.broken.Record(ctx, result.Broken, metric.WithAttributes(attribute.String("check", result.Check)))
	}
	p.metrics.accuracy.Record(ctx, accuracy(report))
	p.metrics.audited.Record(ctx, float64(report.StartedAt.Unix()))
	return 0, nil
}

// accuracy returns the share of stock rows that no check finds broken. A row that two checks find counts twice, which
// errs on the side of the alarm.
func accuracy(report verify.Report) float64 {
	var rows int64
	for _, result := range report.Results {
		rows = max(rows, result.Examined)
	}
	if rows == 0 {
		return 1
	}
	return max(0, 1-float64(report.Broken)/float64(rows))
}
