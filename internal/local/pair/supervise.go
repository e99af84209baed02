package pair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database/embedded"
)

const (
	pollEvery   = 200 * time.Millisecond
	pollTimeout = 2 * time.Second
)

// watch is what the supervisor knows of the primary.
type watch struct {
	conn     *pgx.Conn
	answered time.Time // when the primary last answered
	seen     time.Time // when it last had a standby
	armed    bool      // commits wait for the standby
	target   string    // the log position that the standby must reach to have everything
	pending  string    // one that it must reach in time, and since when
	since    time.Time
	told     bool // that there is no primary
}

// supervise looks after the servers until ctx ends.
func (p *Pair) supervise(ctx context.Context) {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			p.watch.disconnect(context.WithoutCancel(ctx))
			return
		case <-ticker.C:
		case <-p.primaryExited():
		}
		p.one.Lock()
		if err := p.look(ctx); err != nil && ctx.Err() == nil {
			p.config.Log.Warn("the database's supervisor", slog.Any("error", err))
		}
		p.one.Unlock()
	}
}

// primaryExited returns a channel that is closed when the primary has ended; nil while there is none.
func (p *Pair) primaryExited() <-chan struct{} {
	if server := p.server(p.Status().Primary); server != nil {
		return server.Exited()
	}
	return nil
}

// look sees to the servers once.
func (p *Pair) look(ctx context.Context) error {
	p.forgetEnded()
	primary := p.server(p.record.Primary)
	if primary == nil {
		return p.lostPrimary(ctx)
	}
	s, err := p.watch.ask(ctx, primary, p.standby)
	switch {
	case err == nil:
		p.setDown(false)
		p.watch.told = false
		return p.follow(ctx, primary, s)
	case ctx.Err() != nil || time.Since(p.watch.answered) < p.config.Hang:
		return nil
	}
	p.config.Log.Error("the database's primary does not answer, and is ended", slog.String("site", p.record.Primary))
	if err := primary.Kill(); err != nil {
		return err
	}
	p.forgetEnded()
	return p.lostPrimary(ctx)
}

func (p *Pair) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// sight is what the primary says of its standby.
type sight struct {
	position string // of the primary's log
	streams  bool   // the standby follows it
	waited   bool   // commits wait for the standby
	reached  bool   // the standby has the target
	kept     bool   // the standby has what was pending
}

// ask asks the primary about its standby, in one statement.
func (w *watch) ask(ctx context.Context, primary *embedded.Postgres, standby string) (s sight, err error) {
	if w.answered.IsZero() {
		w.answered = time.Now()
	}
	if w.conn == nil {
		if w.conn, err = connect(ctx, primary); err != nil {
			return s, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	const origin = "0/0" // which every standby has
	// $1 = the standby's name, $2 = the target, $3 = what is pending
	err = w.conn.QueryRow(ctx, `
SELECT pg_current_wal_lsn()::text, count(*) > 0, coalesce(bool_or(sync_state IN ('sync', 'quorum')), false),
  coalesce(bool_or(flush_lsn >= $2::text::pg_lsn), false), coalesce(bool_or(flush_lsn >= $3::text::pg_lsn), false)
FROM pg_stat_replication
WHERE application_name = $1 AND state = 'streaming'`, standby, cmp.Or(w.target, origin), cmp.Or(w.pending, origin)).
		Scan(&s.position, &s.streams, &s.waited, &s.reached, &s.kept)
	if err != nil {
		w.disconnect(ctx)
		return s, fmt.Errorf("ask the primary about its standby: %w", err)
	}
	w.answered = time.Now()
	return s, nil
}

func (w *watch) disconnect(ctx context.Context) {
	if w.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pollTimeout)
	defer cancel()
	_ = w.conn.Close(ctx) // it has failed, or is not needed any more
	w.conn = nil
}

// follow moves the pair between synchronous and asynchronous, as the standby allows.
func (p *Pair) follow(ctx context.Context, primary *embedded.Postgres, s sight) error {
	if p.standby == "" {
		return nil
	}
	p.watch.note(s, p.config.GiveUp)
	if time.Since(p.watch.seen) < p.config.GiveUp {
		if !s.streams {
			return nil
		}
		return p.catchUp(ctx, primary, s)
	}
	p.watch.target = ""
	if !p.watch.armed {
		return nil
	}
	// The record first: from here on a commit may be on the primary alone.
	if err := p.note(record{Generation: p.record.Generation, Primary: p.record.Primary}); err != nil {
		return err
	}
	if err := primary.SetSystem(ctx, syncNames, ""); err != nil {
		return err
	}
	p.watch.armed = false
	p.config.Log.Error("the database's standby is lost: the primary goes on without it, and there is no failover",
		slog.String("standby", p.standby), slog.Duration("writes_waited", p.config.GiveUp))
	return nil
}

// note sees whether the standby keeps up: it must reach a position of the log in time, and then the one that the log has come
// to meanwhile. Its connection alone would not tell, because it outlasts a line that is cut.
func (w *watch) note(s sight, inTime time.Duration) {
	now := time.Now()
	if w.pending == "" {
		w.pending, w.since = s.position, now
	}
	if !s.streams || !s.kept {
		return
	}
	if now.Sub(w.since) < inTime {
		w.seen = now
	}
	w.pending, w.since = s.position, now
}

// catchUp makes the pair synchronous in steps: commits wait for the standby; from then on, the position of the log is what
// the standby must reach; it has reached it.
func (p *Pair) catchUp(ctx context.Context, primary *embedded.Postgres, s sight) error {
	switch {
	case p.record.Synchronous:
	case !p.watch.armed:
		if err := primary.SetSystem(ctx, syncNames, fmt.Sprintf(`ANY 1 ("%s")`, p.standby)); err != nil {
			return err
		}
		p.watch.armed = true
	case !s.waited:
	case p.watch.target == "":
		p.watch.target = s.position
	case s.reached:
		p.watch.target = ""
		if err := p.note(record{Generation: p.record.Generation, Primary: p.record.Primary, Synchronous: true}); err != nil {
			return err
		}
		p.config.Log.Info("the database's standby has everything: it takes over when the primary is lost",
			slog.String("standby", p.standby))
	}
	return nil
}

// note writes the record, and takes it for true.
func (p *Pair) note(r record) error {
	if err := r.write(p.config.Dir); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.record = r
	return nil
}

// errNoFailover is returned where the standby must not take over.
var errNoFailover = errors.New(
	"the database's primary is lost, and the standby may lack what it committed: start the primary's region again")

// lostPrimary lets the standby take over, if it has everything.
func (p *Pair) lostPrimary(ctx context.Context) error {
	began := time.Now()
	p.setDown(true)
	p.watch.disconnect(ctx)
	standby := p.server(p.standby)
	if !p.record.Synchronous || standby == nil {
		told := p.watch.told
		p.watch = watch{told: true}
		if told {
			return nil
		}
		return errNoFailover
	}
	return p.failOver(ctx, standby, began)
}

// failOver promotes the standby. The old primary's processes have ended, and its data is not started again before it has
// been replaced by a copy.
func (p *Pair) failOver(ctx context.Context, standby *embedded.Postgres, began time.Time) error {
	old, to := p.record.Primary, p.standby
	p.config.Cut(p.Address(old))
	if err := p.note(record{Generation: p.record.Generation + 1, Primary: to}); err != nil {
		return err
	}
	p.mu.Lock()
	p.standby = old
	p.mu.Unlock()
	p.watch = watch{}
	if err := standby.Promote(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took, p.down = time.Since(began), false
	p.config.Log.Warn("the database's standby has taken over", slog.String("primary", to), slog.String("lost", old),
		slog.Int("generation", p.record.Generation), slog.Duration("took", p.took))
	return nil
}
