// Package consultest runs real Consul servers for tests: a datacenter for each region, federated with the others.
package consultest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"
)

// The newest release that is free software and whose dependencies the module proxy still has. It is built in a module of its
// own, since its go.mod has replacements.
const (
	module  = "github.com/hashicorp/consul"
	version = "v1.14.11"
)

// A Server is the one server of a datacenter, with its agent.
type Server struct {
	Region string
	// Address is that of its HTTP interface: host:port.
	Address string

	args  []string
	token string
	mu    sync.Mutex
	cmd   *exec.Cmd
	log   bytes.Buffer
}

// Start runs a server for each region, and waits until each has a leader and knows all others. They are stopped with the
// test. Where Consul cannot be built, the test is skipped, or fails if MERIDIAN_REQUIRE_CONSUL is set.
func Start(t *testing.T, regions ...string) map[string]*Server {
	t.Helper()
	return StartWith(t, "", "", regions...)
}

// StartWith runs servers with further configuration (HCL), which a token opens.
func StartWith(t *testing.T, hcl, token string, regions ...string) map[string]*Server {
	t.Helper()
	program := build(t)
	for range 3 { // a port may be taken between the look for it and its use
		if servers := start(t, program, hcl, token, regions); servers != nil {
			for _, s := range servers {
				t.Cleanup(s.Kill)
			}
			return servers
		}
	}
	t.Fatalf("consul does not start in %v", regions)
	return nil
}

// start returns servers that know each other, or nil.
func start(t *testing.T, program, hcl, token string, regions []string) map[string]*Server {
	t.Helper()
	servers := make(map[string]*Server, len(regions))
	first := "" // the port where the first one, the primary, is joined
	for _, region := range regions {
		ports := freePorts(t, 5)
		if first == "" {
			first = strconv.Itoa(ports[4])
		}
		servers[region] = newServer(program, region, regions[0], first, ports)
		servers[region].token = token
		servers[region].args = append(servers[region].args, "-hcl="+hcl)
		servers[region].Run(t)
	}
	for _, s := range servers {
		if err := s.wait(t, len(regions)); err != nil {
			t.Logf("%v; once more", err)
			for _, s := range servers {
				s.Kill()
			}
			return nil
		}
	}
	return servers
}

// newServer returns a server that listens on some ports, and joins the first one's.
func newServer(program, region, primary, first string, ports []int) *Server {
	port := func(n int) string { return strconv.Itoa(ports[n]) }
	return &Server{Region: region, Address: "127.0.0.1:" + port(0), args: []string{
		program, "agent", "-dev", "-log-level=warn", "-bind=127.0.0.1", "-client=127.0.0.1",
		"-node=n-" + region, "-datacenter=" + region, `-hcl=primary_datacenter="` + primary + `"`,
		"-http-port=" + port(0), "-dns-port=" + port(1), "-grpc-port=-1", "-grpc-tls-port=-1",
		"-server-port=" + port(2), "-serf-lan-port=" + port(3),
		"-serf-wan-port=" + port(4), "-retry-join-wan=127.0.0.1:" + first, "-retry-interval-wan=1s",
	}}
}

// Run starts the server, empty, after Kill.
func (s *Server) Run(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start consul: %v", err)
	}
}

// Kill ends the server as a loss of power does.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait() // it was killed
	s.cmd = nil
}

// Freeze stops the server without ending it, and Thaw lets it go on.
func (s *Server) Freeze() { _ = s.cmd.Process.Signal(syscall.SIGSTOP) }
func (s *Server) Thaw()   { _ = s.cmd.Process.Signal(syscall.SIGCONT) }

// Client returns a client of the server.
func (s *Server) Client(t *testing.T) *api.Client {
	t.Helper()
	client, err := api.NewClient(&api.Config{Address: s.Address, Token: s.token})
	if err != nil {
		t.Fatalf("make a client of consul: %v", err)
	}
	return client
}

// startWithin bounds how long servers take to find each other: half a second where the machine does nothing else.
const startWithin = 30 * time.Second

// wait waits until the server has a leader and knows a number of datacenters.
func (s *Server) wait(t *testing.T, datacenters int) error {
	t.Helper()
	client := s.Client(t)
	for deadline := time.Now().Add(startWithin); ; time.Sleep(100 * time.Millisecond) {
		leader, err := client.Status().Leader()
		known, _ := client.Catalog().Datacenters()
		if err == nil && leader != "" && len(known) == datacenters {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("consul in %s: leader %q, datacenters %v, %v\n%s", s.Region, leader, known, err, s.log.String())
		}
	}
}

// freePorts returns ports that nobody listens on, for TCP and UDP.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var ports []int
	for len(ports) < n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("look for a free port: %v", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// build builds Consul once into the user's cache folder.
func build(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		give(t, "there is no cache folder for consul: %v", err)
	}
	dir := filepath.Join(cache, "meridian", "consul-"+version)
	program := filepath.Join(dir, "consul")
	if _, err := os.Stat(program); err == nil {
		return program
	}
	unlock := lock(t, dir)
	defer unlock()
	if _, err := os.Stat(program); err == nil {
		return program
	}
	t.Logf("building consul %s; this takes some minutes, once", version)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	for _, args := range [][]string{
		{"mod", "init", "consul"}, {"get", "-tool", module + "@" + version}, {"build", "-trimpath", "-o", program + ".new", module},
	} {
		command := exec.CommandContext(ctx, "go", args...)
		command.Dir, command.Env = dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off", "CGO_ENABLED=0")
		if out, err := command.CombinedOutput(); err != nil && args[1] != "init" { // which an earlier build may have done
			give(t, "build consul: go %s: %v: %s", args[0], err, lastLine(out))
		}
	}
	if err := os.Rename(program+".new", program); err != nil {
		give(t, "build consul: %v", err)
	}
	return program
}

// give ends a test that cannot have Consul.
func give(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("MERIDIAN_REQUIRE_CONSUL") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// lock lets one process at a time build.
func lock(t *testing.T, dir string) (unlock func()) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatalf("make the cache folder: %v", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		t.Fatalf("lock the cache folder: %v", err)
	}
	return func() { _ = file.Close() }
}
