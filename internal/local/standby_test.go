package local

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"meridian/internal/database/embedded"
	"meridian/internal/local/pair"
	"meridian/internal/testkit"
)

// sales are the purchases of buyers who buy on and on.
type sales struct {
	running sync.WaitGroup
	stop    context.CancelFunc

	mu    sync.Mutex
	done  []purchase // those that the shop confirmed
	last  time.Time
	pause time.Duration // the longest between two
}

// sellOn lets a guest in each of the regions buy until end is called.
func (s *Shop) sellOn(t *testing.T, sku string, from ...string) *sales {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	all := &sales{stop: stop, last: time.Now()}
	for _, region := range from {
		all.running.Go(func() {
			for ctx.Err() == nil {
				p, err := s.buy(ctx, buyer{region: region, country: "US", card: "card_success", lines: []line{{sku, 1}}})
				if err == nil && p.status == http.StatusCreated {
					all.add(p)
				}
			}
		})
	}
	return all
}

func (s *sales) add(p purchase) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, p)
	s.pause = max(s.pause, time.Since(s.last))
	s.last = time.Now()
}

// longest returns the longest time between two confirmed orders.
func (s *sales) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pause
}

// more waits until so many further orders are confirmed.
func (s *sales) more(t *testing.T, n int) {
	t.Helper()
	count := func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.done)
	}
	from := count()
	testkit.Eventually(t, "further orders", func() bool { return count() >= from+n })
}

// TestWAN_Standby: the primary region is lost with the database in it. The standby takes over, the other regions sell on,
// and every order that the shop had confirmed is there.
func TestWAN_Standby(t *testing.T) {
	binaries := testkit.Must(embedded.ObtainPostgres(t.Context(), nil))(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(binaries.Postgres), "pg_basebackup")); err != nil {
		t.Skip("pg_basebackup is not installed")
	}
	dir := testkit.Must(embedded.TempDir("meridian-wan-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	shop := openShop(t, func(c *Config) {
		c.Dir, c.DatabaseURL, c.WAN, c.Standby, c.CheckPaymentAfter = dir, "", true, "eu-west", 2*time.Second
	})
	shop.sell(t, "KEPT")
	shop.receive(t, "KEPT", "use-1", 10_000)
	<-shop.Ready()
	if mode := shop.LabStatus().Database.Mode; mode != pair.Synchronous {
		t.Fatalf("the shop is ready with a database that is %s", mode)
	}
	sold := shop.sellOn(t, "KEPT", "us-west", "eu-west", "eu-west")
	sold.more(t, 5)
	testkit.NoError(t, shop.Lab(t.Context(), LabCommand{Do: LabKill, From: "us-east"}))
	sold.more(t, 10)
	status := shop.LabStatus().Database
	if status.Primary != "eu-west" || status.Generation != 2 {
		t.Errorf("the database is %+v, want its primary in eu-west", status)
	}
	t.Logf("RTO: the standby took over in %s, and no order was confirmed for %s", status.TookOver, sold.longest())
	testkit.NoError(t, shop.Lab(t.Context(), LabCommand{Do: LabStart, From: "us-east"}))
	testkit.Eventually(t, "the old primary to be the standby", func() bool {
		return shop.LabStatus().Database.Mode == pair.Synchronous
	})
	sold.more(t, 5)
	sold.stop()
	sold.running.Wait()
	shop.settle(t)
	var reading sync.WaitGroup
	for part := range slices.Chunk(sold.done, 10) {
		reading.Go(func() {
			for _, p := range part {
				if status, err := p.orderStatus(t.Context()); err != nil || status != "paid" {
					t.Errorf("RPO: the confirmed order %s is %q, %v", p.order, status, err)
				}
			}
		})
	}
	reading.Wait()
	t.Logf("RPO: %d confirmed orders were looked for", len(sold.done))
	shop.audit(t)
}

// TestUp_AfterFailover: a shop whose primary has moved is opened without distances where its data is.
func TestUp_AfterFailover(t *testing.T) {
	dir := testkit.Must(embedded.TempDir("meridian-moved-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	writeFile(t, filepath.Join(dir, "postgres.json"), `{"generation":2,"primary":"eu-west"}`)
	shop := openShop(t, func(c *Config) { c.Dir, c.DatabaseURL = dir, "" })
	<-shop.Ready()
	if _, err := os.Stat(filepath.Join(dir, "postgres-eu-west")); err != nil {
		t.Errorf("the data of the primary was not opened: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "postgres")); !os.IsNotExist(err) {
		t.Errorf("the data of the old primary was touched: %v", err)
	}
}
