package shopper

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/lab/client"
)

// shop answers each route with what it is told to, and records who asked.
type shop struct {
	mux  *http.ServeMux
	mu   sync.Mutex
	asks []ask
}

type ask struct{ Route, Token, Guest, Key string }

func newShop(t *testing.T) (*shop, *client.Client) {
	s := &shop{mux: http.NewServeMux()}
	server := httptest.NewServer(s.mux)
	t.Cleanup(server.Close)
	return s, &client.Client{Base: server.URL, HTTP: client.NewHTTP(4), Attempts: 2, Pause: func(int) time.Duration { return 0 }}
}

// on has a route answered by the answers in turn, the last of them for ever.
func (s *shop) on(route string, answers ...reply) {
	var n atomic.Int64
	s.mux.HandleFunc(route, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asks = append(s.asks, ask{route, r.Header.Get("Authorization"), r.Header.Get("Meridian-Guest-Token"), r.Header.Get("Idempotency-Key")})
		s.mu.Unlock()
		answer := answers[min(int(n.Add(1)), len(answers))-1]
		w.WriteHeader(answer.status)
		_ = json.NewEncoder(w).Encode(answer.body)
	})
}

type reply struct {
	status int
	body   map[string]any
}

func ok(body map[string]any) reply { return reply{200, body} }

func problem(status int, code string) reply { return reply{status, map[string]any{"code": code}} }

func session(token string) reply {
	return ok(map[string]any{"access_token": token, "access_token_expires_at": time.Now().Add(time.Hour)})
}

func TestBuy_Guest(t *testing.T) {
	s, c := newShop(t)
	s.on("POST /v1/carts", ok(map[string]any{"id": "crt_1", "guest_token": "of-cart"}))
	s.on("POST /v1/orders", problem(503, "unavailable"), ok(map[string]any{
		"order": map[string]any{"id": "ord_1", "status": "pending_payment"}, "guest_token": "of-order", "payment": map[string]any{"client_secret": "sec"},
	}))
	s.on("GET /v1/orders/ord_1", ok(map[string]any{"id": "ord_1", "status": "pending_payment"}),
		ok(map[string]any{"id": "ord_1", "status": "paid"}))
	s.on("POST /v1/orders/ord_1:cancel", ok(map[string]any{"id": "ord_1", "status": "cancelled",
		"payment": map[string]any{"refunded_minor": 7}}))
	journal := new(Journal)
	guest := Shopper{Client: c, Journal: journal}
	p, err := guest.Buy(t.Context(), []client.Line{{SKU: "A", Quantity: 1}}, "card_success")
	if err != nil || p.Order.ID != "ord_1" || p.ClientSecret != "sec" {
		t.Fatalf("bought %+v, %v", p, err)
	}
	o, err := guest.Await(t.Context(), time.Minute, p, func(o client.Order) bool { return o.Status == "paid" })
	if err != nil || o.Status != "paid" || !p.Paid {
		t.Errorf("waited for %+v, %v", o, err)
	}
	if _, err := guest.Cancel(t.Context(), "", p); err != nil || !p.Cancelled || p.RefundedMinor != 7 {
		t.Errorf("cancelled: %+v, %v", p, err)
	}
	if diff := cmp.Diff(Outcomes{Attempted: 1, Confirmed: 1}, journal.Count()); diff != "" {
		t.Errorf("journal (-want +got):\n%s", diff)
	}
	if s.asks[1].Guest != "of-cart" || s.asks[1].Key == "" || s.asks[1] != s.asks[2] {
		t.Errorf("the checkout was repeated as another: %+v, %+v", s.asks[1], s.asks[2])
	}
	if s.asks[3].Guest != "of-order" {
		t.Errorf("the order was read as %+v", s.asks[3])
	}
}

func TestCheckout_Outcomes(t *testing.T) {
	for _, test := range []struct {
		name   string
		answer reply
		want   Outcomes
	}{
		{"sold out", problem(409, CodeSoldOut), Outcomes{Attempted: 1, SoldOut: 1}},
		{"refused", problem(422, "cart_closed"), Outcomes{Attempted: 1, Refused: 1}},
		{"unknown", problem(503, "unavailable"), Outcomes{Attempted: 1, Unknown: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, c := newShop(t)
			s.on("POST /v1/carts", ok(map[string]any{"id": "crt_1"}))
			s.on("POST /v1/orders", test.answer)
			journal := new(Journal)
			if _, err := (&Shopper{Client: c, Journal: journal}).Buy(t.Context(), nil, "card_success"); err == nil {
				t.Error("the checkout was accepted")
			}
			if diff := cmp.Diff(test.want, journal.Count()); diff != "" {
				t.Errorf("journal (-want +got):\n%s", diff)
			}
		})
	}
}

// Count may be asked for while checkouts are answered; the race detector watches.
func TestCount_WhileBuying(t *testing.T) {
	s, c := newShop(t)
	s.on("POST /v1/carts", ok(map[string]any{"id": "crt_1"}))
	s.on("POST /v1/orders", ok(map[string]any{"order": map[string]any{"id": "ord_1"}}))
	journal := new(Journal)
	guest := Shopper{Client: c, Journal: journal}
	buying, stop := context.WithCancel(t.Context())
	var bought sync.WaitGroup
	bought.Go(func() {
		defer stop()
		for range 20 {
			if _, err := guest.Buy(t.Context(), nil, "card_success"); err != nil {
				t.Error(err)
			}
		}
	})
	for buying.Err() == nil {
		if n := journal.Count(); n.Confirmed > n.Attempted || n.Attempted > 20 {
			t.Errorf("counted %+v", n)
		}
	}
	bought.Wait()
	if n := journal.Count(); n.Confirmed != 20 {
		t.Errorf("counted %+v, want 20 orders", n)
	}
}

func TestSetLines(t *testing.T) {
	s, c := newShop(t)
	s.on("POST /v1/carts", ok(map[string]any{"id": "crt_1", "lines": []any{map[string]any{"sku": "OLD"}, map[string]any{"sku": "A"}}}))
	var body struct{ Changes []client.CartChange }
	s.mux.HandleFunc("PATCH /v1/carts/crt_1", func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&body)
		_, _ = w.Write([]byte("{}"))
	})
	customer := Shopper{Client: c}
	p, err := customer.NewCart(t.Context(), "", []client.Line{})
	if err != nil {
		t.Fatal(err)
	}
	if err := customer.SetLines(t.Context(), "", p, []client.Line{{SKU: "A", Quantity: 2}, {SKU: "B", Quantity: 1}}); err != nil {
		t.Fatal(err)
	}
	want := []client.CartChange{{Op: "remove", SKU: "OLD"}, {Op: "set", SKU: "A", Quantity: 2}, {Op: "set", SKU: "B", Quantity: 1}}
	if diff := cmp.Diff(want, body.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestAccount_Renews(t *testing.T) {
	s, c := newShop(t)
	s.on("POST /v1/accounts", problem(409, "email_taken"))
	s.on("POST /v1/sessions", session("first"), session("second"))
	s.on("GET /v1/orders", problem(401, "invalid_token"), ok(nil))
	account := NewAccount(client.RegisterInput{Email: "a@example.com"}, client.Session{})
	if err := account.Register(t.Context(), c, ""); err != nil || account.Session().AccessToken != "first" {
		t.Fatalf("registered with %+v, %v", account.Session(), err)
	}
	err := account.Do(t.Context(), c, func(by client.By) error {
		_, err := c.ListOrders(t.Context(), by, "")
		return err
	})
	if err != nil || account.Session().AccessToken != "second" {
		t.Errorf("called with %+v, %v", account.Session(), err)
	}
}

func TestAwait_GivesTheOrderWhenTimeIsUp(t *testing.T) {
	o, err := Await(t.Context(), 0, func() (client.Order, error) { return client.Order{Status: "pending_payment"}, nil },
		func(client.Order) bool { return false })
	if err != nil || o.Status != "pending_payment" {
		t.Errorf("%+v, %v", o, err)
	}
	gone := errors.New("gone")
	if _, err := Await(t.Context(), time.Minute, func() (client.Order, error) { return client.Order{}, gone }, nil); !errors.Is(err, gone) {
		t.Errorf("a failed read: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Await(ctx, time.Minute, func() (client.Order, error) { return client.Order{}, nil },
		func(client.Order) bool { return false }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestCrowd(t *testing.T) {
	until, stop := context.WithCancel(t.Context())
	defer stop()
	var calls [3]atomic.Int64
	Crowd(until, len(calls), func(i int) {
		if calls[i].Add(1) == 2 && i == 0 {
			stop()
		}
	})
	if calls[0].Load() != 2 {
		t.Errorf("called %d times after the end", calls[0].Load())
	}
}
