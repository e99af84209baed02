package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"meridian/internal/testkit"
)

// exchange asks a server over the network.
func exchange(t testing.TB, network string, at netip.AddrPort, name string, kind uint16) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetQuestion(name, kind)
	response, _, err := (&dns.Client{Net: network, Timeout: testkit.Patience}).Exchange(m, at.String())
	if err != nil {
		t.Fatalf("asking %s: %v", at, err)
	}
	return response
}

func TestServe(t *testing.T) {
	s, from := newServer(t)
	at := start(t, s)
	for _, network := range []string{"udp", "tcp"} {
		if got := exchange(t, network, at, "shop.example.", dns.TypeA); len(got.Answer) != 2 || !got.Authoritative {
			t.Errorf("over %s: %v", network, got)
		}
	}
	from.change(func(r *RegionState) { r.Healthy = false }, "us-east")
	testkit.Eventually(t, "the region that is down is answered no more", func() bool {
		return !strings.Contains(exchange(t, "udp", at, "shop.example.", dns.TypeA).String(), "192.0.2.1\n")
	})
}

// Files are replaced, good and bad ones by turns, and states change, while clients ask: each of them is answered, with one
// version of the zone or another.
func TestReload_UnderLoad(t *testing.T) {
	s, from := newServer(t)
	at := start(t, s)
	good := testkit.Must(os.ReadFile(s.cfg.File))(t)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	var asked atomic.Int64
	for range 4 {
		clients.Go(func() {
			for ctx.Err() == nil {
				got := exchange(t, "udp", at, "www.shop.example.", dns.TypeA)
				if len(got.Answer) != 3 || got.Answer[1].Header().Ttl != 30 && got.Answer[1].Header().Ttl != 31 {
					t.Errorf("answered with %v", got)
				}
				asked.Add(1)
			}
		})
	}
	for i := range 40 {
		ttl := fmt.Sprintf("ttl: {latency: %ds}\n", 30+i%2)
		if i%4 == 3 {
			ttl = "ttl: {latency: never}\n"
		}
		testkit.NoError(t, os.WriteFile(s.cfg.File, append([]byte(ttl), good...), 0o600))
		if err := s.Reload(); (err != nil) != (i%4 == 3) {
			t.Errorf("file %d: %v", i, err)
		}
		from.change(func(r *RegionState) { r.Healthy = !r.Healthy }, "us-east")
		before := asked.Load()
		testkit.Eventually(t, "clients go on asking", func() bool { return asked.Load() > before })
	}
	cancel()
	clients.Wait()
}

// The file is followed, and a faulty one changes nothing but a metric.
func TestServe_FollowsFile(t *testing.T) {
	reader := metric.NewManualReader()
	s := testkit.Must(New(Config{
		File: shopFile(t), Set: shippedSet(t), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Meter: metric.NewMeterProvider(metric.WithReader(reader)),
	}))(t)
	at := start(t, s)
	good := string(testkit.Must(os.ReadFile(s.cfg.File))(t))
	ttl := func() uint32 { return exchange(t, "udp", at, "shop.example.", dns.TypeA).Answer[0].Header().Ttl }
	testkit.NoError(t, os.WriteFile(s.cfg.File, []byte("ttl: {latency: 7s}\n"+good), 0o600))
	testkit.Eventually(t, "the new file is in force", func() bool { return ttl() == 7 })
	testkit.NoError(t, os.WriteFile(s.cfg.File, []byte("ttl: {latency: 9s, no: 1}\n"+good), 0o600))
	testkit.Eventually(t, "the faulty file is counted", func() bool { return metrics(t, reader)["meridian.dns.reloads faulty"] == 1 })
	if got := ttl(); got != 7 {
		t.Errorf("the TTL is %d after a faulty file", got)
	}
	testkit.NoError(t, os.Remove(s.cfg.File))
	if err := s.Reload(); err == nil || ttl() != 7 {
		t.Errorf("without a file: %v", err)
	}
	got := metrics(t, reader)
	if got["meridian.dns.answers udp NOERROR"] == 0 || got["meridian.dns.nearest us-east"] == 0 || got["meridian.dns.reloads done"] != 1 ||
		got["meridian.dns.region.usable eu-west"] != 1 || got["meridian.dns.zone.serial"] != 7 {
		t.Errorf("the metrics are %v", got)
	}
}

// metrics returns the value of each metric, named with the values of its labels.
func metrics(t *testing.T, reader metric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	testkit.NoError(t, reader.Collect(t.Context(), &all))
	values := make(map[string]int64)
	for _, scope := range all.ScopeMetrics {
		for _, one := range scope.Metrics {
			var points []metricdata.DataPoint[int64]
			switch data := one.Data.(type) {
			case metricdata.Sum[int64]:
				points = data.DataPoints
			case metricdata.Gauge[int64]:
				points = data.DataPoints
			}
			for _, point := range points {
				name := one.Name
				for _, key := range []string{"transport", "code", "reason", "upstream_region", "result"} {
					if value, ok := point.Attributes.Value(attribute.Key(key)); ok {
						name += " " + value.AsString()
					}
				}
				values[name] = point.Value
			}
		}
	}
	return values
}

// A region whose probe fails is answered no more, and again when it succeeds.
func TestProbes(t *testing.T) {
	var broken atomic.Bool
	region := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer region.Close()
	s := testkit.Must(New(Config{
		File: shopFile(t, "target: use", "probe: "+region.URL+"/readyz, target: use", "latency:", "probes: {interval: 100ms}\nlatency:"),
		Set:  shippedSet(t), Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}))(t)
	at := start(t, s)
	first := func() string { return exchange(t, "udp", at, "shop.example.", dns.TypeA).Answer[0].(*dns.A).A.String() }
	if got := first(); got != "192.0.2.1" {
		t.Errorf("at first %s is named", got)
	}
	broken.Store(true)
	testkit.Eventually(t, "the broken region is answered no more", func() bool { return first() != "192.0.2.1" })
	if left := s.lingers.left("us-east", time.Now()); left <= 0 || left > 30*time.Second {
		t.Errorf("caches may name the region for %s", left)
	}
	testkit.NoError(t, s.Reload()) // what is known of a region outlives the file
	if got := first(); got == "192.0.2.1" {
		t.Error("after a reload the broken region is answered")
	}
	broken.Store(false)
	testkit.Eventually(t, "it is answered again", func() bool { return first() == "192.0.2.1" })
	if left := s.lingers.left("us-east", time.Now()); left != 0 {
		t.Errorf("caches may name it for %s", left)
	}
}

// A socket on every address answers from the one that was asked: a client that is connected to it takes nothing else.
func TestServe_Everywhere(t *testing.T) {
	s, _ := newServer(t)
	testkit.NoError(t, s.Listen(t.Context(), ":0"))
	at := start(t, s)
	for _, address := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		if probe, err := net.Listen("tcp", net.JoinHostPort(address, "0")); err != nil {
			t.Logf("this machine has no %s: %v", address, err)
			continue
		} else {
			probe.Close()
		}
		got := exchange(t, "udp", netip.AddrPortFrom(netip.MustParseAddr(address), at.Port()), "shop.example.", dns.TypeA)
		if len(got.Answer) != 2 {
			t.Errorf("asked at %s: %v", address, got)
		}
	}
}

// Several requests on one connection are answered in turn; one that is too long ends it, and so does silence of the server.
func TestServe_TCP(t *testing.T) {
	s, _ := newServer(t)
	at := start(t, s)
	connection := &dns.Conn{Conn: testkit.Must(net.Dial("tcp", at.String()))(t)}
	defer connection.Close()
	testkit.NoError(t, connection.SetDeadline(time.Now().Add(testkit.Patience)))
	for range 3 { // all sent before the first is answered
		testkit.NoError(t, connection.WriteMsg(new(dns.Msg).SetQuestion("shop.example.", dns.TypeAAAA)))
	}
	for range 3 {
		if got := testkit.Must(connection.ReadMsg())(t); len(got.Answer) != 2 {
			t.Errorf("answered with %v", got)
		}
	}
	testkit.Must(connection.Conn.Write(binary.BigEndian.AppendUint16(nil, maxQueryBytes+1)))(t)
	if _, err := connection.ReadMsg(); err == nil {
		t.Error("a long request is waited for")
	}
}

func TestConnections(t *testing.T) {
	c := connections{open: make(map[netip.Prefix]int), all: make(map[net.Conn]bool)}
	network, other := limitNetwork(netip.MustParseAddr("192.0.2.7")), limitNetwork(netip.MustParseAddr("2001:db8::1"))
	var held []net.Conn
	for range maxPerNetwork {
		one, end := net.Pipe()
		defer end.Close()
		held = append(held, one)
		if !c.enter(network, one) {
			t.Fatal("there is no room")
		}
	}
	extra, end := net.Pipe()
	defer end.Close()
	if c.enter(network, extra) {
		t.Error("a network may have any number")
	}
	if !c.enter(other, extra) {
		t.Error("another network has no room")
	}
	c.leave(network, held[0])
	if !c.enter(network, held[0]) {
		t.Error("room that was given back is lost")
	}
	for _, one := range held {
		c.leave(network, one)
	}
	c.leave(other, extra)
	c.end()
	if c.enter(network, extra) || len(c.open)+len(c.all) != 0 {
		t.Error("after its end it takes connections, or holds some")
	}
}

// When the server ends, a connection that waits is closed at once.
func TestServe_End(t *testing.T) {
	s, _ := newServer(t)
	testkit.NoError(t, s.Listen(t.Context(), "127.0.0.1:0"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	connection := testkit.Must(net.Dial("tcp", s.Addrs()[0].String()))(t)
	defer connection.Close()
	exchange(t, "udp", s.Addrs()[0], "shop.example.", dns.TypeA)
	cancel()
	testkit.NoError(t, <-ended)
	testkit.NoError(t, connection.SetReadDeadline(time.Now().Add(testkit.Patience)))
	if _, err := connection.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(fmt.Sprint(err), "reset") {
		t.Errorf("the connection ends with %v", err)
	}
}
