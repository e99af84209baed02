package fx

import (
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// QueueLoad adds to a batch the reading of all rates that are in force at from or come to be
// until, ordered by currency, ValidFrom and Day: what NewTable needs to answer for any moment
// between the two. A zero from reads the whole history before until, a zero until all that is
// to come.
func QueueLoad(b *database.Batch, from, until time.Time, into *[]Rate) {
	if until.IsZero() {
		until = endOfTime
	}
	// Those that begin in between, and of each currency and source the last before.
	b.Queue(`
SELECT r.currency, r.source, r.day, r.rate, r.valid_from, r.valid_to
FROM (
  SELECT currency, source, day, rate, valid_from, valid_to
  FROM fx_rates
  WHERE status = 'in_force' AND valid_from > $1 AND valid_from <= $2
  UNION ALL
  SELECT latest.currency, latest.source, latest.day, latest.rate, latest.valid_from, latest.valid_to
  FROM (SELECT DISTINCT currency, source FROM fx_rates) AS known
  CROSS JOIN LATERAL (
    SELECT f.currency, f.source, f.day, f.rate, f.valid_from, f.valid_to
    FROM fx_rates f
    WHERE f.currency = known.currency AND f.source = known.source AND f.status = 'in_force' AND f.valid_from <= $1
      AND (f.valid_to IS NULL OR f.valid_to > f.valid_from)
    ORDER BY f.valid_from DESC, f.day DESC
    LIMIT 1
  ) AS latest
) AS r
WHERE r.valid_to IS NULL OR (r.valid_to > r.valid_from AND r.valid_to > $1) -- not those that never were, or are over
ORDER BY r.currency, r.valid_from, r.day`, from.UTC(), until.UTC()).Query(database.Collect(into, scanRate))
}

// endOfTime is later than any rate.
var endOfTime = time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC)

func scanRate(row pgx.CollectableRow) (r Rate, err error) {
	err = row.Scan(&r.Currency, &r.Source, &r.Day, &r.Rate, &r.ValidFrom, &r.ValidTo)
	r.ValidFrom = r.ValidFrom.UTC()
	return r, err
}
