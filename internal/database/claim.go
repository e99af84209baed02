package database

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reach says whose rows a worker takes up: those of its own region as soon as they are due
// (DB.Own), or those that another region has left lying (LeftBy).
type Reach struct {
	region  string
	overdue time.Duration
}

// leftAfter is how long after they are due a region's rows are taken for left lying: its
// own workers, which look every second, are down.
const leftAfter = time.Minute

// reachTimeout bounds a claim of another region's rows. Where that region is lost and keeps
// no copy elsewhere, they are out of reach, and a claim would wait for them until its
// statement is ended.
const reachTimeout = 3 * time.Second

// Own reaches the rows of the process's own region that are due.
func (db *DB) Own() Reach { return Reach{region: db.region} }

// LeftBy reaches the rows of a region that have been due for a minute. Only one region is
// asked at a time, so that one that is lost hides no other's rows.
func LeftBy(region string) Reach { return Reach{region: region, overdue: leftAfter} }

// Claim runs a statement by which a worker claims rows that are due, and returns them: one
// round trip. In the statement $1 is the region and $2 the seconds by which rows must be
// overdue; args are $3 and on.
//
// Such a statement chooses a bounded number of rows, FOR UPDATE SKIP LOCKED so that workers
// pass each other by, and puts each off for longer than the work on it takes: what a worker
// dies over comes up again by itself, and what fails every time, later each time, makes way
// for the rest. scan must take whatever the rows hold, for one that cannot be read would
// take all the others with it.
func Claim[T any](ctx context.Context, db *DB, of Reach, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	if of.region != db.region {
		reaching, cancel := context.WithTimeout(ctx, reachTimeout)
		defer cancel()
		ctx = reaching
	}
	var claimed []T
	err := db.Write(ctx, func(b *Batch) error {
		claimed = nil
		b.Queue(sql, append([]any{of.region, int64(of.overdue / time.Second)}, args...)...).Query(Collect(&claimed, scan))
		return nil
	})
	return claimed, err
}
