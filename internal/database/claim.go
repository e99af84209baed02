package database

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Reach is whose rows a worker takes up: those of its own region as soon as they are due
// (DB.Own), or those that another region has left lying (LeftBy).
type Reach struct {
	region  string
	overdue time.Duration
}

// leftAfter is how long after they are due a region's rows count as left lying: its own
// workers, which look every second, are down.
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

// Claims is a table of work whose rows workers claim. A claim chooses a bounded number of rows
// that are due, FOR UPDATE SKIP LOCKED so that workers pass each other by, and puts each off for
// longer than the work on it takes: what a worker dies over comes up again by itself, and what
// fails every time, later each time, makes way for the rest.
//
// All fields are constants of the domain that owns the table. In Wait, On and Returning t is the
// claimed row.
type Claims struct {
	Table string
	Key   []string // the columns of the primary key besides region
	// Where tells the rows that may be claimed. In it @now is the moment up to which they are due.
	Where string
	// Due is the column that holds when a row is due; the longest due come first.
	Due string
	// Next is the column that is put off, and Attempts the one that counts. Defaults: Due, attempts.
	Next, Attempts string
	// Wait is SQL for how many seconds a row is put off (see Backoff).
	Wait string
	// Join is another table that the rows are read with, and On tells how; both may be empty.
	Join, On  string
	Returning string
	// Now is the clock; the zero value is the database's.
	Now time.Time
}

// Backoff returns SQL for a wait that grows by least with each attempt, up to most.
func Backoff(attempts string, least, most time.Duration) string {
	return fmt.Sprintf("least(%d * (%s + 1), %d)", int64(least/time.Second), attempts, int64(most/time.Second))
}

// statement returns the text of a claim. @region, @overdue (in seconds) and @limit are its
// arguments, and @clock where Now is set.
func (c Claims) statement() string {
	clock := "now()"
	if !c.Now.IsZero() {
		clock = "@clock::timestamptz"
	}
	moment := clock + " - @overdue::int8 * INTERVAL '1 second'"
	next, attempts, join, on := c.Due, "attempts", "", ""
	if c.Next != "" {
		next = c.Next
	}
	if c.Attempts != "" {
		attempts = c.Attempts
	}
	if c.Join != "" {
		join, on = ", "+c.Join, " AND "+c.On
	}
	same := "t.region = due.region"
	for _, column := range c.Key {
		same += " AND t." + column + " = due." + column
	}
	return `
WITH due AS (
  SELECT region, ` + strings.Join(c.Key, ", ") + `
  FROM ` + c.Table + `
  WHERE region = @region AND ` + strings.ReplaceAll(c.Where, "@now", moment) + ` AND ` + c.Due + ` <= ` + moment + `
  ORDER BY ` + c.Due + `
  LIMIT @limit::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE ` + c.Table + ` t SET ` + attempts + ` = t.` + attempts + ` + 1,
  ` + next + ` = ` + clock + ` + (` + c.Wait + `) * INTERVAL '1 second'
FROM due` + join + `
WHERE ` + same + on + `
RETURNING ` + c.Returning
}

// Claim claims up to limit rows that are due and returns them: one round trip. scan must take
// whatever the rows hold, for one that cannot be read would take all the others with it.
func Claim[T any](ctx context.Context, db *DB, of Reach, c Claims, scan pgx.RowToFunc[T], limit int) ([]T, error) {
	if of.region != db.region {
		reaching, cancel := context.WithTimeout(ctx, reachTimeout)
		defer cancel()
		ctx = reaching
	}
	args := Args{"region": of.region, "overdue": int64(of.overdue / time.Second), "limit": limit}
	if !c.Now.IsZero() {
		args["clock"] = c.Now
	}
	var claimed []T
	err := db.Write(ctx, func(b *Batch) error {
		claimed = nil
		b.QueueArgs(c.statement(), args).Query(Collect(&claimed, scan))
		return nil
	})
	return claimed, err
}
