// Package paymenttest tests a payment.Provider against what its interface promises.
package paymenttest

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/money"
	"meridian/internal/payment"
	"meridian/internal/testkit"
)

// Subject holds a provider to be tested and what the suite needs to drive it.
type Subject struct {
	Provider payment.Provider
	Currency money.Currency // that it takes

	Success  string // a method that succeeds, sooner or later, and whose refunds do
	Declined string // a method that is declined, sooner or later
	Open     string // a method that stays open until it is cancelled

	// Settle returns when all that is due has happened and the shop has acknowledged the provider's webhooks.
	Settle func(t *testing.T)
	// Webhooks returns those that arrived so far.
	Webhooks func() []Webhook
	// Now returns the time by the provider's clock.
	Now func() time.Time
	// RefundByHand gives back minor units of a payment as a person does at the provider, without asking the shop. It is
	// needed for a payment.Ledger.
	RefundByHand func(t *testing.T, paymentID string, minor int64)
}

// Webhook holds a webhook as it arrived.
type Webhook struct {
	Header http.Header
	Body   []byte
}

// Run runs the suite. newSubject is called for each of its tests, and cleans up with t.Cleanup.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	tests := []struct {
		name string
		test func(*testing.T, Subject)
	}{
		{"name fits into a path", testName},
		{"start is idempotent", testStartTwice},
		{"start at the same time makes one payment", testStartConcurrently},
		{"start refuses other content under the same id", testStartConflict},
		{"start refuses lines that do not sum to the amount", testStartWrongLines},
		{"start finds a payment whose answer was lost", testStartLost},
		{"start without time left is not a success", testStartNoTime},
		{"success is found with all of it captured", testSuccess},
		{"decline is an outcome with a reason", testDecline},
		{"a method that cannot be one is told beforehand", testCheckMethod},
		{"find does not know what was never started", testFindUnknown},
		{"cancel ends an open payment for good", testCancelOpen},
		{"cancel ends a payment whose answer was lost", testCancelLost},
		{"cancel comes too late for a success", testCancelSucceeded},
		{"cancel leaves a declined payment alone", testCancelDeclined},
		{"cancel does not know what was never started", testCancelUnknown},
		{"refund is idempotent", testRefundTwice},
		{"refund refuses other content under the same id", testRefundConflict},
		{"refund is at most what was captured", testRefundTooLarge},
		{"refund of an open payment is refused", testRefundOpen},
		{"refunds at the same time stay within what was captured", testRefundConcurrently},
		{"refund does not know what was never started", testRefundUnknown},
		{"webhooks tell of each end", testWebhooks},
		{"webhooks that were touched are refused", testWebhookTouched},
		{"webhooks out of time are refused", testWebhookTime},
		{"a refund made at the provider is told of", testRefundMade},
		{"the books hold what was paid and given back", testLedger},
		{"the books of a time hold what was made in it", testLedgerTimes},
		{"the books do not know what was never started", testLedgerUnknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { tt.test(t, newSubject(t)) })
	}
}

// Input returns a payment of 1,250 minor units with an id of its own: two articles, a discount, shipping and tax.
func Input(currency money.Currency, method string) payment.StartInput {
	amount := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: currency} }
	return payment.StartInput{
		PaymentID: newID("pay_euw_"),
		OrderID:   newID("ord_euw_"),
		Amount:    amount(1250),
		Lines: []payment.Line{
			{SKU: "85123A", Title: "White hanging heart T-light holder", Quantity: 2, Total: amount(510)},
			{SKU: "22423", Title: "Regency cakestand 3 tier", Quantity: 1, Total: amount(275)},
			{SKU: "discount", Title: "Welcome", Quantity: 1, Total: amount(-35)},
			{SKU: "shipping", Title: "Standard", Quantity: 1, Total: amount(300)},
			{SKU: "tax", Title: "VAT 20 %", Quantity: 1, Total: amount(200)},
		},
		Method:    method,
		ReturnURL: "https://shop.example/orders",
		PlacedAt:  time.Now(),
	}
}

// newID returns an id in the shop's form.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()) }

func testName(t *testing.T, s Subject) {
	name := s.Provider.Name()
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz") != "" {
		t.Errorf("Name() = %q, want lower-case letters", name)
	}
}

func testStartTwice(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	first := s.start(t, in)
	if again := s.start(t, in); again.ProviderRef != first.ProviderRef || first.ProviderRef == "" {
		t.Errorf("second Start is about %q, the first was about %q", again.ProviderRef, first.ProviderRef)
	}
	s.Settle(t)
	settled := s.find(t, known(in, first))
	if again := s.start(t, in); !cmp.Equal(again, settled) {
		t.Errorf("Start after the end differs from Find: %s", cmp.Diff(settled, again))
	}
	s.Settle(t)
	s.wantEvents(t, in.PaymentID, payment.EventPaymentSucceeded)
}

func testStartConcurrently(t *testing.T, s Subject) {
	const callers = 8
	in := Input(s.Currency, s.Success)
	refs := make([]string, callers)
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			outcome, err := s.Provider.Start(t.Context(), in)
			refs[i], errs[i] = outcome.ProviderRef, err
		})
	}
	wg.Wait()
	testkit.NoError(t, errors.Join(errs...))
	for _, ref := range refs {
		if ref != refs[0] {
			t.Fatalf("several payments were made: %q", refs)
		}
	}
	s.Settle(t)
	s.wantEvents(t, in.PaymentID, payment.EventPaymentSucceeded)
}

func testStartConflict(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	first := s.start(t, in)
	other := in
	other.Lines = append([]payment.Line(nil), in.Lines...)
	other.Lines[0].Total.Minor++
	other.Amount.Minor++
	if _, err := s.Provider.Start(t.Context(), other); !errors.Is(err, payment.ErrConflict) {
		t.Errorf("Start with another amount: %v, want ErrConflict", err)
	}
	if found := s.find(t, known(in, first)); found.Amount != first.Amount {
		t.Errorf("amount is %s after the conflict, was %s", found.Amount, first.Amount)
	}
}

func testStartWrongLines(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	in.Amount.Minor--
	_, err := s.Provider.Start(t.Context(), in)
	if !errors.As(err, new(*payment.RejectedError)) || errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("Start: %v, want a RejectedError and not ErrUnavailable", err)
	}
	s.wantUnknown(t, in.Asked())
}

// The answer to the first Start is lost: whoever asks then is told of that payment, or starts it again.
func testStartLost(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	first := s.settled(t, in)
	found, err := s.Provider.Find(t.Context(), in.Asked())
	if errors.Is(err, payment.ErrUnknownPayment) {
		found, err = s.Provider.Start(t.Context(), in)
	}
	if err != nil {
		t.Fatal(err)
	}
	if found.ProviderRef != first.ProviderRef || found.Status != payment.StatusSucceeded {
		t.Errorf("found %q, %s, want %q, succeeded", found.ProviderRef, found.Status, first.ProviderRef)
	}
	s.Settle(t)
	s.wantEvents(t, in.PaymentID, payment.EventPaymentSucceeded)
}

func testStartNoTime(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	outcome, err := s.Provider.Start(ctx, Input(s.Currency, s.Success))
	if !errors.Is(err, payment.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Start: %v, want ErrUnavailable because of context.Canceled", err)
	}
	if outcome != (payment.Outcome{}) {
		t.Errorf("Start answered %+v with its error", outcome)
	}
}

func testSuccess(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	started := s.settled(t, in)
	want := payment.Outcome{
		Status: payment.StatusSucceeded, ProviderRef: started.ProviderRef, Amount: in.Amount, CapturedMinor: in.Amount.Minor,
	}
	if diff := cmp.Diff(want, s.find(t, known(in, started))); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
}

func testDecline(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Declined)
	found := s.find(t, known(in, s.settled(t, in)))
	if found.Status != payment.StatusFailed || found.FailureCode == "" || found.CapturedMinor != 0 {
		t.Errorf("Find = %+v, want failed with a code and nothing captured", found)
	}
}

func testCheckMethod(t *testing.T, s Subject) {
	for _, method := range []string{s.Success, s.Declined, s.Open} {
		if err := s.Provider.CheckMethod(method); err != nil {
			t.Errorf("CheckMethod(%q): %v", method, err)
		}
	}
	for _, method := range []string{"", " ", "4242424242424242", "a\nb", "bitcoin", strings.Repeat("x", 1000)} {
		switch err := s.Provider.CheckMethod(method); {
		case err == nil:
			t.Errorf("CheckMethod(%q) finds nothing wrong", method)
		case !strings.HasPrefix(err.Error(), "must ") || method != "" && method != " " && strings.Contains(err.Error(), method):
			t.Errorf("CheckMethod(%q) = %q, want a remedy that does not repeat it", method, err)
		}
	}
}

func testFindUnknown(t *testing.T, s Subject) {
	s.wantUnknown(t, Input(s.Currency, s.Success).Asked())
}

func testCancelOpen(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Open)
	asked := known(in, s.settled(t, in))
	if open := s.find(t, asked); open.Status.Final() {
		t.Fatalf("payment is %s, want it open", open.Status)
	}
	for range 2 { // the second time nothing changes
		if status := s.cancel(t, asked); status != payment.StatusCancelled {
			t.Fatalf("Cancel answered %s", status)
		}
	}
	s.Settle(t)
	if again := s.start(t, in); again.Status != payment.StatusCancelled || again.CapturedMinor != 0 {
		t.Errorf("Start after Cancel = %+v, want cancelled and nothing captured", again)
	}
	s.wantEvents(t, in.PaymentID, payment.EventPaymentCancelled)
}

// The answer to Start is lost: Cancel ends the payment all the same.
func testCancelLost(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Open)
	first := s.settled(t, in)
	if status := s.cancel(t, in.Asked()); status != payment.StatusCancelled {
		t.Fatalf("Cancel answered %s", status)
	}
	if found := s.find(t, known(in, first)); found.Status != payment.StatusCancelled {
		t.Errorf("Find answered %s, want cancelled", found.Status)
	}
}

func testCancelSucceeded(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	if status := s.cancel(t, asked); status != payment.StatusSucceeded {
		t.Errorf("Cancel answered %s, want succeeded", status)
	}
	if found := s.find(t, asked); found.CapturedMinor != in.Amount.Minor {
		t.Errorf("captured is %d after Cancel, want %d", found.CapturedMinor, in.Amount.Minor)
	}
}

func testCancelDeclined(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Declined)
	asked := known(in, s.settled(t, in))
	if status := s.cancel(t, asked); status != payment.StatusFailed && status != payment.StatusCancelled {
		t.Errorf("Cancel answered %s, want failed, or cancelled where a failed payment may be tried again", status)
	}
}

func testCancelUnknown(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	outcome, err := s.Provider.Cancel(t.Context(), in.Asked())
	switch {
	case errors.Is(err, payment.ErrUnknownPayment):
	case err != nil || outcome.Status != payment.StatusCancelled:
		t.Errorf("Cancel = %s, %v, want cancelled or ErrUnknownPayment", outcome.Status, err)
	default: // it stays given up, whoever starts it
		if late := s.start(t, in); late.Status != payment.StatusCancelled || late.CapturedMinor != 0 {
			t.Errorf("Start after Cancel = %+v, want cancelled and nothing captured", late)
		}
	}
}

func testRefundTwice(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	refund := refundOf(asked, 400)
	first := s.refund(t, refund)
	s.Settle(t)
	want := payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: first.ProviderRef, Amount: refund.Amount}
	if diff := cmp.Diff(want, s.refund(t, refund)); diff != "" {
		t.Errorf("second Refund (-want +got):\n%s", diff)
	}
	s.refund(t, refundOf(asked, in.Amount.Minor-400)) // all but 400 is left: the second call took nothing
}

func testRefundConflict(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	refund := refundOf(asked, 400)
	s.refund(t, refund)
	refund.Amount.Minor = 401
	if _, err := s.Provider.Refund(t.Context(), refund); !errors.Is(err, payment.ErrConflict) {
		t.Errorf("Refund with another amount: %v, want ErrConflict", err)
	}
}

func testRefundTooLarge(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	s.wantTooLarge(t, refundOf(asked, in.Amount.Minor+1))
	s.refund(t, refundOf(asked, in.Amount.Minor-1))
	s.wantTooLarge(t, refundOf(asked, 2))
	s.refund(t, refundOf(asked, 1))
	s.wantTooLarge(t, refundOf(asked, 1))
}

func testRefundOpen(t *testing.T, s Subject) {
	in := Input(s.Currency, s.Open)
	asked := known(in, s.settled(t, in))
	s.wantTooLarge(t, refundOf(asked, 1))
}

func testRefundConcurrently(t *testing.T, s Subject) {
	const callers, each = 10, 300 // four of them fit into 1,250
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	errs := make([]error, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() { _, errs[i] = s.Provider.Refund(t.Context(), refundOf(asked, each)) })
	}
	wg.Wait()
	done := 0
	for _, err := range errs {
		switch {
		case err == nil:
			done++
		case !errors.Is(err, payment.ErrRefundTooLarge):
			t.Error(err)
		}
	}
	if done != 4 {
		t.Errorf("%d refunds of %d were made from %d", done, each, in.Amount.Minor)
	}
}

func testRefundUnknown(t *testing.T, s Subject) {
	refund := refundOf(Input(s.Currency, s.Success).Asked(), 1)
	if _, err := s.Provider.Refund(t.Context(), refund); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("Refund: %v, want ErrUnknownPayment", err)
	}
}

func testWebhooks(t *testing.T, s Subject) {
	paid, declined := Input(s.Currency, s.Success), Input(s.Currency, s.Declined)
	asked := known(paid, s.settled(t, paid))
	s.settled(t, declined)
	refund := refundOf(asked, 250)
	s.refund(t, refund)
	s.Settle(t)

	s.wantEvents(t, declined.PaymentID, payment.EventPaymentFailed)
	events := s.wantEvents(t, paid.PaymentID, payment.EventPaymentSucceeded, payment.EventRefundSucceeded)
	if diff := cmp.Diff(s.find(t, asked), events[0].Outcome); diff != "" {
		t.Errorf("payment.succeeded differs from Find (-find +event):\n%s", diff)
	}
	if events[1].RefundID != refund.RefundID || events[1].Refund.Amount != refund.Amount {
		t.Errorf("refund.succeeded is about %q, %s", events[1].RefundID, events[1].Refund.Amount)
	}
	for _, e := range events {
		if e.ID == "" || e.OccurredAt.IsZero() || e.OccurredAt.Location() != time.UTC {
			t.Errorf("event %q occurred at %v, want an id and a time in UTC", e.ID, e.OccurredAt)
		}
	}
}

func testWebhookTouched(t *testing.T, s Subject) {
	hook := s.anyWebhook(t)
	body := append([]byte(nil), hook.Body...)
	body[len(body)/2] ^= 1
	bodies := map[string][]byte{"a changed body": body, "a longer body": append(hook.Body[:len(hook.Body):len(hook.Body)], ' '),
		"no body": nil}
	for name, body := range bodies {
		if _, err := s.Provider.ParseWebhook(hook.Header, body, s.Now()); !errors.Is(err, payment.ErrBadSignature) {
			t.Errorf("%s: %v, want ErrBadSignature", name, err)
		}
	}
	if _, err := s.Provider.ParseWebhook(http.Header{}, hook.Body, s.Now()); !errors.Is(err, payment.ErrBadSignature) {
		t.Errorf("no header: %v, want ErrBadSignature", err)
	}
}

func testWebhookTime(t *testing.T, s Subject) {
	hook := s.anyWebhook(t)
	for _, off := range []time.Duration{-2 * payment.SignatureTolerance, 2 * payment.SignatureTolerance} {
		if _, err := s.Provider.ParseWebhook(hook.Header, hook.Body, s.Now().Add(off)); !errors.Is(err, payment.ErrBadSignature) {
			t.Errorf("read %s from its time: %v, want ErrBadSignature", off, err)
		}
	}
	if _, err := s.Provider.ParseWebhook(hook.Header, hook.Body, s.Now()); err != nil {
		t.Errorf("read in time: %v", err)
	}
}

// ledger returns the provider's books, or skips the test.
func (s Subject) ledger(t *testing.T) payment.Ledger {
	t.Helper()
	ledger, ok := s.Provider.(payment.Ledger)
	if !ok {
		t.Skipf("the books of %s cannot be read", s.Provider.Name())
	}
	return ledger
}

// The notice names the payment, by our id or by the provider's, and no refund of ours.
func testRefundMade(t *testing.T, s Subject) {
	s.ledger(t)
	in := Input(s.Currency, s.Success)
	asked := known(in, s.settled(t, in))
	s.RefundByHand(t, in.PaymentID, 300)
	s.Settle(t)
	var told int
	for _, hook := range s.Webhooks() {
		e := testkit.Must(s.Provider.ParseWebhook(hook.Header, hook.Body, s.Now()))(t)
		if e.Type != payment.EventRefundMade {
			continue
		}
		told++
		id := e.PaymentID
		if id == "" {
			id = testkit.Must(s.Provider.(payment.Resolver).PaymentOf(t.Context(), e.PaymentRef))(t)
		}
		if id != in.PaymentID || e.RefundID != "" || e.PaymentRef != "" && e.PaymentRef != asked.ProviderRef {
			t.Errorf("told of a refund: %+v", e)
		}
	}
	if told == 0 {
		t.Error("no webhook tells of it")
	}
	s.wantTooLarge(t, refundOf(asked, in.Amount.Minor-299))
}

func testLedger(t *testing.T, s Subject) {
	ledger := s.ledger(t)
	from := s.Now().Add(-time.Minute)
	paid, declined := Input(s.Currency, s.Success), Input(s.Currency, s.Declined)
	asked := known(paid, s.settled(t, paid))
	s.settled(t, declined)
	ours := refundOf(asked, 250)
	s.refund(t, ours)
	s.Settle(t)
	s.RefundByHand(t, paid.PaymentID, 300)
	s.Settle(t)
	until := s.Now().Add(time.Minute)

	outcomes := map[string]payment.Outcome{}
	for p, err := range ledger.Payments(t.Context(), from, until) {
		testkit.NoError(t, err)
		outcomes[p.PaymentID] = p.Outcome
		if p.CreatedAt.Before(from) || !p.CreatedAt.Before(until) {
			t.Errorf("a payment of %s", p.CreatedAt)
		}
	}
	if diff := cmp.Diff(s.find(t, asked), outcomes[paid.PaymentID]); diff != "" || len(outcomes) != 2 {
		t.Errorf("%d payments; the paid one differs from Find: %s", len(outcomes), diff)
	}
	if outcomes[declined.PaymentID].CapturedMinor != 0 {
		t.Errorf("the declined one: %+v", outcomes[declined.PaymentID])
	}
	var listed []payment.BookedRefund
	for r, err := range ledger.Refunds(t.Context(), from, until) {
		testkit.NoError(t, err)
		listed = append(listed, r)
	}
	byRef := func(a, b payment.BookedRefund) int {
		return strings.Compare(a.Outcome.ProviderRef, b.Outcome.ProviderRef)
	}
	of := testkit.Must(ledger.RefundsOf(t.Context(), asked))(t)
	slices.SortFunc(listed, byRef)
	slices.SortFunc(of, byRef)
	if diff := cmp.Diff(listed, of); diff != "" || len(of) != 2 {
		t.Fatalf("%d refunds; the payment's differ from those listed: %s", len(of), diff)
	}
	amounts := map[string]int64{}
	for _, r := range of {
		amounts[r.RefundID] = r.Outcome.Amount.Minor
		if r.PaymentID != paid.PaymentID || r.Outcome.Status != payment.RefundSucceeded || r.Outcome.ProviderRef == "" {
			t.Errorf("in the books: %+v", r)
		}
	}
	if diff := cmp.Diff(map[string]int64{ours.RefundID: 250, "": 300}, amounts); diff != "" {
		t.Errorf("refunds by our ids (-want +got):\n%s", diff)
	}
}

// More than a page of them, and none of another time.
func testLedgerTimes(t *testing.T, s Subject) {
	const payments = 103
	ledger := s.ledger(t)
	from := s.Now().Add(-time.Minute)
	for range payments {
		s.start(t, Input(s.Currency, s.Success))
	}
	s.Settle(t)
	until := s.Now().Add(time.Minute)
	count := func(from, until time.Time) (n int) {
		seen := map[string]bool{}
		for p, err := range ledger.Payments(t.Context(), from, until) {
			testkit.NoError(t, err)
			seen[p.PaymentID] = true
		}
		return len(seen)
	}
	if n := count(from, until); n != payments {
		t.Errorf("%d payments, want %d", n, payments)
	}
	if n := count(from.Add(-time.Hour), from) + count(until, until.Add(time.Hour)); n != 0 {
		t.Errorf("%d payments of another time", n)
	}
}

func testLedgerUnknown(t *testing.T, s Subject) {
	ledger := s.ledger(t)
	if _, err := ledger.RefundsOf(t.Context(), Input(s.Currency, s.Success).Asked()); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("RefundsOf: %v, want ErrUnknownPayment", err)
	}
}

// known returns a reference to a payment that the provider has answered about.
func known(in payment.StartInput, heard payment.Outcome) payment.Asked {
	asked := in.Asked()
	asked.ProviderRef = heard.ProviderRef
	return asked
}

// refundOf returns a new refund of a payment.
func refundOf(asked payment.Asked, minor int64) payment.RefundInput {
	return payment.RefundInput{
		RefundID: newID("rfd_euw_"), PaymentID: asked.PaymentID, PaymentRef: asked.ProviderRef,
		Amount: money.Amount{Minor: minor, Currency: asked.Amount.Currency},
	}
}

func (s Subject) start(t *testing.T, in payment.StartInput) payment.Outcome {
	t.Helper()
	outcome := testkit.Must(s.Provider.Start(t.Context(), in))(t)
	return outcome
}

// settled starts a payment and waits for its end. It returns the first outcome.
func (s Subject) settled(t *testing.T, in payment.StartInput) payment.Outcome {
	t.Helper()
	outcome := s.start(t, in)
	s.Settle(t)
	return outcome
}

func (s Subject) find(t *testing.T, asked payment.Asked) payment.Outcome {
	t.Helper()
	outcome := testkit.Must(s.Provider.Find(t.Context(), asked))(t)
	return outcome
}

func (s Subject) cancel(t *testing.T, asked payment.Asked) payment.Status {
	t.Helper()
	outcome := testkit.Must(s.Provider.Cancel(t.Context(), asked))(t)
	return outcome.Status
}

func (s Subject) refund(t *testing.T, in payment.RefundInput) payment.RefundOutcome {
	t.Helper()
	outcome := testkit.Must(s.Provider.Refund(t.Context(), in))(t)
	return outcome
}

func (s Subject) wantUnknown(t *testing.T, asked payment.Asked) {
	t.Helper()
	if _, err := s.Provider.Find(t.Context(), asked); !errors.Is(err, payment.ErrUnknownPayment) {
		t.Errorf("Find: %v, want ErrUnknownPayment", err)
	}
}

func (s Subject) wantTooLarge(t *testing.T, in payment.RefundInput) {
	t.Helper()
	if _, err := s.Provider.Refund(t.Context(), in); !errors.Is(err, payment.ErrRefundTooLarge) {
		t.Errorf("Refund of %s: %v, want ErrRefundTooLarge", in.Amount, err)
	}
}

// wantEvents compares the events that ended a payment or a refund, in the order of their times, and returns them.
// Repeated ones count once; others are ignored.
func (s Subject) wantEvents(t *testing.T, paymentID string, want ...payment.EventType) []payment.Event {
	t.Helper()
	var events []payment.Event
	seen := map[string]bool{}
	for _, hook := range s.Webhooks() {
		e := testkit.Must(s.Provider.ParseWebhook(hook.Header, hook.Body, s.Now()))(t)
		if e.PaymentID == paymentID && e.Type != payment.EventOther && !isStep(e) && !seen[e.ID] {
			seen[e.ID] = true
			events = append(events, e)
		}
	}
	slices.SortStableFunc(events, func(a, b payment.Event) int { return a.OccurredAt.Compare(b.OccurredAt) })
	var got []payment.EventType
	for _, e := range events {
		got = append(got, e.Type)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("events (-want +got):\n%s", diff)
	}
	return events
}

// isStep reports whether an event is a step before the end of a payment. Only some providers send those.
func isStep(e payment.Event) bool {
	return e.Type == payment.EventPaymentRequiresAction || e.Type == payment.EventPaymentAuthorized
}

// anyWebhook returns a genuine webhook.
func (s Subject) anyWebhook(t *testing.T) Webhook {
	t.Helper()
	s.settled(t, Input(s.Currency, s.Success))
	hooks := s.Webhooks()
	if len(hooks) == 0 {
		t.Fatal("no webhook arrived")
	}
	return hooks[0]
}
