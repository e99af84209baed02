package discovery

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"meridian/internal/testkit"
	"meridian/internal/testkit/consultest"
)

// world is servers of Consul in two regions, with a directory at each.
type world struct {
	servers map[string]*consultest.Server
	at      map[string]*Consul
}

func newWorld(t *testing.T, regions ...string) *world {
	w := &world{servers: consultest.Start(t, regions...), at: make(map[string]*Consul)}
	ctx, cancel := context.WithCancel(t.Context())
	var following sync.WaitGroup
	for region, server := range w.servers {
		directory := testkit.Must(NewConsul(ConsulConfig{
			API: &api.Config{Address: server.Address}, Regions: regions, Log: slog.New(slog.DiscardHandler),
		}))(t)
		w.at[region] = directory
		following.Go(func() { directory.Follow(ctx, func(Pool) {}) })
	}
	t.Cleanup(func() { cancel(); following.Wait() })
	return w
}

// A pod announces itself until it leaves.
type pod struct {
	sick  atomic.Bool
	leave func()
}

func (w *world) announce(t *testing.T, i Instance) *pod {
	p := new(pod)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	left := make(chan struct{})
	go func() {
		defer close(left)
		_ = w.at[i.Region].Announce(ctx, i, func(context.Context) error { // the server may be down when it leaves
			if p.sick.Load() {
				return errors.New("the database does not answer")
			}
			return nil
		})
	}()
	p.leave = sync.OnceFunc(func() { cancel(); <-left })
	t.Cleanup(p.leave)
	return p
}

// wantPool waits until a directory uses exactly some instances of us-east.
func (w *world) wantPool(t *testing.T, at string, within time.Duration, want ...string) {
	t.Helper()
	deadline := time.Now().Add(within)
	for {
		var got []string
		for _, i := range w.at[at].Pool().Regions["us-east"].Instances {
			got = append(got, i.ID)
		}
		if slices.Equal(got, want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("in %s the pool is %v, want %v; all is %+v", at, got, want, w.at[at].Pool())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestConsul(t *testing.T) {
	w := newWorld(t, "us-east", "eu-west")
	pods := make(map[string]*pod)
	for _, id := range []string{"pod-1", "pod-2", "pod-3"} {
		pods[id] = w.announce(t, Instance{ID: id, Region: "us-east", Zone: "b", Version: "v1", URL: "http://10.0.0.1:8080", Capacity: 64,
			Weight: 20})
	}
	for _, at := range []string{"us-east", "eu-west"} {
		w.wantPool(t, at, testkit.Patience, "pod-1", "pod-2", "pod-3")
	}
	want := Instance{ID: "pod-1", Region: "us-east", Zone: "b", Version: "v1", URL: "http://10.0.0.1:8080", Capacity: 64, Weight: 20}
	if got := w.at["eu-west"].Pool().Regions["us-east"].Instances[0]; got != want {
		t.Errorf("the pod is %+v, want %+v", got, want)
	}

	pods["pod-2"].sick.Store(true)
	w.wantPool(t, "eu-west", testkit.Patience, "pod-1", "pod-3")
	pods["pod-2"].sick.Store(false)
	w.wantPool(t, "eu-west", testkit.Patience, "pod-1", "pod-2", "pod-3")
	pods["pod-3"].leave()
	w.wantPool(t, "eu-west", testkit.Patience, "pod-1", "pod-2")
}

// TestConsul_Lost: while Consul is away the pods stay; a server that comes back empty learns them anew.
func TestConsul_Lost(t *testing.T) {
	w := newWorld(t, "us-east", "eu-west")
	w.announce(t, Instance{ID: "pod-1", Region: "us-east", URL: "http://10.0.0.1:8080", Weight: 1})
	w.announce(t, Instance{ID: "pod-2", Region: "us-east", URL: "http://10.0.0.2:8080", Weight: 1})
	for _, at := range []string{"us-east", "eu-west"} {
		w.wantPool(t, at, testkit.Patience, "pod-1", "pod-2")
	}
	w.servers["us-east"].Kill()
	time.Sleep(5 * time.Second) // longer than instances may be silent
	for _, at := range []string{"us-east", "eu-west"} {
		w.wantPool(t, at, 0, "pod-1", "pod-2")
		if age := w.at[at].Pool().Regions["us-east"].Age; age < 4*time.Second {
			t.Errorf("in %s the pool of us-east is %v old", at, age)
		}
	}
	w.servers["us-east"].Run(t)
	deadline := time.Now().Add(testkit.Patience)
	for w.at["us-east"].Pool().Regions["us-east"].Age > time.Second {
		if time.Now().After(deadline) {
			t.Fatal("the pool is not read again")
		}
		time.Sleep(50 * time.Millisecond)
	}
	w.wantPool(t, "us-east", 0, "pod-1", "pod-2")
}
