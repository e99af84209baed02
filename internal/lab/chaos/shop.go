package chaos

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"meridian/internal/database"
	"meridian/internal/database/embedded"
	"meridian/internal/lab/client"
	"meridian/regions"
	"meridian/schema"
)

// databaseName is the shop's database on its server.
const databaseName = "meridian"

// The shop's clocks, shorter than in earnest so that a run sees orders expire and payments looked up.
const (
	payWithin         = 12 * time.Second
	checkPaymentAfter = 2 * time.Second
	webhookPause      = 4 * time.Second
)

// shop is a shop of real processes over a database that keeps what it commits.
type shop struct {
	dir     string
	set     *regions.Set
	dice    *dice
	secret  []byte
	keys    sandboxKeys
	port    int    // of the database
	url     string // of the database, always the same
	db      *database.DB
	sandbox *process
	bank    *bankDoor
	notices *noticeDoor
	pods    []*replica
	http    *http.Client

	mu       sync.Mutex
	postgres *embedded.Postgres
}

type sandboxKeys struct{ api, webhooks string }

// replica is one pod of one region.
type replica struct {
	*process
	region string
	base   string // its URL
	proxy  *Proxy // between it and the database; nil where it connects directly
}

// shopConfig says what to open.
type shopConfig struct {
	set        *regions.Set
	dice       *dice
	dir        string
	executable string
	podsEach   int  // pods of each region
	proxied    bool // pods reach the database through a Proxy
}

// openShop starts everything and returns when all pods are ready. The caller closes it.
func openShop(ctx context.Context, c shopConfig) (*shop, error) {
	s := &shop{dir: c.dir, set: c.set, dice: c.dice, secret: make([]byte, 32), keys: sandboxKeys{rand.Text(), rand.Text()}, http: client.NewHTTP(64)}
	rand.Read(s.secret)
	if err := s.open(ctx, c); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shop) open(ctx context.Context, c shopConfig) (err error) {
	if s.port, err = freePort(); err != nil {
		return err
	}
	if err := s.startDatabase(ctx); err != nil {
		return err
	}
	if err := s.postgres.CreateDatabase(ctx, databaseName); err != nil {
		return err
	}
	if err := schema.Up(ctx, s.url, s.set); err != nil {
		return err
	}
	s.db, err = database.Open(ctx, database.Config{
		URL: s.url, Region: s.set.Primary().Name, ApplicationName: "meridian-chaos", MaxConns: 4, StatementTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	if err := s.startProvider(c.executable); err != nil {
		return err
	}
	if err := s.startPods(c); err != nil {
		return err
	}
	return s.awaitReady(ctx)
}

// startDatabase starts the server, for the first time or after its end, always on the same port.
func (s *shop) startDatabase(ctx context.Context) error {
	server, err := embedded.StartPostgres(ctx, embedded.PostgresConfig{Dir: filepath.Join(s.dir, "postgres"), Port: s.port, Durable: true})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.postgres, s.url = server, server.URL(databaseName)
	return nil
}

// killDatabase ends the server and all that it was doing.
func (s *shop) killDatabase() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.postgres.Kill()
}

// startProvider starts the payment sandbox with a door on either side of it: pods come in by the one, and what it has
// to say goes out by the other.
func (s *shop) startProvider(executable string) (err error) {
	port, err := freePort()
	if err != nil {
		return err
	}
	if s.bank, err = newBankDoor("http://"+address(port), s.dice); err != nil {
		return err
	}
	if s.notices, err = newNoticeDoor(s.webhookTargets, s.dice); err != nil {
		return err
	}
	env := []string{"MERIDIAN_SANDBOX_API_KEY=" + s.keys.api, "MERIDIAN_SANDBOX_WEBHOOK_SECRET=" + s.keys.webhooks}
	s.sandbox = newProcess(executable, s.dir, "sandbox", env, "sandbox", "--listen", address(port),
		"--webhook-url", s.notices.url(), "--state-file", s.stateFile(), "--webhook-pause", webhookPause.String())
	return s.sandbox.start()
}

// stateFile is the provider's own book.
func (s *shop) stateFile() string { return filepath.Join(s.dir, "sandbox.state") }

func (s *shop) startPods(c shopConfig) error {
	for _, region := range s.set.All() {
		for i := range max(c.podsEach, 1) {
			if err := s.startPod(c, region.Name, fmt.Sprintf("%s-%d", region.Code, i+1)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *shop) startPod(c shopConfig, region, name string) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	r := &replica{region: region, base: "http://" + address(port)}
	databaseURL := s.url
	if c.proxied {
		if r.proxy, err = NewProxy(address(s.port)); err != nil {
			return err
		}
		databaseURL = through(databaseURL, r.proxy)
	}
	env := []string{
		"MERIDIAN_SECRET=" + base64.StdEncoding.EncodeToString(s.secret), "MERIDIAN_DATABASE_URL=" + databaseURL,
		"MERIDIAN_SANDBOX_URL=" + s.bank.url(name), "MERIDIAN_SANDBOX_API_KEY=" + s.keys.api,
		"MERIDIAN_SANDBOX_WEBHOOK_SECRET=" + s.keys.webhooks, "MERIDIAN_LOG_LEVEL=warn",
	}
	r.process = newProcess(c.executable, s.dir, name, env, "serve", "--region", region, "--listen", address(port),
		"--rate-limit", "-1", "--drain-delay", "0", "--pay-within", payWithin.String(), "--check-payment-after", checkPaymentAfter.String())
	s.pods = append(s.pods, r)
	return r.start()
}

// through is a connection string by way of a proxy.
func through(databaseURL string, p *Proxy) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL // connecting with it says what is wrong
	}
	u.Host = p.Addr()
	return u.String()
}

func (s *shop) webhookTargets() []string {
	targets := make([]string, len(s.pods))
	for i, p := range s.pods {
		targets[i] = p.base + "/v1/webhooks/sandbox"
	}
	return targets
}

// find is the pod for which is is true, nil if there is none.
func (s *shop) find(is func(*replica) bool) *replica {
	if i := slices.IndexFunc(s.pods, is); i >= 0 {
		return s.pods[i]
	}
	return nil
}

// crashed are the processes that ended by themselves, with the file that says why.
func (s *shop) crashed() []string {
	processes := []*process{s.sandbox}
	for _, p := range s.pods {
		processes = append(processes, p.process)
	}
	var names []string
	for _, p := range processes {
		if n := p.crashes.Load(); n > 0 {
			names = append(names, fmt.Sprintf("%s ended by itself, %d times: see %s", p.name, n, p.log))
		}
	}
	return names
}

// readyTimeout bounds how long a shop may take to open.
const readyTimeout = time.Minute

// awaitReady waits until all pods say that they are ready.
func (s *shop) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, p := range s.pods {
		for !s.ready(ctx, p) {
			if !sleep(ctx, 50*time.Millisecond) {
				return fmt.Errorf("pod %s is not ready: see %s: %w", p.name, p.log, ctx.Err())
			}
		}
	}
	return nil
}

func (s *shop) ready(ctx context.Context, p *replica) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/readyz", nil)
	if err != nil {
		return false
	}
	response, err := s.http.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// repair starts whatever is not running: the end of all faults.
func (s *shop) repair(ctx context.Context) error {
	for _, p := range s.pods {
		if p.proxy != nil {
			p.proxy.Disarm()
		}
		if err := p.start(); err != nil {
			return err
		}
	}
	return s.awaitReady(ctx)
}

// close stops everything that openShop started.
func (s *shop) close() error {
	var stopping sync.WaitGroup
	for _, p := range s.pods {
		stopping.Go(p.stop)
	}
	stopping.Wait()
	var faults []error
	for _, p := range s.pods {
		if p.proxy != nil {
			faults = append(faults, p.proxy.Close())
		}
	}
	if s.sandbox != nil {
		s.sandbox.stop()
	}
	if s.bank != nil {
		faults = append(faults, s.bank.Close())
	}
	if s.notices != nil {
		faults = append(faults, s.notices.Close())
	}
	if s.db != nil {
		s.db.Close()
	}
	if s.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		faults = append(faults, s.postgres.Stop(ctx))
	}
	return errors.Join(faults...)
}

// remove deletes the shop's folder, also where the database's data had to be kept elsewhere.
func (s *shop) remove() error {
	var faults []error
	if s.postgres != nil {
		faults = append(faults, os.RemoveAll(s.postgres.Dir()))
	}
	return errors.Join(append(faults, os.RemoveAll(s.dir))...)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePort is a port of 127.0.0.1 that nobody listened on a moment ago. Processes are started on it again and again.
func freePort() (int, error) {
	l, err := net.Listen("tcp", address(0))
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
