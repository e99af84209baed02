package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/paymenttest"
)

// reopen is a new sandbox on the state file of w, as it was when w was killed.
func reopen(t *testing.T, w *world) *world {
	t.Helper()
	state := testkit.Must(os.ReadFile(w.cfg.StateFile))(t)
	return newWorld(t, withState(t, state))
}

// withState lets a sandbox begin with a state file, or with none for nil.
func withState(t *testing.T, state []byte) func(*Config) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.jsonl")
	if state != nil {
		testkit.NoError(t, os.WriteFile(path, state, 0o600))
	}
	return func(c *Config) { c.StateFile = path }
}

func TestRestart(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	done, _ := w.start(t, "card_success")
	w.settle(t)
	refund := payment.RefundInput{RefundID: "rfd_euw_a", PaymentID: done.PaymentID, Amount: money.Amount{Minor: 400, Currency: "EUR"}}
	testkit.Must(w.client.Refund(t.Context(), refund))(t)
	w.settle(t)
	waiting, _ := w.start(t, "card_success_slow:2s")
	action, _ := w.start(t, "card_requires_action")

	w = reopen(t, w)
	w.wantStatus(t, done.PaymentID, payment.StatusSucceeded)
	w.wantStatus(t, waiting.PaymentID, payment.StatusProcessing)
	w.wantStatus(t, action.PaymentID, payment.StatusRequiresAction)
	w.settle(t)
	w.wantStatus(t, waiting.PaymentID, payment.StatusSucceeded)
	w.wantTypes(t, payment.EventPaymentSucceeded) // of the one that was waiting; the others were acknowledged
	refund.RefundID, refund.Amount.Minor = "rfd_euw_b", 851
	if _, err := w.client.Refund(t.Context(), refund); err == nil {
		t.Error("more was refunded than was captured")
	}
}

// What was not acknowledged is sent again, in the order it has to be, and only as often as was missing.
func TestRestart_Webhooks(t *testing.T) {
	w := newWorld(t, withState(t, nil), func(c *Config) { c.MaxTries = 1000 })
	w.inbox.statuses = []int{200, 500}
	w.start(t, "card_duplicate:2+card_reordered")
	w.clock.Advance(w.cfg.Delay)
	if _, err := w.RunOnce(t.Context()); err != nil { // one copy is acknowledged, one refused, the failure held back
		t.Fatal(err)
	}
	w.wantTypes(t, payment.EventPaymentSucceeded, payment.EventPaymentSucceeded)
	before := w.events(t)

	w = reopen(t, w)
	w.settle(t)
	w.wantTypes(t, payment.EventPaymentSucceeded, payment.EventPaymentFailed)
	if after := w.events(t); after[0].ID != before[0].ID {
		t.Errorf("event is %q after the restart, was %q", after[0].ID, before[0].ID)
	}
}

// A pending refund goes on.
func TestRestart_Refund(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	in, _ := w.start(t, "card_success_refund_fails+card_success_now")
	refund := payment.RefundInput{RefundID: "rfd_euw_a", PaymentID: in.PaymentID, Amount: in.Amount}
	if outcome, err := w.client.Refund(t.Context(), refund); err != nil || outcome.Status != payment.RefundPending {
		t.Fatalf("Refund = %s, %v", outcome.Status, err)
	}
	w = reopen(t, w)
	w.settle(t)
	if outcome, err := w.client.Refund(t.Context(), refund); err != nil || outcome.Status != payment.RefundFailed {
		t.Fatalf("Refund after the restart = %s, %v", outcome.Status, err)
	}
}

// A line cut short by a crash is dropped; a damaged one in the middle is a fault that says what to do.
func TestRestart_DamagedFile(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	first, _ := w.start(t, "card_never")
	second, _ := w.start(t, "card_never")
	state := testkit.Must(os.ReadFile(w.cfg.StateFile))(t)

	w = newWorld(t, withState(t, state[:len(state)-1]))
	w.wantStatus(t, first.PaymentID, payment.StatusProcessing)
	if _, err := w.client.Find(t.Context(), second.Asked()); err == nil {
		t.Error("half a line was read")
	}
	third, _ := w.start(t, "card_never") // is on a line of its own
	w = reopen(t, w)
	w.wantStatus(t, third.PaymentID, payment.StatusProcessing)

	damaged := bytes.Replace(state, []byte(`{"payment"`), []byte(`{payment"`), 1)
	cfg := w.cfg
	withState(t, damaged)(&cfg)
	if _, err := NewServer(cfg); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("NewServer: %v, want an error about line 1", err)
	}
}

// The file holds secrets and is for its owner alone.
func TestStateFileIsPrivate(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	info := testkit.Must(os.Stat(w.cfg.StateFile))(t)
	if info.Mode().Perm() != fs.FileMode(0o600) {
		t.Errorf("mode is %s", info.Mode())
	}
}

// The file does not grow for ever, and what it grows by can be read while it is used on.
func TestStateFileIsRewritten(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	p := &paymentState{ID: "pay_euw_1", Status: payment.StatusProcessing, Method: "card_never"}
	w.mu.Lock()
	for range 25_000 {
		testkit.NoError(t, w.save(record{Payment: p}))
	}
	lines := w.journal.lines
	w.mu.Unlock()
	if lines > 10_010 {
		t.Errorf("%d lines for one payment", lines)
	}
	in, _ := w.start(t, "card_never")
	again := reopen(t, w)
	again.wantStatus(t, in.PaymentID, payment.StatusProcessing)
	if _, ok := again.memory.payments["pay_euw_1"]; !ok {
		t.Error("the payment is lost")
	}
}

// Whatever is done in whatever order: refunds stay within what was captured, a final status stays, and a restart
// changes nothing.
func TestStateProperties(t *testing.T) {
	methods := []string{
		"card_success", "card_declined_now", "card_never", "card_late:1s", "card_reordered", "card_duplicate:2",
		"card_requires_action", "card_success_now+card_success_refund_fails", "card_success_now+card_success_refund_slow:1s",
	}
	dir := t.TempDir()
	files := 0
	rapid.Check(t, func(rt *rapid.T) {
		files++
		clock := newClock()
		cfg := Config{
			APIKey: testKey, Secret: testSecret, Now: clock.Now, StateFile: filepath.Join(dir, fmt.Sprint(files)),
			WebhookURL: func(string, int) string { return "" }, MaxPayments: 5,
		}
		s := testkit.Must(NewServer(cfg))(rt)
		final := map[string]payment.Status{}
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"})
		rt.Repeat(map[string]func(*rapid.T){
			"start": func(rt *rapid.T) {
				in := newStartJSON(paymenttest.Input("EUR", rapid.SampledFrom(methods).Draw(rt, "method")))
				in.ID, in.OrderID = id.Draw(rt, "id"), "order"
				plan := testkit.Must(parseMethod(in.Method))(rt)
				if _, jobs, err := s.create(in, plan); err == nil {
					s.push(jobs...)
				}
			},
			"cancel": func(rt *rapid.T) {
				if _, jobs, err := s.cancel(id.Draw(rt, "id")); err == nil {
					s.push(jobs...)
				}
			},
			"confirm": func(rt *rapid.T) {
				if _, jobs, err := s.confirm(id.Draw(rt, "id"), "", true); err == nil {
					s.push(jobs...)
				}
			},
			"refund": func(rt *rapid.T) {
				amount := money.Amount{Minor: rapid.Int64Range(1, 1300).Draw(rt, "minor"), Currency: "EUR"}
				owner := id.Draw(rt, "id")
				refundID := owner + rapid.SampledFrom([]string{"1", "2", "3"}).Draw(rt, "refund")
				if _, jobs, err := s.refund(refundInputJSON{refundID, owner, newAmountJSON(amount)}, amount); err == nil {
					s.push(jobs...)
				}
			},
			"time passes": func(rt *rapid.T) {
				clock.Advance(s.cfg.Delay * 30)
				testkit.Must(s.RunOnce(t.Context()))(rt)
			},
			"restart": func(rt *rapid.T) {
				before := s.memory
				testkit.NoError(rt, s.Close())
				s = testkit.Must(NewServer(cfg))(rt)
				options := cmp.Options{cmp.AllowUnexported(memory{}), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(memory{}, "order", "held")}
				if diff := cmp.Diff(before, s.memory, options); diff != "" {
					rt.Fatalf("state after the restart (-before +after):\n%s", diff)
				}
			},
			"": func(rt *rapid.T) {
				if len(s.memory.payments) > 5 {
					rt.Fatalf("%d payments are kept", len(s.memory.payments))
				}
				for id, status := range final {
					if p := s.memory.payments[id]; p == nil {
						delete(final, id) // forgotten
					} else if p.Status != status {
						rt.Fatalf("payment is %s, was %s", p.Status, status)
					}
				}
				for id, p := range s.memory.payments {
					if p.refunded() > p.Captured || p.Captured > p.Amount.Minor {
						rt.Fatalf("refunded %d of %d captured of %d", p.refunded(), p.Captured, p.Amount.Minor)
					}
					if p.Status.Final() {
						final[id] = p.Status
					}
				}
			},
		})
		testkit.NoError(rt, s.Close())
	})
}

// What cannot be recorded does not happen, and is tried again when it can.
func TestStateFileCannotBeWritten(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	waiting, _ := w.start(t, "card_success")
	readOnly := testkit.Must(os.Open(w.cfg.StateFile))(t)
	defer readOnly.Close()
	writable := w.swapFile(readOnly)

	refused := paymenttest.Input("EUR", "card_success")
	if _, err := w.client.Start(t.Context(), refused); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Start: %v, want ErrUnavailable", err)
	}
	if _, err := w.client.Find(t.Context(), refused.Asked()); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("Find: %v, want ErrUnknownPayment", err)
	}
	w.clock.Advance(w.cfg.Delay)
	testkit.Must(w.RunOnce(t.Context()))(t)
	w.wantStatus(t, waiting.PaymentID, payment.StatusProcessing)
	w.wantTypes(t)

	w.swapFile(writable)
	w.settle(t)
	w.wantStatus(t, waiting.PaymentID, payment.StatusSucceeded)
	w.wantTypes(t, payment.EventPaymentSucceeded)
	again := reopen(t, w)
	again.wantStatus(t, waiting.PaymentID, payment.StatusSucceeded)
}

// swapFile gives the journal another file, and returns the one it had.
func (w *world) swapFile(file *os.File) *os.File {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.journal.file
	w.journal.file = file
	return old
}

func TestReadBook(t *testing.T) {
	w := newWorld(t, withState(t, nil))
	paid, _ := w.start(t, "card_success_refund_fails")
	w.settle(t)
	for i, minor := range []int64{400, 51} {
		refund := payment.RefundInput{RefundID: fmt.Sprintf("rfd_euw_%d", i), PaymentID: paid.PaymentID,
			Amount: money.Amount{Minor: minor, Currency: "EUR"}}
		testkit.Must(w.client.Refund(t.Context(), refund))(t)
		if i == 0 {
			w.settle(t) // the first has failed, the second is pending
		}
	}
	declined, _ := w.start(t, "card_declined_now")

	book := testkit.Must(ReadBook(w.cfg.StateFile))(t)
	want := []Held{
		{ID: paid.PaymentID, OrderID: paid.OrderID, Status: payment.StatusSucceeded, Amount: paid.Amount, CapturedMinor: paid.Amount.Minor,
			Refunds: []HeldRefund{
				{ID: "rfd_euw_0", Status: payment.RefundFailed, Minor: 400}, {ID: "rfd_euw_1", Status: payment.RefundPending, Minor: 51},
			}},
		{ID: declined.PaymentID, OrderID: declined.OrderID, Status: payment.StatusFailed, Amount: declined.Amount},
	}
	if diff := cmp.Diff(want, book, cmpopts.SortSlices(func(a, b Held) bool { return a.ID < b.ID })); diff != "" {
		t.Errorf("the book (-want +got):\n%s", diff)
	}
	if got := want[0].RefundedMinor(); got != 51 {
		t.Errorf("%d are refunded, want the 51 that did not fail", got)
	}
}
