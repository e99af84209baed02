package discovery

import (
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"meridian/internal/testkit"
)

// TestConsul_Plan: the routing is set up once, a second plan is empty, a change of the order is planned, and Consul fails over by
// it.
func TestConsul_Plan(t *testing.T) {
	regions := []string{"us-east", "us-west", "eu-west"}
	w := newWorld(t, regions...)
	// On one machine all distances are alike, so that only the order decides.
	routing := Routing{Resolver: true, Failover: map[string][]string{
		"us-east": {"eu-west", "us-west"}, "us-west": {"us-east", "eu-west"}, "eu-west": {"us-east", "us-west"},
	}}
	apply := func(want int) {
		t.Helper()
		steps, err := w.at["us-west"].Plan(t.Context(), routing)
		if err != nil || len(steps) != want {
			t.Fatalf("the plan has %d steps, want %d: %+v, %v", len(steps), want, steps, err)
		}
		for _, step := range steps {
			if err := step.Apply(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	apply(7)
	apply(0)
	for _, region := range []string{"us-west", "eu-west"} {
		w.announce(t, Instance{ID: "pod-" + region, Region: region, URL: "http://10.0.0.1:8080", Weight: 1})
	}
	client := w.servers["us-east"].Client(t)
	wantFrom := func(want string) {
		t.Helper()
		for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(100 * time.Millisecond) {
			answer, _, err := client.PreparedQuery().Execute("meridian", &api.QueryOptions{})
			if err == nil && len(answer.Nodes) == 1 && answer.Datacenter == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("us-east is answered %+v, %v; want one of %s", answer, err, want)
			}
		}
	}
	wantFrom("eu-west")
	routing.Failover["us-east"] = []string{"us-west", "eu-west"}
	apply(1)
	wantFrom("us-west")

	if _, err := w.at["us-east"].Change(t.Context(), change("us-east"), false, drain); err != nil {
		t.Fatal(err)
	}
	apply(0) // what was decided stays
}
