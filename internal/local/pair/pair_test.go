package pair

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"meridian/internal/database/embedded"
	"meridian/internal/lab/wan"
	"meridian/internal/testkit"
)

const (
	first  = "us-east"
	second = "eu-west"
)

// start starts a pair on a folder, and stops it when the test ends.
func start(t *testing.T, change func(*Config)) *Pair {
	t.Helper()
	binaries := testkit.Must(embedded.ObtainPostgres(t.Context(), nil))(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(binaries.Postgres), "pg_basebackup")); err != nil {
		t.Skip("pg_basebackup is not installed")
	}
	config := Config{Primary: first, Standby: second, GiveUp: 2 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	change(&config)
	p := testkit.Must(Start(t.Context(), config))(t)
	t.Cleanup(func() {
		if err := p.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	testkit.NoError(t, p.Follow(t.Context()))
	return p
}

// folder returns a folder that the server's user can reach.
func folder(t *testing.T) string {
	t.Helper()
	dir := testkit.Must(embedded.TempDir("meridian-pair-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// pool connects as a pod does: to whichever server takes writes.
func (p *Pair) pool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	u := testkit.Must(url.Parse(testkit.Must(p.URL("postgres"))(t)))(t)
	var hosts, ports []string
	for _, site := range p.Sites() {
		host, port, _ := strings.Cut(p.Address(site), ":")
		hosts, ports = append(hosts, host), append(ports, port)
	}
	query := u.Query()
	query.Set("host", strings.Join(hosts, ","))
	query.Set("port", strings.Join(ports, ","))
	query.Set("target_session_attrs", "read-write")
	u.Host, u.RawQuery = "", query.Encode()
	pool := testkit.Must(pgxpool.New(t.Context(), u.String()))(t)
	t.Cleanup(pool.Close)
	return pool
}

func synchronous(t *testing.T, p *Pair) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testkit.Patience)
	defer cancel()
	testkit.NoError(t, p.AwaitSynchronous(ctx))
}

func await(t *testing.T, p *Pair, want Mode) {
	t.Helper()
	testkit.Eventually(t, "the pair to be "+string(want), func() bool { return p.Status().Mode == want })
}

// writers insert numbers on and on, and remember those whose commit they heard of.
type writers struct {
	stop    context.CancelFunc
	running sync.WaitGroup

	mu    sync.Mutex
	heard []int
	last  time.Time // of the last commit
	pause time.Duration
}

const writersAtOnce = 8

func write(t *testing.T, pool *pgxpool.Pool) *writers {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	w := &writers{stop: stop, last: time.Now()}
	for i := range writersAtOnce {
		w.running.Go(func() {
			for n := i; ctx.Err() == nil; n += writersAtOnce {
				if _, err := pool.Exec(ctx, `INSERT INTO orders (n) VALUES ($1)`, n); err == nil {
					w.hear(n)
				} else {
					time.Sleep(5 * time.Millisecond)
				}
			}
		})
	}
	return w
}

func (w *writers) hear(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard = append(w.heard, n)
	w.pause = max(w.pause, time.Since(w.last))
	w.last = time.Now()
}

func (w *writers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.heard)
}

// longest returns the longest time between two commits.
func (w *writers) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.pause
}

// more waits until so many further commits were heard of.
func (w *writers) more(t *testing.T, n int) {
	t.Helper()
	from := w.count()
	testkit.Eventually(t, "further commits", func() bool { return w.count() >= from+n })
}

// end stops the writers and returns what they heard of.
func (w *writers) end() []int {
	w.stop()
	w.running.Wait()
	return w.heard
}

// missing returns which of the numbers are not there.
func missing(t *testing.T, pool *pgxpool.Pool, heard []int) (lost []int) {
	t.Helper()
	rows := testkit.Must(pool.Query(t.Context(), `SELECT n FROM orders`))(t)
	there := make(map[int]bool)
	for _, n := range testkit.Must(pgx.CollectRows(rows, pgx.RowTo[int]))(t) {
		there[n] = true
	}
	for _, n := range heard {
		if !there[n] {
			lost = append(lost, n)
		}
	}
	return lost
}

// TestPair_FailOver: whatever a client heard of before the primary was killed is on the standby that took over, and again
// after the way back. The old primary comes back as the standby.
func TestPair_FailOver(t *testing.T) {
	dir := folder(t)
	p := start(t, func(c *Config) { c.Dir = dir })
	pool := p.pool(t)
	testkit.Must(pool.Exec(t.Context(), `CREATE TABLE orders (n bigint PRIMARY KEY)`))(t)
	w := write(t, pool)
	for generation, lost := range []string{first, second} {
		w.more(t, 200)
		testkit.NoError(t, p.Kill(lost))
		testkit.Eventually(t, "the standby to take over", func() bool { return p.Status().Generation == generation+2 })
		w.more(t, 200)
		if s := p.Status(); s.Primary == lost || s.Standby != lost || s.Mode != Asynchronous {
			t.Errorf("after the loss of %s the pair is %+v", lost, s)
		}
		t.Logf("RTO: the promotion took %s; no client heard of a commit for %s", p.Status().TookOver, w.longest())
		testkit.NoError(t, p.Revive(t.Context(), lost))
		synchronous(t, p)
	}
	heard := w.end()
	lost := missing(t, pool, heard)
	t.Logf("RPO: %d of %d commits that clients heard of are missing", len(lost), len(heard))
	if len(lost) > 0 {
		t.Errorf("%d commits are lost, such as %d", len(lost), lost[0])
	}
	for _, site := range p.Sites() {
		wantRole(t, p, site)
	}
}

// wantRole checks that a server is the primary only if the pair says so.
func wantRole(t *testing.T, p *Pair, site string) {
	t.Helper()
	conn := testkit.Must(p.server(site).Connect(t.Context(), "postgres"))(t)
	defer conn.Close(t.Context())
	var standby bool
	testkit.NoError(t, conn.QueryRow(t.Context(), `SELECT pg_is_in_recovery()`).Scan(&standby))
	if primary := p.Status().Primary == site; primary == standby {
		t.Errorf("%s: recovery %v, but the pair's primary is %s", site, standby, p.Status().Primary)
	}
}

// TestPair_StandbyLost: writes go on after GiveUp; then the standby must not take over, and the primary comes back with all
// that it had.
func TestPair_StandbyLost(t *testing.T) {
	dir := folder(t)
	p := start(t, func(c *Config) { c.Dir = dir })
	pool := p.pool(t)
	testkit.Must(pool.Exec(t.Context(), `CREATE TABLE orders (n bigint PRIMARY KEY)`))(t)
	testkit.NoError(t, p.Kill(second))
	began := time.Now()
	w := write(t, pool)
	w.more(t, 100)
	if waited := time.Since(began); waited < p.config.GiveUp/2 { // the loss was seen before, at most a poll earlier
		t.Errorf("writes waited %s for the lost standby, want about %s", waited, p.config.GiveUp)
	}
	await(t, p, Asynchronous)
	testkit.NoError(t, p.Kill(first))
	await(t, p, Down)
	if err := p.Revive(t.Context(), second); err == nil || !strings.Contains(err.Error(), first) {
		t.Errorf("starting a standby without a primary: %v", err)
	}
	testkit.NoError(t, p.Revive(t.Context(), first))
	w.more(t, 100)
	if s := p.Status(); s.Generation != 1 || s.Primary != first {
		t.Errorf("the pair is %+v, want no failover", s)
	}
	testkit.NoError(t, p.Revive(t.Context(), second))
	synchronous(t, p)
	if lost := missing(t, pool, w.end()); len(lost) > 0 {
		t.Errorf("%d commits are lost", len(lost))
	}
}

// TestPair_LineCut: a standby that cannot be heard stops the writes for GiveUp, though its connection stands; when the line is
// mended it catches up, and the pair is synchronous again.
func TestPair_LineCut(t *testing.T) {
	network := testkit.Must(wan.New([]wan.Site{{Name: first, Cloud: "us-east-1"}, {Name: second, Cloud: "eu-west-1"}}))(t)
	t.Cleanup(func() { testkit.NoError(t, network.Close()) })
	dir := folder(t)
	p := start(t, func(c *Config) { c.Dir, c.Reach, c.Cut = dir, network.Expose, network.BreakTo })
	pool := p.pool(t)
	testkit.Must(pool.Exec(t.Context(), `CREATE TABLE orders (n bigint PRIMARY KEY)`))(t)
	w := write(t, pool)
	for _, direction := range [][2]string{{first, second}, {second, first}} {
		w.more(t, 100)
		testkit.NoError(t, network.Set(direction[0], direction[1], wan.Link{Cut: true}))
		await(t, p, Asynchronous)
		w.more(t, 100)
		t.Logf("no client heard of a commit for %s; the pair gives up after %s", w.longest(), p.config.GiveUp)
		network.Heal()
		synchronous(t, p)
	}
	w.more(t, 100)
	testkit.NoError(t, p.Kill(first))
	testkit.Eventually(t, "the standby to take over", func() bool { return p.Status().Generation == 2 })
	w.more(t, 100)
	if lost := missing(t, pool, w.end()); len(lost) > 0 {
		t.Errorf("%d commits are lost", len(lost))
	}
}

// TestPair_Restart: after a failover the next start finds the primary where it is, with and without a standby, and also when
// the promotion was interrupted.
func TestPair_Restart(t *testing.T) {
	dir := folder(t)
	config := Config{Dir: dir, Primary: first, Standby: second}
	begin := func(standby string) (p *Pair, stop func()) {
		config.Standby = standby
		p = testkit.Must(Start(t.Context(), config))(t)
		testkit.NoError(t, p.Follow(t.Context()))
		return p, func() { testkit.NoError(t, p.Stop(context.WithoutCancel(t.Context()))) }
	}
	skipped := start(t, func(c *Config) { c.Dir = dir })
	testkit.Must(skipped.pool(t).Exec(t.Context(), `CREATE TABLE orders (n bigint PRIMARY KEY)`))(t)
	if _, err := Start(t.Context(), config); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("a second supervisor: %v", err)
	}
	testkit.NoError(t, skipped.Stop(t.Context()))
	// A promotion that was interrupted after its record.
	testkit.NoError(t, record{Generation: 2, Primary: second}.write(dir))
	p, stop := begin("")
	wantRole(t, p, second)
	if s := p.Status(); s.Mode != Single || s.Primary != second {
		t.Errorf("alone it is %+v", s)
	}
	stop()
	p, stop = begin(second)
	if s := p.Status(); s.Primary != second || s.Standby != first || s.Generation != 2 {
		t.Errorf("with a standby it is %+v", s)
	}
	missing(t, p.pool(t), nil) // the table is there
	stop()
}

// TestRecord: what the folder says is taken, and what it does not say is not guessed.
func TestRecord(t *testing.T) {
	dir := t.TempDir()
	if r := testkit.Must(readRecord(dir, first))(t); r != (record{Generation: 1, Primary: first}) {
		t.Errorf("the first record is %+v", r)
	}
	want := record{Generation: 3, Primary: second, Synchronous: true}
	testkit.NoError(t, want.write(dir))
	if got := testkit.Must(readRecord(dir, first))(t); got != want || !Recorded(dir) {
		t.Errorf("read %+v, wrote %+v", got, want)
	}
	for _, text := range []string{"{", "{}", `{"generation":1}`} {
		testkit.NoError(t, os.WriteFile(filepath.Join(dir, recordFile), []byte(text), 0o600))
		if _, err := readRecord(dir, first); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("%s: %v", text, err)
		}
	}
}
