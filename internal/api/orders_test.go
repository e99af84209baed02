package api

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/order"
	"meridian/internal/payment"
)

func TestGetOrder_OfOthers(t *testing.T) {
	s := newOrderShop(t)
	filled, ada := s.as("ada").fill(oneMug)
	adas := wantPlaced(t, ada.post("/v1/orders", checkoutBody(filled.ID, "card_success"))).Order.ID
	guests, guest := s.place("card_success", oneMug)
	_, stranger := s.place("card_success", oneMug)
	for _, id := range []string{adas, guests.Order.ID} {
		wantOrder(t, s.as("operator").get("/v1/orders/"+id))
		wantOrder(t, s.as("admin").get("/v1/orders/"+id))
		wantProblem(t, s.as("ben").get("/v1/orders/"+id), http.StatusNotFound, "not_found")
		wantProblem(t, s.guest("").get("/v1/orders/"+id), http.StatusNotFound, "not_found")
		wantProblem(t, stranger.get("/v1/orders/"+id), http.StatusNotFound, "not_found")
		wantProblem(t, s.as("ben").post("/v1/orders/"+id+":cancel", ""), http.StatusNotFound, "not_found")
		wantProblem(t, stranger.post("/v1/orders/"+id+":cancel", ""), http.StatusNotFound, "not_found")
		wantProblem(t, s.as("operator").post("/v1/orders/"+id+":cancel", ""), http.StatusForbidden, "forbidden")
		wantProblem(t, s.as("forged").get("/v1/orders/"+id), http.StatusUnauthorized, "invalid_token")
	}
	wantProblem(t, guest.get("/v1/orders/"+adas), http.StatusNotFound, "not_found")
	wantProblem(t, s.as("ada").get("/v1/orders/"+guests.Order.ID), http.StatusNotFound, "not_found")
	cartToken := s.guest(s.europe.guestToken(guestCart, guests.Order.ID))
	wantProblem(t, cartToken.get("/v1/orders/"+guests.Order.ID), http.StatusNotFound, "not_found")
	for _, id := range []string{"x", "crt_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa", "ord_xxx_aaaaaaaaaaaaaaaaaaaaaaaaaa",
		"ord_aps_aaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		wantProblem(t, s.as("ada").get("/v1/orders/"+id), http.StatusNotFound, "not_found")
		wantProblem(t, s.as("operator").get("/v1/orders/"+id), http.StatusNotFound, "not_found")
	}
	w := s.as("ada").get("/v1/orders/" + adas)
	wantOrder(t, w)
	wantTrips(t, w, 1)
}

func TestListOrders(t *testing.T) {
	s := newOrderShop(t)
	var want []string
	for range 5 {
		filled, ada := s.as("ada").fill(oneMug)
		placed := wantPlaced(t, ada.post("/v1/orders", checkoutBody(filled.ID, "card_success")))
		want = append([]string{placed.Order.ID}, want...)
		if len(want)%2 == 0 {
			s.clock.Advance(time.Second) // some orders are of the same moment
		}
	}
	s.place("card_success", oneMug)
	filled, ben := s.as("ben").fill(oneMug)
	bens := wantPlaced(t, ben.post("/v1/orders", checkoutBody(filled.ID, "card_success")))

	got := pages(t, s.as("ada"), "/v1/orders?limit=2", 3)
	if len(got) != 5 || got[0] != want[0] && got[0] != want[1] {
		t.Errorf("ada's are %v, want %v", got, want)
	}
	if diff := cmp.Diff(sortedSet(want), sortedSet(got)); diff != "" {
		t.Errorf("ada's orders (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{bens.Order.ID}, pages(t, s.as("ben"), "/v1/orders", 1)); diff != "" {
		t.Error(diff)
	}
	if got := pages(t, s.as("operator"), "/v1/orders", 1); len(got) != 0 {
		t.Errorf("the operator has bought %v", got)
	}
	wantProblem(t, s.guest("").get("/v1/orders"), http.StatusUnauthorized, "unauthenticated")

	region := pages(t, s.as("operator"), "/v1/operator/orders?limit=3", 3)
	if len(region) != 7 {
		t.Errorf("%d orders in eu-west, want 7", len(region))
	}
	if got := pages(t, s.as("operator"), "/v1/operator/orders?region=us-west", 1); len(got) != 0 {
		t.Errorf("in us-west: %v", got)
	}
	s.settle()
	if got := pages(t, s.as("operator"), "/v1/operator/orders?region=eu-west&status=paid&limit=100", 1); len(got) != 7 {
		t.Errorf("%d paid orders, want 7", len(got))
	}
	wantProblem(t, s.as("ada").get("/v1/operator/orders"), http.StatusForbidden, "forbidden")
	wantProblem(t, s.as("operator").get("/v1/operator/orders?status=lost"), http.StatusBadRequest, "bad_request")
	first := wantJSON[orderPage](t, s.as("ada").get("/v1/orders?limit=2"), http.StatusOK)
	wantProblem(t, s.as("operator").get("/v1/operator/orders?cursor="+first.NextCursor), http.StatusBadRequest, "bad_cursor")
}

// pages reads a list to its end, in so many pages, and returns the ids.
func pages(t *testing.T, b buyer, path string, want int) []string {
	t.Helper()
	var ids []string
	cursor := ""
	for n := 1; ; n++ {
		join := "?"
		if len(path) > len("/v1/operator/orders") || path == "/v1/orders?limit=2" {
			join = "&"
		}
		target := path
		if cursor != "" {
			target += join + "cursor=" + cursor
		}
		w := b.get(target)
		wantTrips(t, w, 1)
		page := wantJSON[orderPage](t, w, http.StatusOK)
		for _, o := range page.Orders {
			ids = append(ids, o.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			if n != want {
				t.Errorf("%d pages, want %d", n, want)
			}
			return ids
		}
	}
}

func sortedSet(ids []string) map[string]bool {
	set := make(map[string]bool)
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// TestCancelOrder gives orders up in every state, as their buyer and as the shop.
func TestCancelOrder(t *testing.T) {
	commands := []string{"pack", "ship", "deliver"}
	for _, test := range []struct {
		after           string // the last command that happened; "" for paid, "-" for unpaid
		byBuyer, byShop order.Status
	}{
		{after: "-", byBuyer: order.Cancelled, byShop: order.Cancelled},
		{after: "", byBuyer: order.Refunded, byShop: order.Refunded},
		{after: "pack", byShop: order.Refunded},
		{after: "ship"},
		{after: "deliver"},
	} {
		for _, who := range []string{"buyer", "shop"} {
			t.Run(fmt.Sprintf("%s after %q", who, test.after), func(t *testing.T) {
				s := newOrderShop(t)
				var o orderResponse
				var guest buyer
				if test.after == "-" {
					placed, g := s.place("card_never", `{"sku":"MUG","quantity":2}`)
					o, guest = placed.Order, g
				} else {
					o, guest = s.paid("card_success", `{"sku":"MUG","quantity":2}`)
				}
				for _, command := range commands {
					if test.after == "" || test.after == "-" {
						break
					}
					s.command(o.ID, command, "")
					if command == test.after {
						break
					}
				}
				cancel, want := func() *httptest.ResponseRecorder { return guest.post("/v1/orders/"+o.ID+":cancel", "") }, test.byBuyer
				if who == "shop" {
					cancel, want = func() *httptest.ResponseRecorder {
						return s.as("operator").post("/v1/operator/orders/"+o.ID+":cancel", `{"reason":"no_longer_made"}`)
					}, test.byShop
				}
				if want == "" {
					wantProblem(t, cancel(), http.StatusConflict, "order_state")
					s.audit()
					return
				}
				wantStatus(t, wantOrder(t, cancel()), want)
				wantProblem(t, cancel(), http.StatusConflict, "order_state") // with another key
				after := guest.order(o.ID)
				switch want {
				case order.Cancelled:
					if after.CancelReason != map[string]string{"buyer": "by_customer", "shop": "by_operator"}[who] {
						t.Errorf("cancelled for %q", after.CancelReason)
					}
					s.clock.Advance(time.Minute) // the payment was to be looked at by the database's clock, at once
					if n, err := s.orders.CheckPaymentsOnce(t.Context()); n != 1 || err != nil {
						t.Errorf("the worker told the provider of %d payments: %v", n, err)
					}
					if got := guest.order(o.ID).Payment.Status; got != payment.Cancelled {
						t.Errorf("the payment is %s", got)
					}
				case order.Refunded:
					s.sendRefunds()
					after = guest.order(o.ID)
					if len(after.Refunds) != 1 || after.Refunds[0].AmountMinor != after.TotalMinor || after.Refunds[0].Status != payment.RefundSucceeded {
						t.Errorf("refunds %+v", after.Refunds)
					}
				}
				s.wantStock("MUG", "euw-1", 10, 0, 0)
				s.audit()
			})
		}
	}
}

func TestCancelOrder_Repeated(t *testing.T) {
	s := newOrderShop(t)
	unpaid, first := s.place("card_never", oneMug)
	paid, second := s.paid("card_success", oneMug)
	for id, guest := range map[string]buyer{unpaid.Order.ID: first, paid.ID: second} {
		path := "/v1/orders/" + id + ":cancel"
		once := wantOrder(t, guest.post(path, "", "Idempotency-Key", "k"))
		w := guest.post(path, "", "Idempotency-Key", "k")
		if diff := cmp.Diff(once, wantOrder(t, w), wholeOrders); diff != "" || w.Header().Get("Idempotency-Replayed") != "true" {
			t.Errorf("the repetition answered otherwise (-first +again):\n%s", diff)
		}
		wantProblem(t, ask(s.api["eu-west"], "POST", path, "", guest.headers...), http.StatusBadRequest, "idempotency_key_required")
	}
	s.audit()
}

// TestGetOrder_HidesTheShopsPeople tells buyers that the shop did something, and operators who.
func TestGetOrder_HidesTheShopsPeople(t *testing.T) {
	s := newOrderShop(t)
	o, guest := s.paid("card_success", oneMug)
	s.command(o.ID, "pack", "")
	actors := func(o orderResponse) (list []string) {
		for _, c := range o.History {
			list = append(list, c.Actor)
		}
		return list
	}
	if diff := cmp.Diff([]string{"guest", "system", "shop"}, actors(guest.order(o.ID))); diff != "" {
		t.Errorf("to the buyer:\n%s", diff)
	}
	operator := s.regions.FormatID("usr", testPrincipals["other"].Account)
	if diff := cmp.Diff([]string{"guest", "system", operator}, actors(s.as("operator").order(o.ID))); diff != "" {
		t.Errorf("to operators:\n%s", diff)
	}
}
