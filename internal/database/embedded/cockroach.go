package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// CockroachBinaryEnv names the environment variable that holds the path of the cockroach program.
const CockroachBinaryEnv = "COCKROACH_BINARY"

// ErrNoCockroach is returned when no cockroach program is found. The error's text says what to do.
var ErrNoCockroach = errors.New("no cockroach program found")

// initialisedFile marks a cluster's folder on which `cockroach init` has succeeded.
const initialisedFile = "initialised"

// CockroachConfig describes a local cluster.
type CockroachConfig struct {
	Binary string // path of the program; empty means FindCockroach
	Dir    string // the nodes' stores and logs. Made if missing
	Nodes  []Node // a node or more for each region; the first is the one that initialises the cluster
}

// Node is one node of a local cluster.
type Node struct {
	Region     string
	ListenPort int // SQL and the other nodes, on 127.0.0.1; 0 takes any free one
	HTTPPort   int // its console, on 127.0.0.1; 0 takes any free one
}

// Cockroach is a running local cluster. Stop ends it.
type Cockroach struct {
	cfg   CockroachConfig
	nodes []*process
}

// FindCockroach returns the path of the cockroach program: COCKROACH_BINARY, else the one in PATH.
func FindCockroach() (string, error) {
	if path := os.Getenv(CockroachBinaryEnv); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("%w: %s=%s is not a program", ErrNoCockroach, CockroachBinaryEnv, path)
		}
		return filepath.Abs(found)
	}
	found, err := exec.LookPath("cockroach")
	if err != nil {
		return "", fmt.Errorf("%w: install CockroachDB so that cockroach is in PATH, or set %s to its path",
			ErrNoCockroach, CockroachBinaryEnv)
	}
	return filepath.Abs(found)
}

// StartCockroach starts the nodes, initialises the cluster on its first start, and returns when every node takes SQL.
// Errors are one line: ErrNoCockroach, a port that is taken, or the last lines of a node's log.
func StartCockroach(ctx context.Context, cfg CockroachConfig) (*Cockroach, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	c := &Cockroach{cfg: cfg}
	if err := c.start(ctx); err != nil {
		stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), killGrace)
		defer cancel()
		return nil, errors.Join(err, c.Stop(stopCtx))
	}
	return c, nil
}

// complete checks the configuration and fills in what was left open.
func (cfg CockroachConfig) complete() (CockroachConfig, error) {
	if cfg.Dir == "" || len(cfg.Nodes) == 0 {
		return cfg, errors.New("start CockroachDB: a folder for its data and at least one node are needed")
	}
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return cfg, fmt.Errorf("find the data folder: %w", err)
	}
	if cfg.Binary == "" {
		if cfg.Binary, err = FindCockroach(); err != nil {
			return cfg, err
		}
	}
	cfg.Nodes = append([]Node(nil), cfg.Nodes...)
	for i := range cfg.Nodes {
		n := &cfg.Nodes[i]
		if n.ListenPort, err = claimPort(n.ListenPort, "CockroachDB in "+n.Region); err != nil {
			return cfg, err
		}
		if n.HTTPPort, err = claimPort(n.HTTPPort, "CockroachDB's console in "+n.Region); err != nil {
			return cfg, err
		}
	}
	return cfg, nil
}

func (c *Cockroach) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := os.MkdirAll(c.cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	for i := range c.cfg.Nodes {
		if err := c.startNode(i); err != nil {
			return err
		}
	}
	if err := c.initialise(ctx); err != nil {
		return err
	}
	for i := range c.cfg.Nodes {
		if err := c.waitNode(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cockroach) startNode(i int) error {
	log, err := os.OpenFile(c.logPath(i), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("open the node's log: %w", err)
	}
	defer log.Close()
	cmd := exec.Command(c.cfg.Binary, c.cfg.startArgs(i)...)
	cmd.Dir, cmd.Env = c.cfg.Dir, cleanEnv()
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	c.nodes = append(c.nodes, p)
	return nil
}

func (c *Cockroach) logPath(i int) string {
	return filepath.Join(c.cfg.Dir, c.cfg.nodeName(i)+".log")
}

// startArgs returns the arguments that start node i.
func (cfg CockroachConfig) startArgs(i int) []string {
	n := cfg.Nodes[i]
	join := make([]string, len(cfg.Nodes))
	for j, other := range cfg.Nodes {
		join[j] = loopback(other.ListenPort)
	}
	return []string{
		"start",
		"--insecure",
		"--store=" + filepath.Join(cfg.Dir, cfg.nodeName(i)),
		"--listen-addr=" + loopback(n.ListenPort),
		"--http-addr=" + loopback(n.HTTPPort),
		"--join=" + strings.Join(join, ","),
		"--locality=region=" + n.Region + ",zone=" + n.Region + "-" + cfg.zone(i),
	}
}

// initArgs returns the arguments that make the started nodes one cluster.
func (cfg CockroachConfig) initArgs() []string {
	return []string{"init", "--insecure", "--host=" + loopback(cfg.Nodes[0].ListenPort)}
}

// zone returns a for the first node of a region, b for the second and so on.
func (cfg CockroachConfig) zone(i int) string {
	zone := 'a'
	for _, n := range cfg.Nodes[:i] {
		if n.Region == cfg.Nodes[i].Region {
			zone++
		}
	}
	return string(zone)
}

// nodeName names a node's store after its region and zone, because its place in the list may change between two
// starts.
func (cfg CockroachConfig) nodeName(i int) string {
	return cfg.Nodes[i].Region + "-" + cfg.zone(i)
}

// initialise runs `cockroach init` until the first node accepts it, unless an earlier start has.
func (c *Cockroach) initialise(ctx context.Context) error {
	marker := filepath.Join(c.cfg.Dir, initialisedFile)
	if _, err := os.Stat(marker); err == nil {
		return nil
	}
	said := ""
	err := c.await(ctx, 0, func() bool {
		cmd := exec.CommandContext(ctx, c.cfg.Binary, c.cfg.initArgs()...)
		cmd.Dir, cmd.Env = c.cfg.Dir, cleanEnv()
		out, err := cmd.CombinedOutput()
		said = lastLines(out, 2)
		return err == nil || strings.Contains(string(out), "already been initialized")
	})
	if err != nil {
		return fmt.Errorf("initialise the cluster: %w: %s", err, said)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		return fmt.Errorf("note that the cluster is initialised: %w", err)
	}
	return nil
}

// waitNode waits until node i takes SQL, as its health endpoint reports.
func (c *Cockroach) waitNode(ctx context.Context, i int) error {
	health := "http://" + loopback(c.cfg.Nodes[i].HTTPPort) + "/health?ready=1"
	err := c.await(ctx, i, func() bool { return answersOK(ctx, health) })
	if err != nil {
		return fmt.Errorf("start CockroachDB in %s: %w", c.cfg.Nodes[i].Region, err)
	}
	return nil
}

func answersOK(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	return response.StatusCode == http.StatusOK
}

// await waits until ready returns true. It fails when node i ends, with the end of its log, or when the context does.
func (c *Cockroach) await(ctx context.Context, i int, ready func() bool) error {
	node := c.nodes[i]
	err := node.await(ctx, 10*pollInterval, func() (bool, error) { return ready(), nil })
	if err == nil || node.running() {
		return err
	}
	text, _ := os.ReadFile(c.logPath(i)) // the error says enough without it
	return fmt.Errorf("node %s: %w: %s", c.cfg.nodeName(i), err, lastLines(text, 5))
}

// URL returns the connection string of a database through the region's first node, which becomes the gateway. For an
// unknown region it names the cluster's first node.
func (c *Cockroach) URL(region, database string) string {
	node := c.cfg.Nodes[0]
	for _, n := range c.cfg.Nodes {
		if n.Region == region {
			node = n
			break
		}
	}
	return databaseURL(url.User("root"), node.ListenPort, database)
}

// CreateDatabase makes a database unless there is one of that name.
func (c *Cockroach) CreateDatabase(ctx context.Context, name string) error {
	return createDatabase(ctx, c.URL(c.cfg.Nodes[0].Region, "defaultdb"), name)
}

// Stop ends the nodes: each drains and hands over its leases. Nodes still running when ctx ends are killed, which
// loses no committed data. It may be called again.
func (c *Cockroach) Stop(ctx context.Context) error {
	var faults []error
	for _, node := range c.nodes {
		if err := node.signal(syscall.SIGTERM); err != nil {
			faults = append(faults, err)
		}
	}
	for _, node := range c.nodes {
		select {
		case <-node.exited:
		case <-ctx.Done():
			faults = append(faults, node.signal(syscall.SIGKILL), node.finish())
		}
	}
	return errors.Join(faults...)
}
