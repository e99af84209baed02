package database_test

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit/databasetest"
)

// raise adds one to a number; it may not be repeated blindly.
func raise(attempts *int, name string) func(b *database.Batch) error {
	return func(b *database.Batch) error {
		*attempts++
		b.Queue(`UPDATE numbers SET n = n + 1 WHERE name = $1`, name)
		return nil
	}
}

// raiseOnce makes a number 2 of 1, however often it runs.
func raiseOnce(attempts *int, name string) func(b *database.Batch) error {
	return func(b *database.Batch) error {
		*attempts++
		b.Queue(`UPDATE numbers SET n = 2 WHERE name = $1 AND n = 1`, name)
		return nil
	}
}

// cutAnswers loses the next answers of the server: what was asked for has happened.
func cutAnswers(p *proxy, n int64) {
	var left atomic.Int64
	left.Store(n)
	asked := false
	p.set(func(fromClient bool, message []byte) bool {
		if fromClient {
			asked = asked || bytes.Contains(message, []byte("numbers")) || bytes.Contains(message, []byte("stmtcache"))
			return false
		}
		if !asked || !bytes.Contains(message, []byte("UPDATE")) { // the tag of the command, after it was done
			return false
		}
		asked = false
		return left.Add(-1) >= 0
	})
}

// cutQuestions loses the next statements on their way to the server: nothing happens.
func cutQuestions(p *proxy, n int64) {
	var left atomic.Int64
	left.Store(n)
	p.set(func(fromClient bool, message []byte) bool {
		return fromClient && bytes.Contains(message, []byte("numbers")) && left.Add(-1) >= 0
	})
}

func TestOutcomeUnknown_AnswerLost(t *testing.T) {
	url, conn := newNumbers(t)
	p, through := newProxy(t, url)
	db := open(t, through)
	attempts := 0
	cutAnswers(p, 1)
	err := db.Write(t.Context(), raise(&attempts, "a"))
	if !errors.Is(err, database.ErrOutcomeUnknown) || !database.Unavailable(err) || attempts != 1 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 2) // it had happened

	attempts = 0
	cutAnswers(p, 1)
	if err := db.WriteIdempotent(t.Context(), raiseOnce(&attempts, "b")); err != nil || attempts != 2 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "b", 2)
}

func TestOutcomeUnknown_QuestionLost(t *testing.T) {
	url, conn := newNumbers(t)
	p, through := newProxy(t, url)
	db := open(t, through)
	attempts := 0
	cutQuestions(p, 1)
	if err := db.Write(t.Context(), raise(&attempts, "a")); !errors.Is(err, database.ErrOutcomeUnknown) || attempts != 1 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 1)
	attempts = 0
	cutQuestions(p, 3)
	if err := db.WriteIdempotent(t.Context(), raiseOnce(&attempts, "a")); err != nil || attempts != 4 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 2)
	cutQuestions(p, 2)
	n, err := database.One(t.Context(), db, pgx.RowTo[int64], `SELECT n FROM numbers WHERE name = 'a'`)
	if err != nil || n != 2 {
		t.Errorf("a read over a bad network: %d, %v", n, err)
	}
}

// TestOutcomeUnknown_Commit loses COMMIT's answer, and COMMIT itself.
func TestOutcomeUnknown_Commit(t *testing.T) {
	for _, lost := range []string{"answer", "question"} {
		t.Run(lost, func(t *testing.T) {
			url, conn := newNumbers(t)
			p, through := newProxy(t, url)
			db := open(t, through)
			attempts := 0
			err := db.Tx(t.Context(), func(ctx context.Context, tx pgx.Tx) error {
				attempts++
				_, err := tx.Exec(ctx, `UPDATE numbers SET n = n + 1 WHERE name = 'a'`)
				p.set(func(fromClient bool, message []byte) bool {
					return fromClient == (lost == "question") && bytes.Contains(bytes.ToUpper(message), []byte("COMMIT"))
				})
				return err
			})
			if !errors.Is(err, database.ErrOutcomeUnknown) || attempts != 1 {
				t.Errorf("%d attempts, %v", attempts, err)
			}
			if n := number(t, conn, "a"); (n == 2) != (lost == "answer") {
				t.Errorf("a is %d when COMMIT's %s was lost", n, lost)
			}
		})
	}
}

// TestOutcomeUnknown_AlwaysCut: a network that never works ends the attempts.
func TestOutcomeUnknown_AlwaysCut(t *testing.T) {
	url, _ := newNumbers(t)
	p, through := newProxy(t, url)
	db := open(t, through)
	cutQuestions(p, 1<<40)
	attempts := 0
	err := db.WriteIdempotent(t.Context(), raiseOnce(&attempts, "a"))
	if !errors.Is(err, database.ErrOutcomeUnknown) || attempts > 10 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
}

// TestTerminated kills the server's process under a statement that waits.
func TestTerminated(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "pg_terminate_backend ends a connection whose batch an advisory lock holds up")
	url, conn := newNumbers(t)
	db := open(t, url)
	gate := direct(t, url)
	exec(t, gate, `SELECT pg_advisory_lock(1)`)
	run := func(write func(ctx context.Context, queue func(b *database.Batch) error) error, attempts *int) error {
		result := make(chan error, 1)
		go func() {
			result <- write(t.Context(), func(b *database.Batch) error {
				if err := raiseOnce(attempts, "a")(b); err != nil {
					return err
				}
				if *attempts == 1 {
					b.Queue(`SELECT pg_advisory_xact_lock(1)`)
				}
				return nil
			})
		}()
		waiting := `locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
		waitFor(t, conn, `SELECT count(*) = 1 FROM pg_locks WHERE `+waiting)
		exec(t, conn, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE `+waiting)
		return <-result
	}
	attempts := 0
	if err := run(db.Write, &attempts); !errors.Is(err, database.ErrOutcomeUnknown) || attempts != 1 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 1)
	attempts = 0
	if err := run(db.WriteIdempotent, &attempts); err != nil || attempts != 2 {
		t.Errorf("%d attempts, %v", attempts, err)
	}
	wantNumber(t, conn, "a", 2)
}

// TestServerGone: what could not be sent has not happened, and nobody need wonder.
func TestServerGone(t *testing.T) {
	url, _ := newNumbers(t)
	p, through := newProxy(t, url)
	db := open(t, through)
	p.set(func(bool, []byte) bool { return true })
	p.listener.Close()
	attempts := 0
	_ = db.Write(t.Context(), raise(&attempts, "a")) // the pool's connection breaks
	attempts = 0
	err := db.Write(t.Context(), raise(&attempts, "a"))
	if errors.Is(err, database.ErrOutcomeUnknown) || !database.Unavailable(err) {
		t.Errorf("got %v", err)
	}
	if attempts == 0 || attempts > 10 {
		t.Errorf("%d attempts at a server that is not there", attempts)
	}
}

// TestStaleConnections: a restart of the server is nothing that a caller hears of, where a
// call may be repeated.
func TestStaleConnections(t *testing.T) {
	databasetest.OnlyPostgreSQL(t, "pg_terminate_backend ends the connections")
	url, conn := newNumbers(t)
	db := open(t, url, func(c *database.Config) { c.MaxConns = 1 })
	for range 3 {
		if n, err := database.One(t.Context(), db, pgx.RowTo[int64], `SELECT n FROM numbers WHERE name = 'a'`); err != nil || n != 1 {
			t.Errorf("%d, %v", n, err)
		}
		exec(t, conn, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	}
}
