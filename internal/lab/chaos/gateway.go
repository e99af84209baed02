package chaos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"meridian/internal/lab/client"
)

// providerMode is how the payment provider behaves towards pods.
type providerMode int32

const (
	providerHonest providerMode = iota
	providerSlow                // takes up to ten seconds, which is longer than pods wait
	providerDown                // does not answer
	providerLying               // does what it is asked and answers 500
	providerMoody               // any of these, from call to call
)

// gateway stands between the pods and the payment sandbox. Pods call the sandbox through it, and it delivers each
// webhook of the sandbox to one of the pods.
type gateway struct {
	sandbox string            // the sandbox's URL
	pods    func() []*replica // that take webhooks
	find    func(name string) *replica
	observe func(moment, *replica) (cut bool)
	dice    dice

	mode     atomic.Int32 // a providerMode
	repeated atomic.Bool

	base   string // its URL
	client *http.Client
	server *http.Server
	// alive ends with the gateway: webhooks that are late may come after the sandbox has its answer.
	alive   context.Context
	stop    context.CancelFunc
	serving sync.WaitGroup
	late    sync.WaitGroup
}

// open listens on a free port of 127.0.0.1. The caller closes the gateway.
func (g *gateway) open() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen between the pods and the payment provider: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/webhooks", g.serveWebhook)
	mux.HandleFunc("/pods/{pod}/{path...}", g.serveCall)
	g.base, g.client = "http://"+listener.Addr().String(), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	g.alive, g.stop = context.WithCancel(context.Background())
	// What net/http logs of connections that break is left out: they are meant to.
	g.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)}
	g.serving.Go(func() { _ = g.server.Serve(listener) }) // it ends by close
	return nil
}

// close ends the gateway and what is still on its way.
func (g *gateway) close() error {
	g.stop()
	err := g.server.Close()
	g.serving.Wait()
	g.late.Wait()
	return err
}

// providerURL returns where a pod finds the payment provider.
func (g *gateway) providerURL(pod string) string { return g.base + "/pods/" + pod }

// webhookURL returns where the sandbox sends webhooks.
func (g *gateway) webhookURL() string { return g.base + "/webhooks" }

func (g *gateway) set(mode providerMode) { g.mode.Store(int32(mode)) }

// repeat turns repetition on or off. While it is on, each webhook is delivered up to three times, at different pods,
// some at once and some seconds late, so that they overtake each other.
func (g *gateway) repeat(on bool) { g.repeated.Store(on) }

// serveCall takes a pod's call to the sandbox. A call that panics ends without an answer.
func (g *gateway) serveCall(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	mode, pod := providerMode(g.mode.Load()), g.find(r.PathValue("pod"))
	if mode == providerMoody {
		mode = providerMode(g.dice.IntN(int(providerMoody)))
	}
	if err != nil || mode == providerDown || g.observe(paymentAsked, pod) {
		panic(http.ErrAbortHandler)
	}
	if mode == providerSlow {
		client.Sleep(r.Context(), g.slowness())
	}
	// Once it is on its way it is done, even when the pod has given up.
	ctx := context.WithoutCancel(r.Context())
	got, err := g.forward(ctx, r, body, g.sandbox+"/"+r.PathValue("path")+"?"+r.URL.RawQuery)
	if err != nil || g.observe(paymentDone, pod) {
		panic(http.ErrAbortHandler)
	}
	switch mode {
	case providerLying:
		got = answer{status: http.StatusInternalServerError}
	case providerSlow:
		client.Sleep(ctx, g.slowness())
	}
	for name, values := range got.header {
		w.Header()[name] = values
	}
	w.WriteHeader(got.status)
	_, _ = w.Write(got.body) // the pod may be gone
}

// slowness returns how long a slow provider takes in one direction: half of the time less than 1.3 s, one time in
// fourteen longer than pods wait, which is 8 s.
func (g *gateway) slowness() time.Duration {
	share := g.dice.Float64()
	return time.Duration(share * share * share * float64(10*time.Second))
}

const (
	// maxBody bounds what is relayed, in bytes.
	maxBody = 1 << 20
	// latest is how late a repeated webhook comes at most: less than the sandbox waits for an answer.
	latest = 4 * time.Second
	// webhookTimeout bounds the delivery of a webhook to a pod.
	webhookTimeout = 8 * time.Second
)

func (g *gateway) serveWebhook(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the sandbox sends it again
	}
	if g.repeated.Load() {
		for range g.dice.IntN(3) {
			g.late.Go(func() {
				if client.Sleep(g.alive, g.lateness()) {
					g.deliver(g.alive, r, body) // one too many: whether it arrives does not matter
				}
			})
		}
		client.Sleep(r.Context(), g.lateness())
	}
	w.WriteHeader(g.deliver(r.Context(), r, body))
}

// lateness returns 0 half of the time.
func (g *gateway) lateness() time.Duration {
	if g.dice.chance(0.5) {
		return 0
	}
	return g.dice.between(0, latest)
}

// deliver takes a webhook to one of the pods and returns the status of the answer, 502 if there was none.
func (g *gateway) deliver(ctx context.Context, r *http.Request, body []byte) int {
	pod := one(g.dice, g.pods())
	g.observe(webhookSent, pod)
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	got, err := g.forward(ctx, r, body, pod.base+"/v1/webhooks/sandbox")
	if err != nil {
		return http.StatusBadGateway
	}
	return got.status
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// forward sends a request's method and header with this body to target.
func (g *gateway) forward(ctx context.Context, r *http.Request, body []byte, target string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header = r.Header.Clone()
	response, err := g.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return answer{response.StatusCode, response.Header, text}, err
}
