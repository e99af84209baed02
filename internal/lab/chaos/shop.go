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
	"sync/atomic"
	"time"

	"meridian/internal/database"
	"meridian/internal/database/embedded"
	"meridian/internal/lab/client"
	"meridian/regions"
	"meridian/schema"
)

// databaseName is the shop's database on its server.
const databaseName = "meridian"

// The shop's clocks, shorter than in production so that a run sees orders expire and payments looked up.
const (
	payWithin         = 12 * time.Second
	checkPaymentAfter = 2 * time.Second
	webhookPause      = 4 * time.Second
)

// shopConfig says what to open.
type shopConfig struct {
	set        *regions.Set
	dice       dice
	dir        string // of the data and the logs
	executable string
	podsEach   int  // pods of each region
	proxied    bool // pods reach the database through a Proxy
}

// shop is a shop of real processes over a database that keeps what it commits.
type shop struct {
	shopConfig
	secret  []byte
	keys    sandboxKeys
	port    int    // of the database
	url     string // of the database, always the same
	db      *database.DB
	sandbox *process
	gateway *gateway
	pods    []*replica
	http    *http.Client
	moments atomic.Pointer[func(moment, *replica) bool]
	closers []func() error // in the order in which things were opened

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

// openShop starts everything and returns when all pods are ready. The caller closes the shop.
func openShop(ctx context.Context, c shopConfig) (*shop, error) {
	s := &shop{shopConfig: c, secret: make([]byte, 32), keys: sandboxKeys{rand.Text(), rand.Text()}, http: client.NewHTTP(64)}
	rand.Read(s.secret)
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *shop) open(ctx context.Context) (err error) {
	if s.port, err = embedded.FreePort(); err != nil {
		return err
	}
	if err := s.startDatabase(ctx); err != nil {
		return err
	}
	s.onClose(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
		defer cancel()
		return s.postgres.Stop(ctx)
	})
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
	s.onClose(func() error { s.db.Close(); return nil })
	if err := s.startProvider(); err != nil {
		return err
	}
	for _, region := range s.set.All() {
		for i := range s.podsEach {
			if err := s.startPod(region.Name, fmt.Sprintf("%s-%d", region.Code, i+1)); err != nil {
				return err
			}
		}
	}
	return s.awaitReady(ctx)
}

// onClose makes close call end, before what was opened earlier is closed.
func (s *shop) onClose(end func() error) { s.closers = append(s.closers, end) }

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

// startProvider starts the payment sandbox behind the gateway.
func (s *shop) startProvider() error {
	port, err := embedded.FreePort()
	if err != nil {
		return err
	}
	if err := s.openGateway("http://" + address(port)); err != nil {
		return err
	}
	env := []string{"MERIDIAN_SANDBOX_API_KEY=" + s.keys.api, "MERIDIAN_SANDBOX_WEBHOOK_SECRET=" + s.keys.webhooks}
	s.sandbox = newProcess(s.executable, s.dir, "sandbox", env, "sandbox", "--listen", address(port),
		"--webhook-url", s.gateway.webhookURL(), "--state-file", s.stateFile(), "--webhook-pause", webhookPause.String())
	s.onClose(func() error { s.sandbox.stop(); return nil })
	s.sandbox.start()
	return nil
}

// openGateway opens a gateway to the sandbox of that URL.
func (s *shop) openGateway(sandbox string) error {
	s.gateway = &gateway{sandbox: sandbox, pods: func() []*replica { return s.pods }, find: s.find, observe: s.observe, dice: s.dice}
	if err := s.gateway.open(); err != nil {
		return err
	}
	s.onClose(s.gateway.close)
	return nil
}

// onMoment makes the shop call hook at each moment of a request. The request breaks off if hook returns true.
func (s *shop) onMoment(hook func(moment, *replica) bool) { s.moments.Store(&hook) }

func (s *shop) observe(at moment, r *replica) bool {
	hook := s.moments.Load()
	return hook != nil && (*hook)(at, r)
}

// find returns the pod of that name, nil if there is none.
func (s *shop) find(name string) *replica {
	for _, r := range s.pods {
		if r.name == name {
			return r
		}
	}
	return nil
}

// stateFile returns the path of the provider's own book.
func (s *shop) stateFile() string { return filepath.Join(s.dir, "sandbox.state") }

func (s *shop) startPod(region, name string) error {
	port, err := embedded.FreePort()
	if err != nil {
		return err
	}
	r := &replica{region: region, base: "http://" + address(port)}
	databaseURL := s.url
	if s.proxied {
		if r.proxy, err = NewProxy(address(s.port)); err != nil {
			return err
		}
		s.onClose(r.proxy.Close)
		databaseURL = through(databaseURL, r.proxy)
	}
	env := []string{
		"MERIDIAN_SECRET=" + base64.StdEncoding.EncodeToString(s.secret), "MERIDIAN_DATABASE_URL=" + databaseURL,
		"MERIDIAN_SANDBOX_URL=" + s.gateway.providerURL(name), "MERIDIAN_SANDBOX_API_KEY=" + s.keys.api,
		"MERIDIAN_SANDBOX_WEBHOOK_SECRET=" + s.keys.webhooks, "MERIDIAN_LOG_LEVEL=warn",
	}
	r.process = newProcess(s.executable, s.dir, name, env, "serve", "--region", region, "--listen", address(port),
		"--rate-limit", "-1", "--drain-delay", "0", "--pay-within", payWithin.String(), "--check-payment-after", checkPaymentAfter.String())
	s.pods = append(s.pods, r)
	r.start()
	return nil
}

// through returns a connection string by way of a proxy.
func through(databaseURL string, p *Proxy) string {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return databaseURL // connecting with it says what is wrong
	}
	u.Host = p.Addr()
	return u.String()
}

// crashed names the processes that ended by themselves, with the file that says why.
func (s *shop) crashed() []string {
	var names []string
	processes := []*process{s.sandbox}
	for _, r := range s.pods {
		processes = append(processes, r.process)
	}
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
	for _, r := range s.pods {
		pod := client.Client{Base: r.base, HTTP: s.http}
		err := client.Poll(ctx, 50*time.Millisecond, func() (bool, error) {
			return pod.Do(ctx, http.MethodGet, "/readyz", client.By{}, "", nil, nil) == nil, nil
		})
		if err != nil {
			return fmt.Errorf("pod %s is not ready: see %s: %w", r.name, r.log, err)
		}
	}
	return nil
}

// repair ends all faults: it starts whatever is not running.
func (s *shop) repair(ctx context.Context) error {
	for _, p := range s.pods {
		if p.proxy != nil {
			p.proxy.Disarm()
		}
		p.start()
	}
	return s.awaitReady(ctx)
}

// close stops the pods and everything else that was opened, the last first.
func (s *shop) close() error {
	var stopping sync.WaitGroup
	for _, p := range s.pods {
		stopping.Go(p.stop)
	}
	stopping.Wait()
	var failed []error
	for _, end := range slices.Backward(s.closers) {
		failed = append(failed, end())
	}
	return errors.Join(failed...)
}

// remove deletes the shop's folder, also where the database's data had to be kept elsewhere.
func (s *shop) remove() error {
	return errors.Join(os.RemoveAll(s.postgres.Dir()), os.RemoveAll(s.dir))
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
