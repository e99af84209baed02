package geo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
)

func TestServe(t *testing.T) {
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte("pod")) }))
	defer pod.Close()
	directory := testkit.Must(discovery.NewStatic(discovery.StaticConfig{
		Instances: []discovery.Instance{{ID: "pod", Region: "eu-west", URL: pod.URL, Weight: 1}},
	}))(t)
	edge := testkit.Must(NewEdge(EdgeConfig{Regions: shippedSet(t), Directory: directory}))(t)
	listener := testkit.Listen(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- edge.Serve(ctx, listener) }()
	for path, want := range map[string]int{"/v1/products": http.StatusOK, "/metrics": http.StatusNotFound} {
		response := testkit.Must(http.Get("http://" + listener.Addr().String() + path))(t)
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("GET %s = %d, want %d", path, response.StatusCode, want)
		}
		if got := response.Header.Get("Content-Type"); want == http.StatusNotFound && got != "application/problem+json" {
			t.Errorf("GET %s is answered as %s", path, got)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Serve = %v after it was stopped, want nil", err)
	}
}
