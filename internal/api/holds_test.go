package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/order"
	"meridian/internal/testkit"
)

// TestHolds: hostile guests hold little, are seen by an operator, and what they hold is put back on sale.
func TestHolds(t *testing.T) {
	s := newOrderShop(t)
	s.kit.Receive(t, "euw-1", "MUG", 1190) // 1200 in all
	hold := func(email string, units int) (status int, placed placedResponse, excess excessResponse) {
		filled, guest := s.guest("").fill(fmt.Sprintf(`{"sku":"MUG","quantity":%d}`, units))
		body := fmt.Sprintf(`{"cart_id":%q,"email":%q,"ship_to":%s,"payment":{"method":"card_never"}}`, filled.ID, email, shipToGalway)
		w := guest.post("/v1/orders", body)
		if w.Code == http.StatusCreated {
			return w.Code, wantPlaced(t, w), excess
		}
		p := wantProblem(t, w, http.StatusConflict, "too_many_unpaid")
		var told struct{ Excesses []excessResponse }
		testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &told))
		if p.Detail == "" || w.Header().Get("Retry-After") == "" || len(told.Excesses) != 1 {
			t.Fatalf("told %s", w.Body)
		}
		return w.Code, placed, told.Excesses[0]
	}
	var first placedResponse
	for i, test := range []struct {
		email string
		units int
		want  excessResponse
	}{
		{"a@example.com", 200, excessResponse{}},
		{"a@example.com", 101, excessResponse{SKU: "MUG", Wanted: 101, Held: 200, Allowed: 300}},
		{"b@example.com", 300, excessResponse{}},
		{"c@example.com", 101, excessResponse{SKU: "MUG", Wanted: 101}}, // 600 are all that guests may hold
	} {
		_, placed, excess := hold(test.email, test.units)
		if diff := cmp.Diff(test.want, excess); diff != "" {
			t.Errorf("guest %d (-want +got):\n%s", i, diff)
		}
		if i == 0 {
			first = placed
		}
	}
	operator := s.as("operator")
	listed := wantJSON[holdsResponse](t, operator.get("/v1/operator/holds?sku=MUG"), http.StatusOK)
	slices.SortFunc(listed.Items, func(a, b holdResponse) int { return int(a.Units[0].Quantity - b.Units[0].Quantity) })
	if len(listed.Items) != 2 || len(listed.Regions) != 4 || listed.Items[0].Order != first.Order.ID ||
		listed.Items[0].Units[0].Quantity != 200 || listed.Items[0].Network != listed.Items[1].Network || listed.Items[0].Network == "" {
		t.Fatalf("listed %+v", listed)
	}
	network := listed.Items[0].Network
	if none := wantJSON[holdsResponse](t, operator.get("/v1/operator/holds?network=00"), http.StatusOK); len(none.Items) != 0 {
		t.Errorf("of another network %+v", none)
	}
	for _, path := range []string{"?network=what", "?region=mars", "?region=", "?colour=red"} {
		wantProblem(t, operator.get("/v1/operator/holds"+path), http.StatusBadRequest, "bad_request")
	}
	for _, body := range []string{
		`{}`, `{"region":"mars","sku":"MUG"}`, `{"sku":null}`, `{"network":"what"}`, `{"sku":"MUG","reason":"Because!"}`,
	} {
		wantProblem(t, operator.post("/v1/operator/holds:release", body), http.StatusBadRequest, "bad_request")
	}
	body := fmt.Sprintf(`{"sku":"MUG","network":%q,"reason":"abuse"}`, network)
	released := wantJSON[releasedResponse](t, operator.post("/v1/operator/holds:release", body), http.StatusOK)
	if len(released.Orders) != 2 || released.More {
		t.Errorf("released %+v", released)
	}
	wantStatus(t, wantOrder(t, operator.get("/v1/operator/orders/"+first.Order.ID)), order.Cancelled)
	s.wantStock("MUG", "euw-1", 1200, 0, 0)
	if _, placed, _ := hold("c@example.com", 300); placed.Order.ID == "" {
		t.Error("after the release nothing can be ordered")
	}
}
