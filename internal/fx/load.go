package fx

import (
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// QueueLoad adds to a batch the reading of all rates that are in force at from or come to be
// later, ordered by currency, ValidFrom and Day: what NewTable needs to answer for any moment
// not before from. The zero time reads the whole history.
func QueueLoad(b *database.Batch, from time.Time, into *[]Rate) {
	b.Queue(`
SELECT r.currency, r.source, r.day, r.rate, r.valid_from, r.valid_to
FROM (
  SELECT currency, source, day, rate, valid_from, valid_to,
    lead(valid_from) OVER (PARTITION BY currency, source ORDER BY valid_from, day) AS next_from
  FROM fx_rates
  WHERE status = 'in_force' AND (valid_to IS NULL OR valid_to > valid_from) -- not those that never were
) r
WHERE (r.next_from IS NULL OR r.next_from > $1) AND (r.valid_to IS NULL OR r.valid_to > $1)
ORDER BY r.currency, r.valid_from, r.day`, from.UTC()).Query(database.Collect(into, scanRate))
}

func scanRate(row pgx.CollectableRow) (r Rate, err error) {
	err = row.Scan(&r.Currency, &r.Source, &r.Day, &r.Rate, &r.ValidFrom, &r.ValidTo)
	r.ValidFrom = r.ValidFrom.UTC()
	return r, err
}
