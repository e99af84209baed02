package discovery

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/internal/testkit"
)

// newStatic returns a directory of one server in each of two regions, and what each answers.
func newStatic(t *testing.T, change func(*StaticConfig)) (*Static, map[string]*atomic.Int64) {
	c := StaticConfig{Log: slog.New(slog.DiscardHandler), Steadiness: Steadiness{ReturnAfter: time.Nanosecond}}
	status := make(map[string]*atomic.Int64)
	for _, region := range []string{"us-east", "eu-west"} {
		answers := new(atomic.Int64)
		answers.Store(http.StatusOK)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(answers.Load())) }))
		t.Cleanup(server.Close)
		status[region] = answers
		c.Instances = append(c.Instances, Instance{ID: "pod-" + region, Region: region, URL: server.URL, Weight: 1})
	}
	if change != nil {
		change(&c)
	}
	return testkit.Must(NewStatic(c))(t), status
}

func usedOf(p Pool) (used []string) {
	for _, region := range []string{"us-east", "eu-west"} {
		for _, i := range p.Regions[region].Instances {
			used = append(used, i.ID)
		}
	}
	return used
}

func TestStatic_Probes(t *testing.T) {
	s, status := newStatic(t, nil)
	want := func(when string, want ...string) {
		t.Helper()
		if got := usedOf(s.Pool()); !slices.Equal(got, want) {
			t.Errorf("%s: used are %v, want %v", when, got, want)
		}
	}
	want("before a probe", "pod-us-east", "pod-eu-west")
	status["eu-west"].Store(http.StatusServiceUnavailable)
	s.CheckOnce(t.Context())
	want("after one that failed", "pod-us-east", "pod-eu-west")
	s.CheckOnce(t.Context())
	want("after two", "pod-us-east")
	status["us-east"].Store(http.StatusServiceUnavailable)
	s.CheckOnce(t.Context())
	s.CheckOnce(t.Context())
	want("with all down", "pod-us-east", "pod-eu-west")
	if !s.Pool().Panicking {
		t.Error("with all down it does not panic")
	}
	status["eu-west"].Store(http.StatusOK)
	s.CheckOnce(t.Context())
	want("with one back", "pod-eu-west")
}

func TestStatic_CancelledProbeCountsForNothing(t *testing.T) {
	s, status := newStatic(t, func(c *StaticConfig) { c.DownAfter = 1 })
	status["eu-west"].Store(http.StatusServiceUnavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s.CheckOnce(ctx)
	if got := usedOf(s.Pool()); len(got) != 2 {
		t.Errorf("used are %v", got)
	}
}

// TestStatic_Follow: who follows is told at the start and after each change, and never of none.
func TestStatic_Follow(t *testing.T) {
	s, status := newStatic(t, func(c *StaticConfig) { c.Interval, c.DownAfter = 5*time.Millisecond, 1 })
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan Pool, 100)
	ended := make(chan struct{})
	go func() { s.Follow(ctx, func(p Pool) { told <- p }); close(ended) }()
	if got := usedOf(<-told); len(got) != 2 {
		t.Errorf("at the start used are %v", got)
	}
	status["eu-west"].Store(http.StatusServiceUnavailable)
	if got := usedOf(<-told); !slices.Equal(got, []string{"pod-us-east"}) {
		t.Errorf("after a change used are %v", got)
	}
	time.Sleep(50 * time.Millisecond)
	if len(told) > 0 {
		t.Errorf("without a change it is told %d times", len(told))
	}
	status["eu-west"].Store(http.StatusOK)
	if got := usedOf(<-told); len(got) != 2 {
		t.Errorf("after its return used are %v", got)
	}
	cancel()
	<-ended
}

func TestNewStatic_Faults(t *testing.T) {
	good := Instance{ID: "pod", Region: "eu-west", URL: "http://10.0.0.1:8080", Weight: 1}
	for want, change := range map[string]func(*StaticConfig){
		"there is no instance": func(c *StaticConfig) { c.Instances = nil },
		"listed twice":         func(c *StaticConfig) { c.Instances = append(c.Instances, good) },
		"scheme and host":      func(c *StaticConfig) { c.Instances[0].URL = "ftp://x" },
		"give 1 to 100":        func(c *StaticConfig) { c.Instances[0].Weight = 101 },
		"region: it is":        func(c *StaticConfig) { c.Instances[0].Region = "" },
		"a-z, 0-9":             func(c *StaticConfig) { c.Instances[0].ID = "Pod" },
		"below zero":           func(c *StaticConfig) { c.Timeout = -1 },
	} {
		c := StaticConfig{Instances: []Instance{good}}
		change(&c)
		if _, err := NewStatic(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
