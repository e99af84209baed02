package dns

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
	"meridian/regions"
)

// shopFile returns a copy of the zone's file of the tests, changed by pairs of old and new text.
func shopFile(t testing.TB, changes ...string) string {
	t.Helper()
	text := string(testkit.Must(os.ReadFile("testdata/shop.yaml"))(t))
	for i := 0; i < len(changes); i += 2 {
		if !strings.Contains(text, changes[i]) {
			t.Fatalf("the file has no %q", changes[i])
		}
		text = strings.Replace(text, changes[i], changes[i+1], 1)
	}
	path := filepath.Join(t.TempDir(), "shop.yaml")
	testkit.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// A states is what a test says of the regions.
type states struct {
	mu  sync.Mutex
	now []RegionState
}

// healthyRegions returns the regions of the tests' zone, all of them well.
func healthyRegions() []RegionState {
	var all []RegionState
	for i, name := range []string{"us-east", "us-west", "eu-west", "ap-southeast"} {
		all = append(all, RegionState{
			Region: name, Healthy: true, Weight: 100, Target: name + ".cdn.example.net.",
			Addresses: []netip.Addr{
				netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}),
				netip.MustParseAddr("2001:db8::").Next(),
			},
		})
		all[i].Addresses[1] = netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 0, byte(i + 1), 15: 1})
	}
	return all
}

// change changes the state of the regions named.
func (s *states) change(do func(*RegionState), names ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := make([]RegionState, len(s.now))
	copy(next, s.now)
	for i := range next {
		for _, name := range names {
			if next[i].Region == name {
				do(&next[i])
			}
		}
	}
	s.now = next
}

func (s *states) get() []RegionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func shippedSet(t testing.TB) *regions.Set { return testkit.Must(regions.Shipped())(t) }

// newServer returns a server for the tests' zone, and what decides about its regions.
func newServer(t testing.TB, changes ...string) (*Server, *states) {
	t.Helper()
	from := &states{now: healthyRegions()}
	s := testkit.Must(New(Config{
		File: shopFile(t, changes...), Set: shippedSet(t), Regions: from.get, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))(t)
	return s, from
}

// start serves at a free port of this machine until the test ends, and returns the address.
func start(t testing.TB, s *Server) netip.AddrPort {
	t.Helper()
	testkit.NoError(t, s.Listen(t.Context(), "127.0.0.1:0"))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return s.Addrs()[0]
}

// tool returns the path of a program, or skips the test.
func tool(t testing.TB, name, debianPackage string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	t.Skipf("%s is not installed: apt-get install %s", name, debianPackage)
	return ""
}

// ask returns the response to a message over UDP, as a client at the address sees it.
func ask(t testing.TB, s *Server, m *dns.Msg, from string) *dns.Msg {
	t.Helper()
	packet := testkit.Must(m.Pack())(t)
	wire := s.newResponder(s.newCounts()).respond(packet, netip.MustParseAddr(from), false)
	if wire == nil {
		t.Fatal("there is no response")
	}
	response := new(dns.Msg)
	if err := response.Unpack(wire); err != nil {
		t.Fatalf("the response %x cannot be read: %v", wire, err)
	}
	return response
}
