package dns

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

// These tests put a real resolver, unbound, in front of the server. It begins at a root that nsd serves, follows the
// delegations to the shop's zone, checks signatures and caches by client subnet. Delegations lead to port 53, so that the
// servers have addresses of 127.53.0.0/16.
const (
	rootAddress = "127.53.0.1"
	shopAddress = "127.53.0.2"
)

// An internet is a root, the server and a resolver.
type internet struct {
	server   *Server
	from     *states
	resolver netip.AddrPort
}

// needPort53 skips the test if this user may not listen on port 53, or somebody else does.
func needPort53(t *testing.T) {
	t.Helper()
	for _, address := range []string{rootAddress, shopAddress} {
		listener, err := net.Listen("tcp", address+":53")
		if err != nil {
			t.Skipf("delegations lead to port 53: %v", err)
		}
		listener.Close()
	}
}

const rootConfig = `server:
  ip-address: ` + rootAddress + `
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "%[1]s"
  pidfile: "%[1]s/nsd.pid"
  xfrdfile: "%[1]s/xfrd.state"
  xfrdir: "%[1]s"
  zonelistfile: "%[1]s/zone.list"
  database: ""
remote-control:
  control-enable: no
zone:
  name: .
  zonefile: root.zone
zone:
  name: example.
  zonefile: example.zone
`

const rootZone = `. 60 SOA ns.root. x. 1 60 60 600 60
. 60 NS ns.root.
ns.root. 60 A ` + rootAddress + `
example. 60 NS ns.root.
`

const exampleZone = `example. 60 SOA ns.root. x. 1 60 60 600 60
example. 60 NS ns.root.
shop.example. 60 NS ns1.shop.example.
ns1.shop.example. 60 A ` + shopAddress + `
`

// resolverConfig hardens what can be hardened, asks with names in changing case, and keeps answers by client subnet.
const resolverConfig = `server:
  interface: 127.0.0.1
  port: %[2]d
  username: ""
  chroot: ""
  directory: "%[1]s"
  pidfile: "%[1]s/unbound.pid"
  use-syslog: no
  root-hints: "%[1]s/hints"
  do-not-query-localhost: no
  do-ip6: no
  use-caps-for-id: yes
  qname-minimisation-strict: yes
  harden-below-nxdomain: yes
  harden-referral-path: yes
  harden-algo-downgrade: yes
  trust-anchor: "%[3]s"
  module-config: "subnetcache validator iterator"
  client-subnet-always-forward: yes
  send-client-subnet: 127.0.0.0/8
  max-client-subnet-ipv4: 24
  outgoing-range: 64
  rrset-roundrobin: no
  num-queries-per-thread: 32
remote-control:
  control-enable: no
`

// newInternet starts the servers, of a signed zone that is changed by pairs of old and new text.
func newInternet(t *testing.T, changes ...string) *internet {
	t.Helper()
	tool(t, "nsd", "nsd")
	tool(t, "unbound", "unbound")
	needPort53(t)
	dir := t.TempDir()
	write := func(name, text string) {
		testkit.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("nsd.conf", fmt.Sprintf(rootConfig, dir))
	write("root.zone", rootZone)
	write("example.zone", exampleZone)
	write("hints", ". 60 NS ns.root.\nns.root. 60 A "+rootAddress+"\n")
	key, ds, err := GenerateKey("shop.example.", dir)
	testkit.NoError(t, err)
	world := &internet{from: &states{now: healthyRegions()}, resolver: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), freePort(t))}
	write("unbound.conf", fmt.Sprintf(resolverConfig, dir, world.resolver.Port(), strings.ReplaceAll(ds, "\t", " ")))
	world.server = testkit.Must(New(Config{
		File: shopFile(t, append([]string{"latency:", "dnssec: {keys: [" + key + "]}\nlatency:", `192.0.2.53, "2001:db8::53"`,
			shopAddress, "  - {name: ns2, addresses: [198.51.100.53]}\n", ""}, changes...)...),
		Set: shippedSet(t), Regions: world.from.get, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))(t)
	testkit.NoError(t, world.server.Listen(t.Context(), shopAddress+":53"))
	start(t, world.server)
	run(t, tool(t, "nsd", "nsd"), "-d", "-c", filepath.Join(dir, "nsd.conf"))
	run(t, tool(t, "unbound", "unbound"), "-d", "-c", filepath.Join(dir, "unbound.conf"))
	testkit.Eventually(t, "the resolver answers", func() bool { return answersAt(world.resolver) })
	return world
}

// run runs a server until the test ends, and shows what it said if the test failed.
func run(t *testing.T, path string, args ...string) {
	t.Helper()
	command := exec.Command(path, args...)
	var said bytes.Buffer
	command.Stdout, command.Stderr = &said, &said
	testkit.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s said\n%s", path, &said)
		}
	})
}

// resolve asks the resolver.
func (w *internet) resolve(t *testing.T, m *dns.Msg) *dns.Msg {
	t.Helper()
	m.RecursionDesired = true
	response, _, err := (&dns.Client{Timeout: testkit.Patience}).Exchange(m, w.resolver.String())
	if err != nil {
		t.Fatalf("asking the resolver: %v", err)
	}
	return response
}

// What a strict resolver that checks signatures makes of each kind of answer.
func TestUnbound_Conformance(t *testing.T) {
	world := newInternet(t)
	for _, tt := range []struct {
		question, kind, code string
		answers              int
	}{
		{"shop.example.", "A", "NOERROR", 2},
		{"shop.example.", "AAAA", "NOERROR", 2},
		{"shop.example.", "HTTPS", "NOERROR", 1},
		{"api.shop.example.", "SVCB", "NOERROR", 1},
		{"www.shop.example.", "A", "NOERROR", 3},
		{"www.shop.example.", "HTTPS", "NOERROR", 2},
		{"cdn.shop.example.", "CNAME", "NOERROR", 1},
		{"shop.example.", "SOA", "NOERROR", 1},
		{"shop.example.", "NS", "NOERROR", 1},
		{"shop.example.", "DNSKEY", "NOERROR", 1},
		{"shop.example.", "MX", "NOERROR", 1},
		{"shop.example.", "CAA", "NOERROR", 1},
		{"shop.example.", "TXT", "NOERROR", 1},
		{"a.b.c.shop.example.", "TXT", "NOERROR", 1},
		{"b.c.shop.example.", "A", "NOERROR", 0},
		{"shop.example.", "SRV", "NOERROR", 0},
		{"www.shop.example.", "SRV", "NOERROR", 1},
		{"nope.shop.example.", "A", "NOERROR", 0}, // compact denial: a name that does not exist has no types
		{"x.y.z.shop.example.", "A", "NOERROR", 0},
		{"gone.shop.example.", "A", "NOERROR", 1}, // a CNAME to one
	} {
		t.Run(tt.question+" "+tt.kind, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion(tt.question, typeOf(t, tt.kind)).SetEdns0(1232, true)
			got := world.resolve(t, m)
			count := 0
			for _, rr := range got.Answer {
				if rr.Header().Rrtype != dns.TypeRRSIG {
					count++
				}
			}
			if dns.RcodeToString[got.Rcode] != tt.code || count != tt.answers {
				t.Errorf("resolved to %v", got)
			}
			if !got.AuthenticatedData {
				t.Errorf("the signatures are not taken for good: %v", got)
			}
		})
	}
}

// The resolver keeps an answer for the clients in its scope, and gives it to nobody else.
func TestUnbound_Subnets(t *testing.T) {
	world := newInternet(t)
	for _, tt := range []struct {
		name, subnet, first string
		asked               bool // the server is asked
	}{
		{"Germany", "80.128.0.0/24", "192.0.2.3", true},
		{"the same network", "80.128.0.0/24", "192.0.2.3", false},
		{"another network in the scope, 80.128.0.0/11", "80.144.7.0/24", "192.0.2.3", false},
		{"Singapore", "165.21.83.0/24", "192.0.2.4", true},
		{"Germany again", "80.128.9.0/24", "192.0.2.3", false},
		{"the United States", "8.8.8.0/24", "192.0.2.1", true},
		{"Singapore again", "165.21.83.0/24", "192.0.2.4", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := world.located()
			got := world.resolve(t, withSubnet("shop.example.", dns.TypeA, tt.subnet))
			if len(got.Answer) != 2 || got.Answer[0].(*dns.A).A.String() != tt.first {
				t.Errorf("resolved to %v, want %s first", got, tt.first)
			}
			if asked := world.located() > before; asked != tt.asked {
				t.Errorf("the server is asked: %t", asked)
			}
		})
	}
}

// Behind a resolver that caches, a region that is lost is named no more one TTL later, and the answers go on.
func TestUnbound_LostRegion(t *testing.T) {
	world := newInternet(t, "soa:", "ttl: {latency: 1s}\nsoa:")
	names := func() string {
		got := world.resolve(t, withSubnet("www.shop.example.", dns.TypeA, "80.128.0.0/24"))
		if len(got.Answer) != 3 || got.Rcode != dns.RcodeSuccess {
			t.Errorf("resolved to %v", got)
		}
		return fmt.Sprint(records("shop.example.", got.Answer))
	}
	if got := names(); !strings.Contains(got, "192.0.2.3") {
		t.Fatalf("at first it is %s", got)
	}
	world.from.change(func(r *RegionState) { r.Healthy = false }, "eu-west")
	testkit.Eventually(t, "the lost region is named no more", func() bool { return !strings.Contains(names(), "192.0.2.3") })
	world.from.change(func(r *RegionState) { r.Healthy = true }, "eu-west")
	testkit.Eventually(t, "it is named again", func() bool { return strings.Contains(names(), "192.0.2.3") })
}

// located returns how many answers depended on a client's subnet.
func (w *internet) located() int64 {
	var sum int64
	for is := range 2 {
		sum += w.server.total(func(c *counts) *atomic.Uint64 { return &c.bases[1][is] })
	}
	return sum
}

// TestTrace walks down from the root as dig +trace does: each server refers to the next, and the last one answers.
func TestTrace(t *testing.T) {
	newInternet(t)
	at := rootAddress
	for range 3 {
		m := new(dns.Msg).SetQuestion("www.shop.example.", dns.TypeA)
		m.RecursionDesired = false
		got, _, err := (&dns.Client{Timeout: testkit.Patience}).Exchange(m, at+":53")
		if err != nil {
			t.Fatal(err)
		}
		if got.Authoritative {
			if at != shopAddress || len(got.Answer) != 3 {
				t.Errorf("%s answers with %v", at, got)
			}
			return
		}
		if len(got.Extra) == 0 {
			t.Fatalf("%s refers to nobody: %v", at, got)
		}
		at = got.Extra[0].(*dns.A).A.String()
	}
	t.Error("nobody answers")
}

// BIND's validator takes the signatures for good.
func TestDelv(t *testing.T) {
	delv := tool(t, "delv", "bind9-dnsutils")
	s, key := signedServer(t)
	at := start(t, s)
	anchors := filepath.Join(t.TempDir(), "anchors")
	text := fmt.Sprintf("trust-anchors { \"shop.example.\" static-key %d %d %d \"%s\"; };\n", key.Flags, key.Protocol, key.Algorithm,
		key.PublicKey)
	testkit.NoError(t, os.WriteFile(anchors, []byte(text), 0o600))
	for question, want := range map[string]string{
		"shop.example A":      "; fully validated",
		"www.shop.example A":  "; fully validated",
		"shop.example SRV":    "; negative response, fully validated",
		"c.shop.example A":    "; negative response, fully validated",
		"nope.shop.example A": "; negative response, fully validated",
	} {
		args := []string{"@127.0.0.1", "-p", fmt.Sprint(at.Port()), "-a", anchors, "+root=shop.example"}
		output, err := exec.Command(delv, append(args, strings.Fields(question)...)...).CombinedOutput()
		if err != nil || !strings.Contains(string(output), want) {
			t.Errorf("%s: %v, not %q:\n%s", question, err, want, output)
		}
	}
}
