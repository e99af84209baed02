package chaos

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"meridian/internal/api"
	"meridian/internal/database"
	"meridian/internal/lab/audit"
	"meridian/internal/lab/client"
	"meridian/internal/payment/sandbox"
	"meridian/internal/pod"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
	"meridian/regions"
)

// testShop is a shop in this process: its pods and its payment provider can be cut off, but not killed.
type testShop struct {
	*shop
	load *load
	t    *testing.T
}

// newTestShop opens a shop without pods, and fills it.
func newTestShop(t *testing.T, shoppers int) *testShop {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	s := &testShop{t: t, shop: &shop{
		shopConfig: shopConfig{dir: t.TempDir(), set: set, dice: newDice(1)}, secret: bytes.Repeat([]byte{7}, 32),
		keys: sandboxKeys{rand.Text(), rand.Text()}, http: client.NewHTTP(64), url: databasetest.URL(t),
	}}
	s.db = databasetest.Open(t, s.url, set.Primary().Name)
	s.openProvider()
	w := testkit.Must(s.fill(t.Context(), shoppers))(t)
	s.load = newLoad(s.shop, w, quickCards)
	return s
}

// openProvider runs the payment sandbox behind the gateway until the test ends.
func (s *testShop) openProvider() {
	t := s.t
	t.Helper()
	listener := testkit.Listen(t)
	if err := s.openGateway("http://" + listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	server, err := sandbox.NewServer(sandbox.Config{
		APIKey: s.keys.api, Secret: s.keys.webhooks, StateFile: s.stateFile(), MaxBackoff: time.Second,
		WebhookURL: func(string, int) string { return s.gateway.webhookURL() }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	testkit.Background(t, func(ctx context.Context) error { return server.Serve(ctx, listener) })
	t.Cleanup(func() { _ = s.gateway.close() })
}

// addPod runs a pod until the test ends: with the region's workers, or with a proxy before its database.
func (s *testShop) addPod(region string, workers bool) *replica {
	t := s.t
	t.Helper()
	listener := testkit.Listen(t)
	r := &replica{process: &process{name: region}, region: region, base: "http://" + listener.Addr().String()}
	databaseURL := s.url
	if !workers {
		r.proxy = newProxyTo(t, s.url)
		databaseURL = through(s.url, r.proxy)
	}
	p := testkit.Must(pod.New(t.Context(), pod.Config{
		Regions: s.set, Region: region, Secret: s.secret, Log: slog.New(slog.DiscardHandler),
		Database: database.Config{URL: databaseURL, MaxConns: 6, Tracer: databasetest.Tracer()},
		API:      api.Config{Limits: api.Limits{Default: api.Rate{Requests: -1}}, DrainDelay: -1},
		Sandbox: sandbox.ClientConfig{
			BaseURL: s.gateway.providerURL(region), APIKey: s.keys.api, WebhookSecret: s.keys.webhooks, BreakerPause: time.Second,
		},
		PayWithin: 5 * time.Second, CheckPaymentAfter: time.Second,
	}))(t)
	testkit.Background(t, func(ctx context.Context) error {
		err := p.Serve(ctx, listener, workers)
		_ = p.Close(ctx)
		return err
	})
	s.pods = append(s.pods, r)
	return r
}

func newProxyTo(t *testing.T, databaseURL string) *Proxy {
	t.Helper()
	u := testkit.Must(url.Parse(databaseURL))(t)
	p := testkit.Must(NewProxy(u.Host))(t)
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// buying returns a context for the time in which shoppers buy. It ends after d, or later, when an order was confirmed.
func (s *testShop) buying(d time.Duration) context.Context {
	ctx, stop := context.WithCancel(s.t.Context())
	go func() {
		defer stop()
		for end := time.Now().Add(d); time.Now().Before(end) || s.load.journal.Count().Confirmed == 0; {
			if !client.Sleep(ctx, 10*time.Millisecond) || time.Since(end) > testkit.Patience {
				return
			}
		}
	}()
	s.t.Cleanup(func() {
		if n := s.load.journal.Count(); n.Confirmed == 0 {
			s.t.Errorf("none of %d checkouts made an order", n.Attempted)
		}
	})
	return ctx
}

// wantInOrder lets the workers finish and compares all books.
func (s *testShop) wantInOrder() audit.Book {
	t := s.t
	t.Helper()
	left, _, err := audit.Settle(t.Context(), s.db, 2*time.Minute, s.makeDue)
	if err != nil {
		t.Fatal(err)
	}
	if left.Total() > 0 {
		t.Errorf("still pending: %+v", left)
	}
	held := testkit.Must(audit.ReadBook(t.Context(), s.db, s.set))(t)
	provider := testkit.Must(sandbox.ReadBook(s.stateFile()))(t)
	for _, fault := range judge(s.load.told(), held, provider).Faults {
		t.Error(fault)
	}
	found := testkit.Must(audit.Verify(t.Context(), s.db, verify.Options{Regions: s.set, Strict: true}))(t)
	for _, example := range found.Examples {
		t.Errorf("verify: %s", example)
	}
	return held
}
