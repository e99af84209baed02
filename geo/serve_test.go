package geo

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

func TestServe(t *testing.T) {
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("pod")) }))
	defer pod.Close()
	target, err := url.Parse(pod.URL)
	if err != nil {
		t.Fatal(err)
	}
	edge, err := NewEdge(EdgeConfig{Regions: shippedSet(t), Targets: []Target{{Region: "eu-west", URL: target}}})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- edge.Serve(ctx, listener) }()
	for path, want := range map[string]int{"/v1/products": http.StatusOK, "/metrics": http.StatusNotFound} {
		response, err := http.Get("http://" + listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, response.StatusCode, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v after it was stopped, want nil", err)
	}
}
