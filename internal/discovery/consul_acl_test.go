package discovery

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/consul/api"

	"meridian/internal/testkit"
	"meridian/internal/testkit/consultest"
)

// The rules that docs/operations.md names.
const (
	everybodysRules = `service_prefix "" { policy = "read" } node_prefix "" { policy = "read" } key "meridian/controls" { policy = "read" }`
	podsRules       = everybodysRules + ` service "meridian" { policy = "write" }`
	operatorsRules  = `service_prefix "" { policy = "read" } node_prefix "" { policy = "read" } key "meridian/controls" { policy = "write" }
query_prefix "" { policy = "write" }`
)

// TestConsul_Tokens: with the rights that the documentation names everything works, and with fewer nothing is changed.
func TestConsul_Tokens(t *testing.T) {
	const management = "5f7d5e9c-1d0b-4a0e-9d53-0c1f6f4a2b11"
	server := consultest.StartWith(t, `acl { enabled = true default_policy = "deny" tokens { initial_management = "`+management+
		`" agent = "`+management+`" } }`, management, "eu-west")["eu-west"]
	with := func(rules string) *Consul {
		t.Helper()
		policy, _, err := server.Client(t).ACL().PolicyCreate(&api.ACLPolicy{Name: fmt.Sprint("rules-", len(rules)), Rules: rules}, nil)
		testkit.NoError(t, err)
		token, _, err := server.Client(t).ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLTokenPolicyLink{{ID: policy.ID}}}, nil)
		testkit.NoError(t, err)
		return testkit.Must(NewConsul(ConsulConfig{
			API: &api.Config{Address: server.Address, Token: token.SecretID}, Regions: []string{"eu-west"}, Log: slog.New(slog.DiscardHandler),
		}))(t)
	}
	everybody, pods, operators := with(everybodysRules), with(podsRules), with(operatorsRules)
	i := Instance{ID: "pod-1", Region: "eu-west", URL: "http://10.0.0.1:8080", Weight: 1}
	well := func(context.Context) error { return nil }
	announce := func(by *Consul) error {
		ctx, leave := context.WithTimeout(t.Context(), 3*time.Second)
		defer leave()
		return by.Announce(ctx, i, well)
	}
	if err := announce(everybody); err == nil {
		t.Error("a pod without the right to announce itself did")
	}
	seen := make(chan error, 1)
	go func() { seen <- announce(pods) }()
	for deadline := time.Now().Add(testkit.Patience); ; time.Sleep(50 * time.Millisecond) {
		if p, err := everybody.Look(t.Context()); err == nil && len(p.Regions["eu-west"].Instances) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a pod that may is not found")
		}
	}
	if err := <-seen; err != nil {
		t.Errorf("a pod with the documented rights: %v", err)
	}
	if _, err := pods.Change(t.Context(), change("eu-west"), true, drain); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a pod drains a region: %v", err)
	}
	if _, err := operators.Change(t.Context(), change("eu-west"), true, drain); err != nil {
		t.Errorf("an operator drains a region: %v", err)
	}
	steps, err := operators.Plan(t.Context(), Routing{Failover: map[string][]string{}})
	if err != nil || len(steps) != 1 {
		t.Fatalf("an operator's plan: %d steps, %v", len(steps), err)
	}
	testkit.NoError(t, steps[0].Apply(t.Context()))
}
