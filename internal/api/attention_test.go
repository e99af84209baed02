package api

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/payment"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// TestAttention_Findings lists a payment about which the books differ, and has it compared again.
func TestAttention_Findings(t *testing.T) {
	s := newOrderShop(t)
	o, _ := s.paid("card_success", oneMug)
	path := "/v1/operator/payments/" + o.Payment.ID + ":check"
	if w := s.as("operator").post(path, ""); w.Code != http.StatusAccepted {
		t.Fatalf("a decided payment: answered %d %s", w.Code, w.Body)
	}
	waiting := `SELECT count(*) FROM payment_checks WHERE next_check_at <= now()`
	if n := databasetest.One[int64](t, s.db, waiting); n != 1 {
		t.Errorf("%d payments are to be compared, want 1", n)
	}
	list := func() attentionResponse {
		t.Helper()
		return wantJSON[attentionResponse](t, s.as("operator").get("/v1/operator/attention?region=eu-west"), http.StatusOK)
	}
	if found := list().Findings; len(found) != 0 {
		t.Errorf("before it was looked at: %+v", found)
	}
	databasetest.Exec(t, s.db, `UPDATE payment_checks SET found_at = now(), next_check_at = now() + INTERVAL '1 hour', differences =
  '[{"kind": "refund_missing", "refund_id": "rfd_euw_x", "currency": "EUR", "provider_minor": 0, "book_minor": 5}]'`)
	found := list().Findings
	if len(found) != 1 || found[0].PaymentID != o.Payment.ID || found[0].OrderID != o.ID || found[0].FoundAt.IsZero() {
		t.Fatalf("found: %+v", found)
	}
	want := []differenceResponse{{Kind: payment.RefundMissing, RefundID: "rfd_euw_x", Currency: "EUR", BookMinor: 5}}
	if diff := cmp.Diff(want, found[0].Differences); diff != "" {
		t.Errorf("differences (-want +got):\n%s", diff)
	}
	if w := s.as("operator").post(path, ""); w.Code != http.StatusAccepted {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
	if n := databasetest.One[int64](t, s.db, waiting); n != 1 {
		t.Errorf("%d payments are to be compared again, want 1", n)
	}
}

// TestAttention lists a payment that was set aside and a refund that failed, looks into the payment, and has it checked.
func TestAttention(t *testing.T) {
	s := newOrderShop(t)
	waiting, _ := s.place("card_never", oneMug)
	o, _ := s.paid("card_success_refund_fails_now", oneMug)
	s.command(o.ID, "refund", `{"reason":"kindness","amount_minor":100}`)
	s.sendRefunds()
	list := func(query string) attentionResponse {
		t.Helper()
		w := s.as("operator").get("/v1/operator/attention" + query)
		wantTrips(t, w, 1)
		return wantJSON[attentionResponse](t, w, http.StatusOK)
	}
	if all := list(""); len(all.Payments) != 0 || len(all.Refunds) != 1 || all.Refunds[0].Order != o.ID || all.More {
		t.Fatalf("before: %+v", all)
	}
	databasetest.Exec(t, s.db, `UPDATE payments SET set_aside_at = now(), updated_at = now() WHERE status = 'pending'`)
	all := list("?limit=1")
	if len(all.Payments) != 1 || all.Payments[0].Order != waiting.Order.ID || all.Payments[0].SetAsideAt.IsZero() ||
		len(all.Regions) != 4 || all.More {
		t.Fatalf("set aside: %+v", all)
	}
	if other := list("?region=us-west"); len(other.Payments)+len(other.Refunds) != 0 || len(other.Regions) != 1 {
		t.Errorf("of another region: %+v", other)
	}
	path := "/v1/operator/payments/" + all.Payments[0].ID
	view := wantJSON[paymentViewResponse](t, s.as("operator").get(path), http.StatusOK)
	if view.Said == nil || view.Said.Status != payment.StatusProcessing || view.Said.AmountMinor != view.AmountMinor || view.SaidError != "" {
		t.Errorf("looked into: %+v, said %+v", view, view.Said)
	}
	if w := s.as("operator").post(path+":check", ""); w.Code != http.StatusAccepted {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	if all := list(""); len(all.Payments) != 0 {
		t.Errorf("after it was checked: %+v", all)
	}
	if due := databasetest.One[int64](t, s.db, `SELECT count(*) FROM payments WHERE status = 'pending' AND next_check_at <= now()`); due != 1 {
		t.Errorf("%d payments are due, want 1", due)
	}
	missing := "/v1/operator/payments/" + s.regions.FormatID("pay", regions.Ref{Region: "eu-west", ID: uuid.New()})
	for _, p := range []string{missing, "/v1/operator/payments/x", "/v1/operator/payments/" + o.ID} {
		wantProblem(t, s.as("operator").get(p), http.StatusNotFound, "not_found")
		wantProblem(t, s.as("operator").post(p+":check", ""), http.StatusNotFound, "not_found")
	}
	for _, caller := range []string{"ada", "seller"} {
		wantProblem(t, s.as(caller).get("/v1/operator/attention"), http.StatusForbidden, "forbidden")
		wantProblem(t, s.as(caller).get(path), http.StatusForbidden, "forbidden")
		wantProblem(t, s.as(caller).post(path+":check", ""), http.StatusForbidden, "forbidden")
	}
}
