package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/internal/testkit"
)

func containsLine(text, line string) bool { return slices.Contains(strings.Split(text, "\n"), line) }

// TestServe_Drain stops a server with a request in flight: it says that it is not ready while it still serves, then
// finishes what it has, and only then returns.
func TestServe_Drain(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, c *Config) { c.DrainDelay, c.DrainTimeout = time.Hour, time.Minute })
	endDelay := make(chan time.Time)
	s.after = func(time.Duration) <-chan time.Time { return endDelay }
	entered, release := make(chan struct{}), make(chan struct{})
	slow := around(t, s, func(w http.ResponseWriter, _ *http.Request) error {
		close(entered)
		<-release
		return writeJSON(w, http.StatusOK, "done")
	})
	routes := s.handler
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			slow.ServeHTTP(w, r)
			return
		}
		routes.ServeHTTP(w, r)
	})
	listener := testkit.Listen(t)
	base := "http://" + listener.Addr().String()
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()

	inFlight := make(chan string, 1)
	go func() { inFlight <- get(t, base+"/slow") }()
	<-entered
	if got := get(t, base+"/readyz"); !strings.HasPrefix(got, "200") {
		t.Fatalf("before stopping: %s", got)
	}

	stop()
	for !s.draining.Load() {
		get(t, base+"/healthz")
	}
	if got := get(t, base+"/readyz"); !strings.HasPrefix(got, "503") || !strings.Contains(got, "the server is stopping") {
		t.Errorf("readiness while stopping: %s", got)
	}
	if got := get(t, base+"/v1/regions"); !strings.HasPrefix(got, "200") {
		t.Errorf("a new request while stopping: %s", got)
	}

	close(endDelay)
	close(release)
	if got := <-inFlight; got != `200 "done"` {
		t.Errorf("the request in flight: %s", got)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServe_CutsOffAfterTheTimeout(t *testing.T) {
	s := newTestServer(t, func(_ *Deps, c *Config) { c.DrainTimeout = time.Millisecond })
	entered, left := make(chan struct{}), make(chan struct{})
	s.handler = around(t, s, func(_ http.ResponseWriter, r *http.Request) error {
		close(entered)
		<-r.Context().Done()
		close(left)
		return r.Context().Err()
	})
	listener := testkit.Listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, listener) }()
	go func() {
		if answer, err := http.Get("http://" + listener.Addr().String()); err == nil {
			answer.Body.Close()
		}
	}()
	<-entered
	stop()
	if err := <-served; err == nil || !strings.Contains(err.Error(), "requests in flight") {
		t.Errorf("Serve: %v", err)
	}
	<-left
}

func TestServe_ListenerFails(t *testing.T) {
	listener := testkit.Listen(t)
	testkit.NoError(t, listener.Close())
	if err := newTestServer(t).Serve(t.Context(), listener); err == nil {
		t.Error("served on a closed listener")
	}
}

// get is the status and body of an answer, in one text.
func get(t *testing.T, url string) string {
	answer, err := http.Get(url)
	if err != nil {
		t.Errorf("asking: %v", err)
		return ""
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Errorf("reading: %v", err)
	}
	return answer.Status[:3] + " " + string(body)
}
