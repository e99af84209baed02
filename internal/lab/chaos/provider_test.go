package chaos

import (
	"context"
	"testing"
	"time"

	"meridian/internal/lab/client"
)

// Whatever the payment provider does to the pods, and its webhooks, money and orders agree in the end.
func TestProvider(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		misbehave func(s *testShop, over context.Context)
	}{
		{"slow", func(s *testShop, _ context.Context) { s.gateway.set(providerSlow) }},
		{"down and up", func(s *testShop, over context.Context) {
			for over.Err() == nil {
				s.gateway.set(providerDown)
				client.Sleep(over, s.dice.between(0, time.Second))
				s.gateway.set(providerHonest)
				client.Sleep(over, s.dice.between(0, time.Second))
			}
		}},
		{"lying", func(s *testShop, _ context.Context) { s.gateway.set(providerLying) }},
		{"duplicating", func(s *testShop, _ context.Context) { s.gateway.repeat(true) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			s := newTestShop(t, 3)
			for _, region := range s.set.Names() {
				s.addPod(region, true)
			}
			buying := s.buying(time.Second)
			go test.misbehave(s, buying)
			s.load.run(buying, t.Context())
			s.gateway.set(providerHonest)
			s.wantInOrder()
		})
	}
}
