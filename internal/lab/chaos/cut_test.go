package chaos

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/testkit"
)

// A checkout whose connection is cut, at each of its statements in turn and on either side, is one order when it has
// been repeated until it was answered: paid once, holding its units once.
func TestCheckout_CutAtEachStatement(t *testing.T) {
	t.Parallel()
	s := newTestShop(t, 0)
	other := s.addPod("eu-west", true)
	cutOff := s.addPod("eu-west", false)
	s.addPod("us-east", true)
	orders := 0
	cuts := testkit.Must(Walk(cutOff.proxy, true, func(Cut) error {
		orders++
		return s.load.orderAt(t.Context(), cutOff, other, "card_success_now")
	}))(t)
	t.Logf("%d checkouts, of which %d were cut", orders, cuts)
	if cuts < 20 {
		t.Errorf("%d cuts: a checkout has more steps than that", cuts)
	}
	held := s.wantInOrder()
	if len(held.Orders) != orders {
		t.Errorf("%d orders, want one of each of the %d checkouts", len(held.Orders), orders)
	}
	for _, o := range held.Orders {
		if o.Status != "paid" {
			t.Errorf("order %s is %s", o.ID, o.Status)
		}
	}
}

// A webhook whose connection is cut, at each of its statements in turn and on either side, pays its order once.
func TestSettling_CutAtEachStatement(t *testing.T) {
	t.Parallel()
	s := newTestShop(t, 0)
	other := s.addPod("us-east", true)
	cutOff := s.addPod("us-east", false)
	var first atomic.Bool // whether the next webhook is the first of its order
	s.gateway.pods = func() []*replica {
		if first.CompareAndSwap(true, false) {
			return []*replica{cutOff}
		}
		return []*replica{other}
	}
	delivered := make(chan int, 1)
	s.gateway.client.Transport = &tellTransport{host: strings.TrimPrefix(cutOff.base, "http://"), status: delivered}
	refused, taken := 0, 0
	cuts := testkit.Must(Walk(cutOff.proxy, true, func(Cut) error {
		first.Store(true)
		if err := s.load.orderAt(t.Context(), other, other, "card_success"); err != nil {
			return err
		}
		select {
		case status := <-delivered:
			if status == http.StatusNoContent {
				taken++
			} else {
				refused++
			}
			return nil
		case <-time.After(testkit.Patience):
			return context.DeadlineExceeded
		}
	}))(t)
	t.Logf("%d webhooks were cut: %d were acknowledged, %d were not", cuts, taken, refused)
	if refused == 0 || taken == 0 {
		t.Error("cuts on both sides of the inbox were wanted")
	}
	for _, o := range s.wantInOrder().Orders {
		if o.Status != "paid" {
			t.Errorf("order %s is %s", o.ID, o.Status)
		}
	}
}

// tellTransport tells the status of each call of one host, 0 for no answer.
type tellTransport struct {
	http.Transport
	host   string
	status chan<- int
}

func (t *tellTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := t.Transport.RoundTrip(r)
	switch {
	case r.URL.Host != t.host:
	case err != nil:
		t.status <- 0
	default:
		t.status <- response.StatusCode
	}
	return response, err
}

// A connection cut under load, wherever it falls, loses nothing either.
func TestCut_UnderLoad(t *testing.T) {
	t.Parallel()
	s := newTestShop(t, 4)
	for _, region := range s.set.Names() {
		s.addPod(region, true)
	}
	for range 2 {
		s.addPod("eu-west", false)
	}
	ctx := s.buying(2 * time.Second)
	go func() {
		for ctx.Err() == nil {
			p := s.pods[len(s.pods)-1-s.dice.IntN(2)].proxy
			p.Arm(Cut{Side: Side(s.dice.IntN(2)), Step: 1 + s.dice.IntN(maxStep)})
			client.Sleep(ctx, s.dice.between(0, 50*time.Millisecond))
			p.Disarm()
		}
	}()
	s.load.run(ctx, t.Context())
	s.wantInOrder()
}
