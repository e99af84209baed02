package fx

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// updater is who imports for the worker, in the audit.
const updater = "worker"

// UpdateOnce imports from the configured source, if there is one and no pod got anything new from
// it within UpdateEvery, and returns how many rates were new. It may be called as often as one
// likes: it asks the database, and the source, once in UpdateEvery at most, until they fail. Two
// pods that ask the source at once do no harm: the second finds nothing new.
func (r *Rates) UpdateOnce(ctx context.Context) (int, error) {
	now := r.moment()
	if r.Source == nil || now.UnixNano() < r.nextUpdate.Load() {
		return 0, nil
	}
	newest, err := r.newestImport(ctx)
	if err != nil {
		return 0, fmt.Errorf("see when exchange rates came last: %w", err)
	}
	if next := newest.Add(r.UpdateEvery); now.Before(next) {
		r.nextUpdate.Store(next.UnixNano())
		return 0, nil
	}
	report, err := r.Import(ctx, r.Source, updater)
	if err != nil {
		return 0, err
	}
	r.nextUpdate.Store(now.Add(r.UpdateEvery).UnixNano())
	return report.New, nil
}

// newestImport returns when the source's newest rate was stored; the zero time for never.
func (r *Rates) newestImport(ctx context.Context) (time.Time, error) {
	newest, err := database.One(ctx, r.DB, pgx.RowTo[*time.Time], `
SELECT max(imported_at)
FROM fx_rates
WHERE source = $1`, r.Source.Name())
	if err != nil || newest == nil {
		return time.Time{}, err
	}
	return *newest, nil
}

// MeasureOnce records how old the oldest rate in use is (meridian.fx.rate.age), whatever it came
// from. It finds nothing to do, so it returns 0. One round trip.
func (r *Rates) MeasureOnce(ctx context.Context) (int, error) {
	now := r.moment()
	var rates []Rate
	err := r.DB.Read(ctx, func(b *database.Batch) error {
		QueueLoad(b, now, now, &rates)
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("measure exchange rates: %w", err)
	}
	if oldest, found := NewTable(rates).Oldest(now); found {
		r.metrics.age.Record(ctx, oldest.Age(now).Seconds())
	}
	return 0, nil
}
