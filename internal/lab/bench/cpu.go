package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// CPU holds processor time, in seconds. Unknown parts are left out.
type CPU struct {
	Generator float64  `json:"generator_seconds"`
	Shop      *float64 `json:"shop_seconds,omitzero"`
	Database  *float64 `json:"database_seconds,omitzero"`
	// Bare is the bare handler's, if that is measured instead of the shop.
	Bare *float64 `json:"bare_handler_seconds,omitzero"`
}

// process describes a process of the machine: its processor time so far includes children that
// it waited for.
type process struct {
	pid, parent int
	used        time.Duration
}

// errNoProcesses is returned if the system does not list its processes.
var errNoProcesses = errors.New("the processes of this machine cannot be listed")

// meter reads the processor time of the generator, the shop and the database.
type meter struct {
	self, shop, database, bare int // process ids; 0 where there is none
}

// newMeter finds the processes. The database is the parent of the process that serves a
// connection, if that is on this machine.
func newMeter(ctx context.Context, self, shop int, db *database.DB) meter {
	m := meter{self: self, shop: shop}
	if db.Engine() != database.PostgreSQL {
		return m
	}
	backend, err := database.One(ctx, db, pgx.RowTo[int], `SELECT pg_backend_pid()`)
	all, listErr := processes()
	if err != nil || listErr != nil {
		return m
	}
	for _, p := range all {
		// Another machine's server may have a number that is taken here: only one below the
		// shop, or beside it, is believed.
		if p.pid == backend && p.parent > 1 && p.parent != self {
			m.database = p.parent
		}
	}
	return m
}

// used holds the processor time of each part so far; negative for a part that ended or cannot be
// seen.
type used struct{ self, shop, database, bare time.Duration }

func (m meter) read() (used, error) {
	all, err := processes()
	if err != nil {
		return used{}, err
	}
	u := used{
		self: treeTime(all, m.self, m.shop, m.database, m.bare), shop: treeTime(all, m.shop, m.database),
		database: treeTime(all, m.database), bare: treeTime(all, m.bare),
	}
	return u, nil
}

// treeTime returns the time of a process and all below it, without those in except and all
// below them. It is negative if there is no such process.
func treeTime(all []process, root int, except ...int) time.Duration {
	children := make(map[int][]process)
	sum, found := time.Duration(0), false
	for _, p := range all {
		children[p.parent] = append(children[p.parent], p)
		if p.pid == root && root != 0 {
			sum, found = p.used, true
		}
	}
	if !found {
		return -1
	}
	left := make(map[int]bool)
	for _, pid := range except {
		left[pid] = true
	}
	for queue := children[root]; len(queue) > 0; {
		p := queue[0]
		queue = queue[1:]
		if !left[p.pid] {
			sum += p.used
			queue = append(queue, children[p.pid]...)
		}
	}
	return sum
}

// cpuSince returns the processor time between two readings.
func cpuSince(before, after used) CPU {
	return CPU{
		Generator: (after.self - before.self).Seconds(),
		Shop:      spent(before.shop, after.shop), Database: spent(before.database, after.database), Bare: spent(before.bare, after.bare),
	}
}

func spent(before, after time.Duration) *float64 {
	if before < 0 || after < 0 {
		return nil
	}
	seconds := (after - before).Seconds()
	return &seconds
}

// during adds the processor time that do takes to s. Where the machine does not list its
// processes, nothing is known but zero.
func (m meter) during(s *sample, do func() error) error {
	before, _ := m.read()
	err := do()
	after, _ := m.read()
	s.cpu.add(cpuSince(before, after))
	return err
}

// add sums the parts that are known of both.
func (c *CPU) add(o CPU) {
	c.Generator += o.Generator
	c.Shop, c.Database, c.Bare = plus(c.Shop, o.Shop), plus(c.Database, o.Database), plus(c.Bare, o.Bare)
}

func plus(a, b *float64) *float64 {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	sum := *a + *b
	return &sum
}

func listError(err error) error { return fmt.Errorf("%w: %w", errNoProcesses, err) }
