package dns

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"meridian/internal/testkit"
)

// What users measured changes which region is nearest, and goes on doing so while the collector does not answer.
func TestMeasurements(t *testing.T) {
	var asked atomic.Int64
	var broken atomic.Bool
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		// From Brazil, us-east is taken to be twice as far as the shipped figure says, and us-west half as far.
		fmt.Fprint(w, `{"figures":[{"country":"BR","region":"us-east","rtt_ms":900,"networks":30,"age_s":0},
			{"country":"BR","region":"us-west","rtt_ms":1,"networks":30,"age_s":0}]}`)
	}))
	defer edge.Close()
	s, _ := newServer(t, "latency:", "measurements: ["+edge.URL+"/v1/geo/measurements]\nlatency:")
	first := func() string {
		v := s.view.Load()
		return v.states[v.route(place{country: "BR"}).whole.first()].Region
	}
	if got := first(); got != "us-east" {
		t.Fatalf("the nearest to Brazil is %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { s.followMeasurements(ctx, 10*time.Millisecond); close(ended) }()
	testkit.Eventually(t, "the measurements count", func() bool { return first() == "us-west" })
	broken.Store(true)
	before := asked.Load()
	testkit.Eventually(t, "the collector is asked in vain", func() bool { return asked.Load() > before+2 })
	if got := first(); got != "us-west" {
		t.Errorf("without the collector %s is nearest", got)
	}
	cancel()
	<-ended
}
