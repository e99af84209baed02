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

// takeOverLife is how long a region that took over rows of another keeps the others from doing so. Each
// claim that it makes there begins it anew.
const takeOverLife = time.Minute

// reachTimeout bounds a claim of another region's rows. Where that region is lost and keeps
// no copy elsewhere, they are out of reach, and a claim would wait for them until its
// statement is ended.
const reachTimeout = 3 * time.Second

// Own reaches the rows of the process's own region that are due.
func (db *DB) Own() Reach { return Reach{region: db.region} }

// Region returns the region whose rows are reached.
func (r Reach) Region() string { return r.region }

// LeftBy reaches the rows of a region that have been due for a minute. Only one region is
// asked at a time, so that one that is lost hides no other's rows; and only one region at a time
// takes over another's rows, so that not all of them compete for the same.
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

// clock returns SQL for the present.
func (c Claims) clock() string {
	if c.Now.IsZero() {
		return "now()"
	}
	return "@clock::timestamptz"
}

// due returns a condition on the rows that may be claimed: @region, @overdue (in seconds), and @clock where Now is set.
func (c Claims) due() string {
	moment := c.clock() + " - @overdue::int8 * INTERVAL '1 second'"
	return `region = @region AND ` + strings.ReplaceAll(c.Where, "@now", moment) + ` AND ` + c.Due + ` <= ` + moment
}

// args returns the arguments of due.
func (c Claims) args(of Reach) Args {
	args := Args{"region": of.region, "overdue": int64(of.overdue / time.Second)}
	if !c.Now.IsZero() {
		args["clock"] = c.Now
	}
	return args
}

// statement returns the text of a claim, whose arguments are those of due, @limit, and those of only, a further condition.
func (c Claims) statement(only string) string {
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
  WHERE ` + c.due() + only + `
  ORDER BY ` + c.Due + `
  LIMIT @limit::int8
  FOR UPDATE SKIP LOCKED
)
UPDATE ` + c.Table + ` t SET ` + attempts + ` = t.` + attempts + ` + 1,
  ` + next + ` = ` + c.clock() + ` + (` + c.Wait + `) * INTERVAL '1 second'
FROM due` + join + `
WHERE ` + same + on + `
RETURNING ` + c.Returning
}

// Claim claims up to limit rows that are due and returns them: one round trip. Of another region's rows it first asks
// whether there are any, which on CockroachDB the nearest replica answers as of FollowerReadAge ago; only then does it go
// there, and claims nothing while a third region takes them over. scan must take whatever the rows hold, for one that
// cannot be read would take all the others with it.
func Claim[T any](ctx context.Context, db *DB, of Reach, c Claims, scan pgx.RowToFunc[T], limit int) ([]T, error) {
	only, args := "", c.args(of).With(Args{"limit": limit})
	if of.region != db.region {
		reaching, cancel := context.WithTimeout(ctx, reachTimeout)
		defer cancel()
		ctx = reaching
		if left, err := c.left(ctx, db, of); err != nil || !left {
			return nil, err
		}
		only = ` AND EXISTS (SELECT 1 FROM take_overs WHERE region = @region AND holder = @holder)`
		args["holder"] = db.region
	}
	var claimed []T
	err := db.Write(ctx, func(b *Batch) error {
		claimed = nil
		if of.region != db.region {
			queueTakeOver(b, of.region, db.region)
		}
		b.QueueArgs(c.statement(only), args).Query(Collect(&claimed, scan))
		return nil
	})
	return claimed, err
}

// left reports whether a region has left rows lying.
func (c Claims) left(ctx context.Context, db *DB, of Reach) (bool, error) {
	sql, args := c.args(of).Bind(`
SELECT count(*) > 0
FROM (SELECT 1 FROM ` + c.Table + ` WHERE ` + c.due() + ` LIMIT 1) AS lying` + db.engine.FollowerRead())
	return One(ctx, db, pgx.RowTo[bool], sql, args...)
}

// queueTakeOver adds to a batch what makes a region the one that takes over another's rows, unless a third one does.
func queueTakeOver(b *Batch, region, holder string) {
	// $1 = region, $2 = holder, $3 = seconds
	b.Queue(`
INSERT INTO take_overs AS t (region, holder, held_until)
VALUES ($1, $2, now() + $3::int8 * INTERVAL '1 second')
ON CONFLICT (region) DO UPDATE
SET holder = excluded.holder, held_until = excluded.held_until
WHERE t.holder = excluded.holder OR t.held_until < now()`, region, holder, int64(takeOverLife/time.Second))
}
