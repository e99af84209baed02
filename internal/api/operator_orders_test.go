package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/regions"
)

// TestOperatorOrder takes an order from two warehouses through its whole life.
func TestOperatorOrder(t *testing.T) {
	s := newOrderShop(t)
	o, guest := s.paid("card_success", oneMug+`,{"sku":"BOOK","quantity":5}`)
	s.wantStock("BOOK", "euw-1", 3, 0, 3)
	s.wantStock("BOOK", "use-1", 2, 0, 2)
	wantStatus(t, s.command(o.ID, "pack", ""), order.Packed)
	shipped := s.command(o.ID, "ship", `{"carrier":"An Post","tracking_number":"CE123456789IE"}`)
	wantStatus(t, shipped, order.Shipped)
	if len(shipped.Shipments) != 2 || shipped.Shipments[0].Warehouse != "euw-1" || shipped.Shipments[1].Warehouse != "use-1" ||
		shipped.Shipments[1].Carrier != "An Post" || shipped.Shipments[1].Tracking != "CE123456789IE" {
		t.Errorf("shipments %+v", shipped.Shipments)
	}
	s.wantStock("MUG", "euw-1", 9, 0, 0)
	s.wantStock("BOOK", "euw-1", 0, 0, 0)
	s.wantStock("BOOK", "use-1", 0, 0, 0)
	delivered := s.command(o.ID, "deliver", "")
	wantStatus(t, delivered, order.Delivered)
	if delivered.Shipments[0].DeliveredAt == nil {
		t.Errorf("shipments %+v", delivered.Shipments)
	}
	if got := statuses(guest.order(o.ID)); got != "pending_payment paid packed shipped delivered" {
		t.Errorf("history %q", got)
	}
	s.audit()
}

// TestOperatorOrder_OutOfOrder refuses what the state does not allow and changes nothing.
func TestOperatorOrder_OutOfOrder(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_success", oneMug)
	refuse := func(verbs ...string) {
		t.Helper()
		before := guest.order(placed.Order.ID)
		for _, verb := range verbs {
			w := s.as("operator").post("/v1/operator/orders/"+placed.Order.ID+":"+verb, "")
			wantProblem(t, w, http.StatusConflict, "order_state")
		}
		if diff := cmp.Diff(before, guest.order(placed.Order.ID), wholeOrders); diff != "" {
			t.Errorf("it changed:\n%s", diff)
		}
	}
	refuse("pack", "ship", "deliver")
	w := s.as("operator").post("/v1/operator/orders/"+placed.Order.ID+":refund", `{"reason":"damaged"}`)
	wantProblem(t, w, http.StatusConflict, "order_state")
	s.settle()
	refuse("ship", "deliver")
	s.command(placed.Order.ID, "pack", "")
	refuse("pack", "deliver")
	s.command(placed.Order.ID, "ship", "")
	refuse("pack", "ship", "cancel")
	s.command(placed.Order.ID, "deliver", "")
	refuse("pack", "ship", "deliver", "cancel")
	s.audit()
}

func TestOperatorOrder_Repeated(t *testing.T) {
	s := newOrderShop(t)
	o, _ := s.paid("card_success", oneMug)
	path := "/v1/operator/orders/" + o.ID
	packed := wantOrder(t, s.as("operator").post(path+":pack", "", "Idempotency-Key", "k"))
	w := s.as("operator").post(path+":pack", "", "Idempotency-Key", "k")
	if diff := cmp.Diff(packed, wantOrder(t, w), wholeOrders); diff != "" || w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("the repetition answered otherwise:\n%s", diff)
	}
	wantProblem(t, s.as("operator").post(path+":ship", "", "Idempotency-Key", "k"), http.StatusUnprocessableEntity, "idempotency_key_reused")
	without := ask(s.api["eu-west"], "POST", path+":ship", "", s.as("operator").headers...)
	wantStatus(t, wantOrder(t, without), order.Shipped)
	wantTrips(t, without, 1)
	s.audit()
}

func TestOperatorOrder_OnlyForOperators(t *testing.T) {
	s := newOrderShop(t)
	placed, guest := s.place("card_never", oneMug)
	for _, verb := range []string{"cancel", "pack", "ship", "deliver", "refund"} {
		path := "/v1/operator/orders/" + placed.Order.ID + ":" + verb
		wantProblem(t, s.as("ada").post(path, "{}"), http.StatusForbidden, "forbidden")
		wantProblem(t, s.as("seller").post(path, "{}"), http.StatusForbidden, "forbidden")
		wantProblem(t, guest.post(path, "{}"), http.StatusUnauthorized, "unauthenticated")
		missing := "/v1/operator/orders/ord_euw_aaaaaaaaaaaaaaaaaaaaaaaaaa/" + verb
		wantProblem(t, s.as("operator").post(missing, map[bool]string{true: `{"reason":"x"}`}[verb == "refund"]), http.StatusNotFound,
			"not_found")
	}
	wantProblem(t, guest.get("/v1/operator/orders/"+placed.Order.ID), http.StatusUnauthorized, "unauthenticated")
	wantProblem(t, s.as("ada").get("/v1/operator/orders/"+placed.Order.ID), http.StatusForbidden, "forbidden")
	w := s.as("operator").get("/v1/operator/orders/" + placed.Order.ID)
	wantTrips(t, w, 1)
	wantStatus(t, wantOrder(t, w), order.PendingPayment)
}

func TestOperatorOrder_Invalid(t *testing.T) {
	s := newOrderShop(t)
	o, _ := s.paid("card_success", oneMug)
	for _, test := range []struct{ verb, body, field string }{
		{"cancel", `{"reason":"Because Ada asked"}`, "reason"},
		{"ship", `{"carrier":"` + strings.Repeat("c", 101) + `"}`, "carrier"},
		{"ship", `{"tracking_number":"a\tb"}`, "tracking_number"},
		{"refund", `{}`, "reason"},
		{"refund", `{"reason":"r","amount_minor":0}`, "amount_minor"},
		{"refund", `{"reason":"r","amount_minor":1,"lines":[{"line_no":1,"quantity":1}]}`, "amount_minor"},
		{"refund", `{"reason":"r","lines":[]}`, "lines"},
		{"refund", `{"reason":"r","lines":[{"line_no":1,"quantity":0}]}`, "lines[0].quantity"},
		{"refund", `{"reason":"r","lines":[{"line_no":1,"quantity":1},{"line_no":1,"quantity":1}]}`, "lines[1].line_no"},
	} {
		w := s.as("operator").post("/v1/operator/orders/"+o.ID+":"+test.verb, test.body)
		p := wantProblem(t, w, http.StatusBadRequest, "bad_request")
		if len(p.Errors) != 1 || p.Errors[0].Field != test.field {
			t.Errorf("%s %s: %+v, want %s", test.verb, test.body, p.Errors, test.field)
		}
	}
	for _, test := range []struct{ body, field string }{
		{`{"reason":"r","lines":[{"line_no":2,"quantity":1}]}`, "lines[0].quantity"},
		{`{"reason":"r","lines":[{"line_no":1,"quantity":2}]}`, "lines[0].quantity"},
		{`{"reason":"r","amount_minor":9223372036854775807}`, "amount_minor"},
	} {
		w := s.as("operator").post("/v1/operator/orders/"+o.ID+":refund", test.body)
		p := wantProblem(t, w, http.StatusUnprocessableEntity, "refund_too_large")
		if len(p.Errors) != 1 || p.Errors[0].Field != test.field {
			t.Errorf("%s: %+v, want %s", test.body, p.Errors, test.field)
		}
	}
	w := ask(s.api["eu-west"], "POST", "/v1/operator/orders/"+o.ID+":refund", `{"reason":"r"}`, s.as("operator").headers...)
	wantProblem(t, w, http.StatusBadRequest, "idempotency_key_required")
	s.audit()
}

// TestRefundOrder gives money back, step by step.
func TestRefundOrder(t *testing.T) {
	type step struct {
		do, body string
		// status and promised are the order's status and its refunded_minor after the step; -1 is the order's total.
		status   order.Status
		promised int64
		stock    [3]int64 // of the mugs in Dublin
	}
	const total = -1
	for _, test := range []struct {
		name  string
		steps []step
	}{
		{"all that is left", []step{
			{"refund", `{"reason":"damaged"}`, order.Refunded, total, [3]int64{10, 0, 0}},
		}},
		{"by line, then the rest", []step{
			{"refund", `{"reason":"damaged","lines":[{"line_no":1,"quantity":1}]}`, order.Paid, 1250, [3]int64{10, 0, 2}},
			{"pack", "", order.Packed, 1250, [3]int64{10, 0, 2}},
			{"refund", `{"reason":"damaged"}`, order.Refunded, total, [3]int64{10, 0, 0}},
		}},
		{"every line, then the delivery", []step{
			{"refund", `{"reason":"damaged","lines":[{"line_no":1,"quantity":3}]}`, order.Refunded, 3750, [3]int64{10, 0, 0}},
			{"refund", `{"reason":"kindness"}`, order.Refunded, total, [3]int64{10, 0, 0}},
		}},
		{"an amount, then the rest by amount", []step{
			{"refund", `{"reason":"kindness","amount_minor":100}`, order.Paid, 100, [3]int64{10, 0, 3}},
			{"refund", `{"reason":"kindness","amount_minor":$rest}`, order.Refunded, total, [3]int64{10, 0, 0}},
		}},
		{"after shipping, without the goods", []step{
			{"pack", "", order.Packed, 0, [3]int64{10, 0, 3}},
			{"ship", "", order.Shipped, 0, [3]int64{7, 0, 0}},
			{"refund", `{"reason":"damaged","lines":[{"line_no":1,"quantity":1}]}`, order.Shipped, 1250, [3]int64{7, 0, 0}},
			{"deliver", "", order.Delivered, 1250, [3]int64{7, 0, 0}},
			{"refund", `{"reason":"damaged"}`, order.Refunded, total, [3]int64{7, 0, 0}},
		}},
		{"returned", []step{
			{"pack", "", order.Packed, 0, [3]int64{10, 0, 3}},
			{"ship", "", order.Shipped, 0, [3]int64{7, 0, 0}},
			{"deliver", "", order.Delivered, 0, [3]int64{7, 0, 0}},
			{"refund", `{"reason":"returned","restock":true,"lines":[{"line_no":1,"quantity":1}]}`, order.Delivered, 1250, [3]int64{8, 0, 0}},
			{"refund", `{"reason":"returned","restock":true,"lines":[{"line_no":1,"quantity":2}]}`, order.Returned, 3750, [3]int64{10, 0, 0}},
			{"refund", `{"reason":"kindness"}`, order.Refunded, total, [3]int64{10, 0, 0}},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newOrderShop(t)
			o, _ := s.paid("card_success", `{"sku":"MUG","quantity":3}`)
			if o.TotalMinor <= 3750 {
				t.Fatalf("the delivery is free: %d", o.TotalMinor)
			}
			for _, step := range test.steps {
				body := strings.ReplaceAll(step.body, "$rest", jsonNumber(o.TotalMinor-o.Payment.RefundedMinor))
				o = s.command(o.ID, step.do, body)
				wantStatus(t, o, step.status)
				want := step.promised
				if want == total {
					want = o.TotalMinor
				}
				if o.Payment.RefundedMinor != want {
					t.Errorf("%s %s: %d is promised back, want %d", step.do, body, o.Payment.RefundedMinor, want)
				}
				s.wantStock("MUG", "euw-1", step.stock[0], step.stock[1], step.stock[2])
			}
			s.sendRefunds()
			for _, refund := range s.as("operator").order(o.ID).Refunds {
				if refund.Status != payment.RefundSucceeded {
					t.Errorf("%+v", refund)
				}
			}
			if o.Payment.RefundedMinor == o.TotalMinor {
				w := s.as("operator").post("/v1/operator/orders/"+o.ID+":refund", `{"reason":"again"}`)
				wantProblem(t, w, http.StatusConflict, "order_state")
			}
			s.audit()
		})
	}
}

func jsonNumber(n int64) string { return string(marshal(n)) }

func TestRefundOrder_Repeated(t *testing.T) {
	s := newOrderShop(t)
	o, _ := s.paid("card_success", oneMug)
	path := "/v1/operator/orders/" + o.ID + ":refund"
	first := wantOrder(t, s.as("operator").post(path, `{"reason":"kindness","amount_minor":100}`, "Idempotency-Key", "k"))
	w := s.as("operator").post(path, `{"reason":"kindness","amount_minor":100}`, "Idempotency-Key", "k")
	if diff := cmp.Diff(first, wantOrder(t, w), wholeOrders); diff != "" || w.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("the repetition answered otherwise:\n%s", diff)
	}
	wantProblem(t, s.as("operator").post(path, `{"reason":"kindness","amount_minor":101}`, "Idempotency-Key", "k"),
		http.StatusUnprocessableEntity, "idempotency_key_reused")
	again := wantOrder(t, s.as("operator").post(path, `{"reason":"kindness","amount_minor":100}`))
	if again.Payment.RefundedMinor != 200 {
		t.Errorf("%d is promised back", again.Payment.RefundedMinor)
	}
	s.audit()
}

// TestRetryRefund tries a refund again that its provider failed to make.
func TestRetryRefund(t *testing.T) {
	for _, card := range []string{"card_success_refund_fails", "card_success_refund_fails_now"} {
		t.Run(card, func(t *testing.T) {
			s := newOrderShop(t)
			o, _ := s.paid(card, oneMug)
			promised := s.command(o.ID, "refund", `{"reason":"kindness","amount_minor":100}`)
			id := promised.Refunds[0].ID
			path := "/v1/operator/refunds/" + id + ":retry"
			wantProblem(t, s.as("operator").post(path, ""), http.StatusNotFound, "not_found") // it has not failed yet
			s.sendRefunds()
			s.settle()
			failed := s.as("operator").order(o.ID)
			if failed.Refunds[0].Status != payment.RefundFailed || failed.Payment.RefundedMinor != 0 {
				t.Fatalf("refund %+v, payment %+v", failed.Refunds[0], failed.Payment)
			}
			w := s.as("operator").post(path, "", "Idempotency-Key", "k")
			retried := wantJSON[refundResponse](t, w, http.StatusOK)
			wantTrips(t, w, 1)
			w = s.as("operator").post(path, "", "Idempotency-Key", "k")
			if diff := cmp.Diff(retried, wantJSON[refundResponse](t, w, http.StatusOK)); diff != "" ||
				w.Header().Get("Idempotency-Replayed") != "true" {
				t.Errorf("the repetition answered otherwise:\n%s", diff)
			}
			wantProblem(t, s.as("operator").post(path, ""), http.StatusNotFound, "not_found")
			after := s.as("operator").order(o.ID)
			if after.Refunds[0].Status != "replaced" || after.Refunds[1].ID != retried.ID || after.Payment.RefundedMinor != 100 {
				t.Errorf("refunds %+v", after.Refunds)
			}
			s.audit()
		})
	}
}

// TestRetryRefund_NothingLeft refuses to promise money that went another way meanwhile.
func TestRetryRefund_NothingLeft(t *testing.T) {
	s := newOrderShop(t)
	o, _ := s.paid("card_success_refund_fails_now", oneMug)
	first := s.command(o.ID, "refund", `{"reason":"kindness","amount_minor":100}`)
	s.sendRefunds()
	s.command(o.ID, "refund", `{"reason":"damaged"}`)
	path := "/v1/operator/refunds/" + first.Refunds[0].ID + ":retry"
	wantProblem(t, s.as("operator").post(path, ""), http.StatusUnprocessableEntity, "refund_too_large")
	missing := s.regions.FormatID("rfd", regions.Ref{Region: "eu-west", ID: uuid.New()})
	for _, id := range []string{"x", o.ID, missing} {
		wantProblem(t, s.as("operator").post("/v1/operator/refunds/"+id+":retry", ""), http.StatusNotFound, "not_found")
	}
	wantProblem(t, s.as("ada").post(path, ""), http.StatusForbidden, "forbidden")
	s.audit()
}
