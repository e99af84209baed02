package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"meridian/internal/discovery"
	"meridian/internal/testkit"
	"meridian/internal/testkit/consultest"
	"meridian/regions"
)

// atConsul runs the command line at the agent of a region, and returns its exit code and all it printed.
func atConsul(t *testing.T, server *consultest.Server, args ...string) (int, string) {
	t.Helper()
	t.Setenv("CONSUL_HTTP_ADDR", server.Address)
	var out bytes.Buffer
	code := run(t.Context(), args, &out, &out)
	return code, out.String()
}

// TestRegion: an operator sees the regions, drains one and is kept from closing the last.
func TestRegion(t *testing.T) {
	set, err := regions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	servers := consultest.Start(t, set.Names()...)
	pod := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ready":true,"region":"eu-west","version":"v9","active_requests":8,"data_age_ms":400,"checks":[]}`)
	}))
	defer pod.Close()
	consul, err := discovery.NewConsul(discovery.ConsulConfig{
		API: &api.Config{Address: servers["eu-west"].Address}, Regions: set.Names(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	var announced sync.WaitGroup
	defer func() { leave(); announced.Wait() }()
	announced.Go(func() {
		i := discovery.Instance{ID: "pod-1", Region: "eu-west", URL: pod.URL, Weight: 1, Capacity: 64}
		_ = consul.Announce(ctx, i, func(context.Context) error { return nil })
	})

	wantList := func(pattern string) {
		t.Helper()
		for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(100 * time.Millisecond) {
			code, out := atConsul(t, servers["us-west"], "region", "list")
			if code == 0 && regexp.MustCompile(pattern).MatchString(out) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("region list exits %d, and prints no %q:\n%s", code, pattern, out)
			}
		}
	}
	wantList(`eu-west +1/1 +[0-9.]+ ms +7/64 +0\.4 s +100 % +v9\n`)
	steps := []struct {
		args string
		code int
		want string
	}{
		{"region drain eu-west", 2, "no reason is given"},
		{"region drain mars --reason x", 2, "is not one of [us-east"},
		{"region weight eu-west 101 --reason x", 2, "give 0 to 100 percent"},
		{"region weight eu-west 20% --reason half", 0, "eu-west: weight 20%. Everybody follows within 2 seconds."},
		{"region drain us-east --reason upgrade --actor ada", 0, "us-east: drain."},
		{"region drain us-west --reason upgrade", 0, "us-west: drain."},
		{"region drain ap-southeast --reason upgrade", 0, "ap-southeast: drain."},
		{"region drain eu-west --reason upgrade", 1, "no region would take requests any more; --force does it all the same"},
		{"region undrain us-east --reason done", 0, "us-east: undrain."},
		{"region history", 0, "undrain"},
		{"region history", 0, "ada  "},
		{"region list --json", 0, `"region": "us-west"`},
		{"geo setup", 0, "Nothing was changed: repeat it with --yes."},
		{"geo setup --yes", 0, "4 of 4 changes were made."},
		{"geo setup", 0, "Everything is as it should be."},
		{"geo setup --nearest 99", 2, "use 0 to 10"},
	}
	for _, step := range steps {
		code, out := atConsul(t, servers["us-west"], strings.Fields(step.args)...)
		if code != step.code || !strings.Contains(out, step.want) {
			t.Errorf("%s exits %d, want %d, and %q:\n%s", step.args, code, step.code, step.want, out)
		}
	}
	wantList(`us-west +0/0 +0\.0 ms +0 +0\.0 s +drained`)
	wantList(`eu-west +1/1 .*20 %`)

	servers["us-east"].Kill()
	code, out := atConsul(t, servers["us-west"], "region", "undrain", "us-west", "--reason", "done")
	if code != exitPartly || !strings.Contains(out, "consul in us-east did not answer") {
		t.Errorf("with one datacenter away it exits %d:\n%s", code, out)
	}
}

func TestInstanceID(t *testing.T) {
	for _, test := range []struct{ host, listen, want string }{
		{"api-7f9", ":8080", "api-7f9-8080"},
		{"Ada's Mac.local", "127.0.0.1:80", "ada-s-mac-local-80"},
		{strings.Repeat("x", 80), ":8080", strings.Repeat("x", 58) + "-8080"},
	} {
		got := instanceID(test.host, test.listen)
		if got != test.want {
			t.Errorf("instanceID(%q, %q) = %q, want %q", test.host, test.listen, got, test.want)
		}
	}
}
