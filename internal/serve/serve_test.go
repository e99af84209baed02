package serve_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"meridian/internal/serve"
)

// start runs the server on a free port and returns its URL, a function that ends its context, and its result.
func start(t *testing.T, s serve.Server) (url string, stop func(), result <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, listener) }()
	return "http://" + listener.Addr().String(), cancel, ended
}

// get returns the body of an answer, or the error's text.
func get(url string) string {
	response, err := http.Get(url)
	if err != nil {
		return err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// held answers "done" once release is closed, and reports on begun that a request has arrived.
func held(begun chan<- struct{}, release <-chan struct{}) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		begun <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	})
}

func TestRun_FinishesRequestsInFlight(t *testing.T) {
	begun, release := make(chan struct{}, 1), make(chan struct{})
	url, stop, result := start(t, serve.Server{Name: "a server", Handler: held(begun, release)})
	answer := make(chan string, 1)
	go func() { answer <- get(url) }()
	<-begun
	stop()
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the request in flight got %q", got)
	}
	if err := <-result; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestRun_TakesRequestsWhileDraining(t *testing.T) {
	draining, drained := make(chan struct{}), make(chan time.Time)
	url, stop, result := start(t, serve.Server{
		Name:    "a server",
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "open") }),
		Drain: func() <-chan time.Time {
			close(draining)
			return drained
		},
	})
	stop()
	<-draining
	if got := get(url); got != "open" {
		t.Errorf("a request during the drain got %q", got)
	}
	drained <- time.Time{}
	if err := <-result; err != nil {
		t.Errorf("Run returned %v", err)
	}
}

func TestRun_CutsOff(t *testing.T) {
	for _, test := range []struct {
		name    string
		timeout time.Duration
		want    error
	}{
		{"after the timeout, with an error", time.Millisecond, context.DeadlineExceeded},
		{"at once, without one", -1, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			begun, release := make(chan struct{}, 1), make(chan struct{})
			defer close(release)
			url, stop, result := start(t, serve.Server{Name: "a server", Handler: held(begun, release), StopTimeout: test.timeout})
			go get(url)
			<-begun
			stop()
			if err := <-result; !errors.Is(err, test.want) {
				t.Errorf("Run returned %v, want %v", err, test.want)
			}
		})
	}
}

func TestRun_ListenerFails(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := (serve.Server{Name: "a server", Handler: http.NotFoundHandler()}).Run(t.Context(), listener); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run returned %v, want %v", err, net.ErrClosed)
	}
}
