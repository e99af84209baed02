package pair

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database/embedded"
)

// Config configures a pair. Dir and Primary are required.
type Config struct {
	// Dir is the shop's folder, which must exist.
	Dir string
	// Primary is the site that the primary is at before the first failover, and Standby that of the standby; "" for none.
	Primary, Standby string
	// Port is that of the first primary on 127.0.0.1; 0 takes any free one, as the other server does.
	Port int
	// Reach returns the host:port at which a server is reached from another site; nil means directly.
	Reach func(from, to, address string) (string, error)
	// Cut ends all connections to a server, a host:port, before another takes over; nil if there are none but its own.
	Cut func(address string)
	// GiveUp is how long writes wait for a standby that is lost before the pair goes on without it; 5 s.
	GiveUp time.Duration
	// Hang is how long a primary may leave the supervisor without an answer before it counts as lost; 20 s.
	Hang time.Duration
	// Log receives a line for each change. Nothing in it is personal.
	Log *slog.Logger
	// Tell, if not nil, is called with a line about work that takes a while.
	Tell func(line string)
}

func (c Config) withDefaults() Config {
	c.GiveUp = cmp.Or(c.GiveUp, 5*time.Second)
	c.Hang = cmp.Or(c.Hang, 20*time.Second)
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	if c.Reach == nil {
		c.Reach = func(_, _, address string) (string, error) { return address, nil }
	}
	if c.Cut == nil {
		c.Cut = func(string) {}
	}
	if c.Tell == nil {
		c.Tell = func(string) {}
	}
	return c
}

// A Mode says what a pair can promise at present.
type Mode string

// The modes of a pair.
const (
	// Single has no standby.
	Single Mode = "single"
	// Synchronous has every commit on both servers: the standby takes over by itself.
	Synchronous Mode = "synchronous"
	// Asynchronous has a standby that is lost or catching up: it does not take over.
	Asynchronous Mode = "asynchronous"
	// Down has no primary.
	Down Mode = "down"
)

// Status describes a pair.
type Status struct {
	Mode Mode `json:"mode"`
	// Primary and Standby are the servers' sites. Standby is the one that is or was the standby, "" for none.
	Primary string `json:"primary"`
	Standby string `json:"standby,omitempty"`
	// Generation is 1 at first, and rises with each failover.
	Generation int `json:"generation"`
	// TookOver is how long the last failover took in nanoseconds, from the moment the loss was noticed; 0 for none.
	TookOver time.Duration `json:"took_over_ns,omitempty"`
}

// Pair is a running primary with its standby, if it has one. The caller stops it.
type Pair struct {
	config Config
	lock   *os.File
	stop   context.CancelFunc
	ended  chan struct{} // closed when the supervisor has ended
	ports  map[string]int

	one sync.Mutex // held while servers are started, ended or promoted

	mu      sync.Mutex // guards what follows
	record  record
	standby string // site
	servers map[string]*embedded.Postgres
	down    bool
	took    time.Duration

	watch watch // the supervisor's own
}

// Start starts the primary that the record names, or the first one, and returns when it takes writes. The standby is started
// by Follow, so that a new shop can be filled before each commit waits for another site.
func Start(ctx context.Context, config Config) (*Pair, error) {
	config = config.withDefaults()
	locked, err := lock(config.Dir)
	if err != nil {
		return nil, err
	}
	p := &Pair{config: config, lock: locked, ended: make(chan struct{}), ports: make(map[string]int),
		servers: make(map[string]*embedded.Postgres)}
	supervising, stop := context.WithCancel(context.WithoutCancel(ctx))
	p.stop = stop
	if err := p.start(ctx); err != nil {
		close(p.ended)
		return nil, errors.Join(err, p.Stop(ctx))
	}
	go func() {
		defer close(p.ended)
		p.supervise(supervising)
	}()
	return p, nil
}

func (p *Pair) start(ctx context.Context) (err error) {
	if p.record, err = readRecord(p.config.Dir, p.config.Primary); err != nil {
		return err
	}
	p.ports[p.config.Primary] = p.config.Port
	p.standby = p.config.Standby
	if p.standby == p.record.Primary {
		p.standby = p.config.Primary
	}
	for _, site := range []string{p.config.Primary, p.record.Primary, p.standby} {
		if site == "" || p.ports[site] != 0 {
			continue
		}
		if p.ports[site], err = embedded.FreePort(); err != nil {
			return err
		}
	}
	return p.startPrimary(ctx)
}

// startPrimary starts the server that the record names.
func (p *Pair) startPrimary(ctx context.Context) error {
	site := p.record.Primary
	if err := p.note(record{Generation: p.record.Generation, Primary: site}); err != nil { // nothing follows it yet
		return err
	}
	server, err := embedded.StartPostgres(ctx, p.serverConfig(site))
	if err != nil {
		return err
	}
	for name, value := range map[string]string{syncNames: "", "wal_keep_size": walKept} {
		err = errors.Join(err, server.SetSystem(ctx, name, value))
	}
	// A promotion may have been interrupted after the record was written.
	if err == nil {
		err = server.Promote(ctx)
	}
	if err != nil {
		return errors.Join(err, server.Stop(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[site], p.down = server, false
	return nil
}

const (
	syncNames = "synchronous_standby_names"
	walKept   = "512MB" // for a standby that is away for a while
)

func (p *Pair) serverConfig(site string) embedded.PostgresConfig {
	return embedded.PostgresConfig{Dir: p.folder(site), Port: p.ports[site], Durable: true, Tell: p.config.Tell}
}

// folder returns where the server of a site has its data.
func (p *Pair) folder(site string) string {
	name := "postgres"
	if site != p.config.Primary {
		name += "-" + site
	}
	return filepath.Join(p.config.Dir, name)
}

// startStandby gives the standby's site a new copy of the primary's data and starts it.
func (p *Pair) startStandby(ctx context.Context) error {
	primary, site := p.server(p.record.Primary), p.standby
	if primary == nil {
		return fmt.Errorf("start the standby in %s: there is no primary to copy; start %s first", site, p.record.Primary)
	}
	reached, err := p.config.Reach(site, p.record.Primary, p.Address(p.record.Primary))
	if err != nil {
		return err
	}
	host, portText, err := net.SplitHostPort(reached)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	p.config.Tell("Copying the database to its standby in " + site + " …")
	config := p.serverConfig(site)
	copying, cancel := context.WithTimeout(ctx, copyTimeout)
	defer cancel()
	if err := embedded.CopyStandby(copying, config, primary.Upstream(host, port, site)); err != nil {
		return fmt.Errorf("start the standby in %s, over the link from %s: %w", site, p.record.Primary, err)
	}
	server, err := embedded.StartPostgres(ctx, config)
	if err != nil {
		return err
	}
	if err := server.SetSystem(ctx, syncNames, ""); err != nil { // the primary's was copied
		return errors.Join(err, server.Stop(ctx))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.servers[site] = server
	return nil
}

// copyTimeout bounds a copy, for a link that is cut.
const copyTimeout = 2 * time.Minute

// server returns the server that runs at a site, or nil.
func (p *Pair) server(site string) *embedded.Postgres {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.servers[site]
}

// Sites returns the sites of the servers, the first primary's first.
func (p *Pair) Sites() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	sites := []string{p.config.Primary}
	for _, site := range []string{p.record.Primary, p.standby} {
		if site != "" && site != sites[0] {
			sites = append(sites, site)
		}
	}
	return sites
}

// Address returns the host:port of a site's server, whether it runs or not.
func (p *Pair) Address(site string) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.ports[site]))
}

// URL returns the connection string of a database on the primary that there is at present.
func (p *Pair) URL(database string) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	server := p.servers[p.record.Primary]
	if server == nil {
		return "", errors.New("the database has no primary at present")
	}
	return server.URL(database), nil
}

// CreateDatabase makes a database unless there is one of that name.
func (p *Pair) CreateDatabase(ctx context.Context, name string) error {
	server := p.server(p.Status().Primary)
	if server == nil {
		return errors.New("the database has no primary at present")
	}
	return server.CreateDatabase(ctx, name)
}

// Exited returns a channel that is closed when the primary that there is at present has ended.
func (p *Pair) Exited() <-chan struct{} { return p.primaryExited() }

// Version returns what the server says of itself.
func (p *Pair) Version() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, server := range p.servers {
		return server.Version()
	}
	return ""
}

// Status returns the pair's state.
func (p *Pair) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Mode: Asynchronous, Primary: p.record.Primary, Standby: p.standby, Generation: p.record.Generation, TookOver: p.took}
	switch {
	case p.servers[s.Primary] == nil || p.down:
		s.Mode = Down
	case p.standby == "":
		s.Mode = Single
	case p.record.Synchronous:
		s.Mode = Synchronous
	}
	return s
}

// Kill ends a site's server as a crash of the machine does. It does nothing where none runs.
func (p *Pair) Kill(site string) error {
	server := p.server(site)
	if server == nil {
		return nil
	}
	return server.Kill() // the supervisor sees it
}

// Runs reports whether a site has all the servers that it should have: also where it should have none.
func (p *Pair) Runs(site string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.servers[site] != nil || site != p.record.Primary && site != p.standby
}

// Revive starts a site's server again: the primary on its own data, the standby as a new copy of the primary. It does
// nothing where one runs, or where there never was one.
func (p *Pair) Revive(ctx context.Context, site string) error {
	p.one.Lock()
	defer p.one.Unlock()
	p.forgetEnded()
	if p.server(site) != nil {
		return nil
	}
	switch site {
	case p.record.Primary:
		p.watch = watch{}
		return p.startPrimary(ctx)
	case p.standby:
		return p.startStandby(ctx)
	}
	return nil
}

// forgetEnded drops the servers that have ended.
func (p *Pair) forgetEnded() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for site, server := range p.servers {
		select {
		case <-server.Exited():
			delete(p.servers, site)
		default:
		}
	}
}

// Follow starts the standby, if there is to be one, and waits until the pair is synchronous.
func (p *Pair) Follow(ctx context.Context) error {
	site := p.Status().Standby
	if site == "" {
		return nil
	}
	if err := p.Revive(ctx, site); err != nil {
		return err
	}
	return p.AwaitSynchronous(ctx)
}

// AwaitSynchronous waits until the pair is synchronous.
func (p *Pair) AwaitSynchronous(ctx context.Context) error {
	for p.Status().Mode != Synchronous {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait until the standby in %s has the primary's data: %w", p.standby, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
	return nil
}

// Stop ends the supervisor and both servers, the standby last, so that it has everything. It may be called again.
func (p *Pair) Stop(ctx context.Context) error {
	p.stop()
	<-p.ended
	p.one.Lock()
	defer p.one.Unlock()
	p.forgetEnded()
	var faults []error
	for _, site := range []string{p.record.Primary, p.standby} {
		if server := p.server(site); server != nil {
			faults = append(faults, server.Stop(ctx))
		}
	}
	if err := p.lock.Close(); !errors.Is(err, os.ErrClosed) {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// connect opens a connection for the supervisor.
func connect(ctx context.Context, server *embedded.Postgres) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	return server.Connect(ctx, "postgres")
}
