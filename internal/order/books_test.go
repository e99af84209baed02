package order_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/order"
	"meridian/internal/payment"
	"meridian/internal/payment/sandbox"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/paymenttest"
	"meridian/internal/testkit/seed"
	"meridian/internal/testkit/shoptest"
	"meridian/regions"
)

// till is a shop whose payments a sandbox takes, with a person at the sandbox's dashboard. Its webhooks arrive when the
// test says so.
type till struct {
	*shop
	server *sandbox.Server
	url    string
	client *sandbox.Client

	mu    sync.Mutex
	hooks []payment.Event // that were sent, and did not arrive yet

	down atomic.Bool  // nothing reaches the sandbox
	lose atomic.Int32 // so many answers of it get lost
}

const (
	sandboxKey    = "a key for the tests only"
	sandboxSecret = "a secret for the tests only"
)

func newTill(t testing.TB) *till {
	t.Helper()
	s := &till{}
	clock := testkit.ClockOfToday()
	hooks := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		event, err := s.client.ParseWebhook(r.Header, body, clock.Now())
		if err != nil {
			t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.hooks = append(s.hooks, event)
	}))
	t.Cleanup(hooks.Close)
	s.server = testkit.Must(sandbox.NewServer(sandbox.Config{
		APIKey: sandboxKey, Secret: sandboxSecret, WebhookURL: func(string, int) string { return hooks.URL }, Now: clock.Now,
		Logger: slog.New(slog.DiscardHandler),
	}))(t)
	api := httptest.NewServer(s.server)
	t.Cleanup(func() { testkit.NoError(t, s.server.Close()); api.Close() })
	s.url = api.URL
	s.client = testkit.Must(sandbox.NewClient(sandbox.ClientConfig{
		BaseURL: api.URL, APIKey: sandboxKey, WebhookSecret: sandboxSecret, Tries: 1, BreakerTries: 1 << 20, Transport: s,
	}))(t)
	s.shop = newPart(shoptest.New(t, shoptest.Config{Clock: clock, Providers: map[string]payment.Provider{"sandbox": s.client}}), nil)
	prices := map[string]int64{"EUR": 1000, "USD": 1000, "SGD": 1000}
	seed.Products(t, s.db, seed.Product{Slug: "mug", SKUs: []seed.SKU{{Code: "A", Prices: prices}}})
	s.poll(t)
	s.fill(t, "euw-1", "A", 1000)
	return s
}

// RoundTrip is the network between the shop and the sandbox.
func (s *till) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.down.Load() {
		return nil, errors.New("no route")
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && s.lose.Load() > 0 && s.lose.Add(-1) >= 0 {
		answer.Body.Close()
		return nil, errors.New("the answer is lost")
	}
	return answer, err
}

// placed makes an order and asks for its money.
func (s *till) placed(t testing.TB, method string, n int64) order.Order {
	t.Helper()
	in := s.to(s.basket(t, units("A", n)), "IE")
	in.Provider, in.Method = "sandbox", method
	o := testkit.Must(s.Place(context.WithoutCancel(t.Context()), in))(t)
	testkit.Must(s.StartPayment(context.WithoutCancel(t.Context()), o, ""))(t)
	return s.get(t, o)
}

// byHand is the dashboard's button. It returns whether the sandbox made the refund.
func (s *till) byHand(t testing.TB, o order.Order, minor int64) bool {
	t.Helper()
	body := fmt.Sprintf(`{"amount":{"minor":%d,"currency":%q}}`, minor, o.Currency)
	r := testkit.Must(http.NewRequest("POST", s.url+"/v1/payments/"+s.PaymentID(o.Ref)+"/refunds", strings.NewReader(body)))(t)
	r.Header.Set("Authorization", "Bearer "+sandboxKey)
	answer := testkit.Must(http.DefaultClient.Do(r))(t)
	answer.Body.Close()
	return answer.StatusCode == http.StatusCreated
}

// pass lets a second go by at the sandbox.
func (s *till) pass(t testing.TB) {
	t.Helper()
	s.clock.Advance(time.Second)
	testkit.Must(s.server.RunOnce(context.WithoutCancel(t.Context())))(t)
}

// deliver hands the i-th of the webhooks that did not arrive yet to the shop, and forgets it unless it comes again.
func (s *till) deliver(t testing.TB, i int, again bool) {
	t.Helper()
	s.mu.Lock()
	event := s.hooks[i]
	if !again {
		s.hooks = slices.Delete(s.hooks, i, i+1)
	}
	s.mu.Unlock()
	testkit.NoError(t, s.ReceiveWebhook(context.WithoutCancel(t.Context()), "sandbox", event))
}

func (s *till) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.hooks)
}

// deliverAll lets a second go by and hands all webhooks to the shop, in their order.
func (s *till) deliverAll(t testing.TB) {
	t.Helper()
	s.pass(t)
	for s.waiting() > 0 {
		s.deliver(t, 0, false)
	}
}

// loseAll loses all webhooks.
func (s *till) loseAll(t testing.TB) {
	t.Helper()
	s.pass(t)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hooks = nil
}

// due makes all that waits for its time due.
func (s *till) due(t testing.TB) {
	t.Helper()
	testkit.NoError(t, s.db.Write(context.WithoutCancel(t.Context()), func(b *database.Batch) error {
		b.Queue(`UPDATE refunds SET next_attempt_at = now() WHERE next_attempt_at > now() AND NOT made_at_provider`)
		b.Queue(`UPDATE payment_checks SET next_check_at = now() WHERE next_check_at > now()`)
		b.Queue(`UPDATE webhook_inbox SET next_attempt_at = now() WHERE next_attempt_at > now()`)
		return nil
	}))
}

// work does a pass of each of the workers that have to do with money. Their errors are of calls that got lost.
func (s *till) work(t testing.TB) {
	t.Helper()
	s.due(t)
	ctx := context.WithoutCancel(t.Context())
	for _, pass := range []func(context.Context) (int, error){s.ProcessWebhooksOnce, s.SendRefundsOnce, s.CompareOnce} {
		if _, err := pass(ctx); err != nil && !errors.Is(err, payment.ErrUnavailable) {
			t.Fatal(err)
		}
	}
}

// night reconciles the last hours with the sandbox.
func (s *till) night(t testing.TB) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	s.clock.Advance(time.Second)
	testkit.Must(s.ReconcileOnce(ctx))(t) // lists the provider
	now := s.clock.Now()
	databasetest.Exec(t, s.db, `UPDATE reconciliations SET reconciled_to = $1, run_to = $2, next_at = $2`, now.Add(-time.Hour), now)
	for {
		n, err := s.ReconcileOnce(ctx)
		if err != nil && !errors.Is(err, payment.ErrUnavailable) {
			t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
}

// refundsThere is what the sandbox has given back of an order's money.
func (s *till) refundsThere(t testing.TB, o order.Order) (sum int64) {
	t.Helper()
	all := testkit.Must(s.client.RefundsOf(context.WithoutCancel(t.Context()), payment.Asked{PaymentID: s.PaymentID(o.Ref)}))(t)
	for _, r := range all {
		if r.Outcome.Status != payment.RefundFailed {
			sum += r.Outcome.Amount.Minor
		}
	}
	return sum
}

// findings are the kinds of what is left to a person.
func (s *till) findings(t testing.TB) []string {
	t.Helper()
	found := testkit.Must(s.Attention(context.WithoutCancel(t.Context()), s.Regions.Names(), 100))(t)
	kinds := []string{}
	for _, f := range found.Findings {
		for _, d := range f.Differences {
			kinds = append(kinds, string(d.Kind))
		}
	}
	return kinds
}

// madeThere are an order's refunds that were made at the provider, as status and amount.
func madeThere(o order.Order) []string {
	all := []string{}
	for _, r := range o.Refunds {
		if r.MadeAtProvider {
			all = append(all, fmt.Sprintf("%s %d %s", r.State, r.AmountMinor, r.Reason))
		}
	}
	return all
}

// TestAdopt books refunds that somebody made in the dashboard, as their webhooks tell, for orders in each state.
func TestAdopt(t *testing.T) {
	tests := []struct {
		name   string
		before []string // what happened to the order, which is paid
		part   bool     // of the money
		status order.Status
		stock  string
	}{
		{"all of it, before it is sent", nil, false, order.Refunded, "1000/0/0"},
		{"a part, before it is sent", nil, true, order.Paid, "1000/0/2"},
		{"all of it, packed", []string{"pack"}, false, order.Refunded, "1000/0/0"},
		{"a part, sent", []string{"pack", "ship"}, true, order.Shipped, "998/0/0"},
		{"all of it, arrived", []string{"pack", "ship", "deliver"}, false, order.Refunded, "998/0/0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newTill(t)
			o := s.placed(t, "card_success_now", 2)
			for _, name := range test.before {
				testkit.NoError(t, actions[name](t.Context(), s.shop, o))
			}
			before := s.get(t, o)
			minor := o.TotalMinor
			if test.part {
				minor = 700
			}
			if !s.byHand(t, o, minor) {
				t.Fatal("the sandbox refuses the refund")
			}
			s.deliverAll(t)
			s.work(t)
			got := s.get(t, o)
			if got.Status != test.status || got.Payment.RefundedMinor != minor || s.counters(t, "euw-1", "A") != test.stock {
				t.Errorf("%s, %d refunded, stock %s", got.Status, got.Payment.RefundedMinor, s.counters(t, "euw-1", "A"))
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("succeeded %d made_at_provider", minor)}, madeThere(got)); diff != "" {
				t.Errorf("refunds (-want +got):\n%s", diff)
			}
			last := got.History[len(got.History)-1]
			if len(got.History) != len(before.History)+1 || last.Reason != "made_at_provider" || last.Actor != "system" {
				t.Errorf("history %+v", got.History)
			}
			events := list[string](t, s.shop, `SELECT payload ->> 'status' FROM outbox WHERE topic = 'order.refund_promised'
  AND payload ->> 'made_at_provider' = 'true' AND (payload ->> 'amount_minor')::int8 = $1`, minor)
			if diff := cmp.Diff([]string{string(test.status)}, events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			s.wantSound(t)
			s.work(t)
			if n := testkit.Must(s.CompareOnce(t.Context()))(t); n != 0 {
				t.Errorf("%d payments are still to be compared", n)
			}
		})
	}
}

// TestAdopt_Twice hands the webhook over several times, to pods of two regions at once: the money counts once.
func TestAdopt_Twice(t *testing.T) {
	s := newTill(t)
	o := s.placed(t, "card_success_now", 2)
	elsewhere := s.in(t, "us-east")
	s.deliverAll(t)
	s.byHand(t, o, 300)
	s.pass(t)
	s.hooks[0].PaymentRef = "" // as it is: the sandbox names our id
	event := s.hooks[0]
	var all sync.WaitGroup
	for i := range 8 {
		pod := []*shop{s.shop, elsewhere}[i%2]
		all.Go(func() {
			if err := pod.ReceiveWebhook(t.Context(), "sandbox", event); err != nil && !database.Unavailable(err) {
				t.Error(err)
			}
			_, _ = pod.CompareOnce(t.Context())
			_, _ = pod.TakeOverOnce(t.Context(), "eu-west")
		})
	}
	all.Wait()
	s.work(t)
	if got := s.get(t, o); got.Payment.RefundedMinor != 300 || len(got.Refunds) != 1 {
		t.Errorf("%d refunded in %d refunds", got.Payment.RefundedMinor, len(got.Refunds))
	}
	s.wantSound(t)
}

// TestAdoptConcurrently has many pods book the same refunds at once, while an operator promises money.
func TestAdoptConcurrently(t *testing.T) {
	s := newTill(t)
	o := s.placed(t, "card_success_now", 2)
	for range 3 {
		s.byHand(t, o, 100)
	}
	s.loseAll(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			err := s.db.Write(t.Context(), func(b *database.Batch) error {
				payment.QueueNominate(b, payment.Suspect{Payment: o.Ref, Provider: "sandbox"})
				return nil
			})
			if err != nil && !database.Unavailable(err) {
				t.Error(err)
			}
			_, _ = s.CompareOnce(t.Context())
		})
		all.Go(func() {
			_, err := s.Refund(t.Context(), order.RefundInput{Command: by(o), AmountMinor: 50})
			if err != nil && !database.Unavailable(err) && !is[*order.StateError](err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s.work(t)
	s.work(t)
	got := s.get(t, o)
	if got.Payment.RefundedMinor != s.refundsThere(t, o) || len(madeThere(got)) != 3 {
		t.Errorf("%d refunded, %d there, made there %v", got.Payment.RefundedMinor, s.refundsThere(t, o), madeThere(got))
	}
	s.wantSound(t)
}

// TestAdopt_OwnAnswerLost: a refund of ours whose answer was lost is not taken for another's.
func TestAdopt_OwnAnswerLost(t *testing.T) {
	s := newTill(t)
	o := s.placed(t, "card_success_now", 2)
	s.loseAll(t)
	s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 400})
	s.lose.Store(1)
	if _, err := s.SendRefundsOnce(t.Context()); !errors.Is(err, payment.ErrUnavailable) {
		t.Fatal(err)
	}
	if s.refundsThere(t, o) != 400 {
		t.Fatal("the refund was not made")
	}
	s.byHand(t, o, 100)
	s.night(t)
	testkit.NoError(t, s.CheckPayment(t.Context(), o.Ref))
	s.work(t)
	if got := s.get(t, o); got.Payment.RefundedMinor != 500 || len(got.Refunds) != 2 || len(madeThere(got)) != 1 {
		t.Errorf("%d refunded, %+v", got.Payment.RefundedMinor, got.Refunds)
	}
	s.wantSound(t)
}

// TestAdopt_MoneyPromised: all money is promised back, and before that is sent a person gives it back in the dashboard. The
// shop's own refund is refused there, and the other takes its place.
func TestAdopt_MoneyPromised(t *testing.T) {
	for _, how := range []string{"refund", "too late"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			s := newTill(t)
			var o order.Order
			if how == "refund" {
				o = s.placed(t, "card_success_now", 2)
				s.refund(t, order.RefundInput{Command: by(o), Lines: []order.RefundUnits{{LineNo: 1, Quantity: 2}}})
				o = s.refund(t, order.RefundInput{Command: by(o)}) // and the delivery
				s.clock.Advance(time.Minute)
				s.byHand(t, o, o.TotalMinor-o.ShippingMinor)
				s.byHand(t, o, o.ShippingMinor)
			} else {
				o = s.placed(t, "card_late:1s", 2)
				testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(o)}))(t)
				s.deliverAll(t)
				o = s.wantStatus(t, o, order.Cancelled)
				s.byHand(t, o, o.TotalMinor)
			}
			s.deliverAll(t)
			testkit.Must(s.CompareOnce(t.Context()))(t)
			if diff := cmp.Diff([]string{}, madeThere(s.get(t, o))); diff != "" {
				t.Errorf("before ours is refused (-want +got):\n%s", diff)
			}
			for range 3 {
				s.work(t)
				s.deliverAll(t)
			}
			got := s.get(t, o)
			if got.Payment.RefundedMinor != o.TotalMinor || s.refundsThere(t, o) != o.TotalMinor || len(s.findings(t)) != 0 {
				t.Errorf("%d refunded, %d there, findings %v", got.Payment.RefundedMinor, s.refundsThere(t, o), s.findings(t))
			}
			for _, r := range got.Refunds {
				if !r.MadeAtProvider && r.State != "replaced" {
					t.Errorf("ours is %s", r.State)
				}
			}
			found := testkit.Must(s.Attention(t.Context(), s.Regions.Names(), 10))(t)
			if len(found.Refunds) != 0 {
				t.Errorf("still owed: %+v", found.Refunds)
			}
			s.wantSound(t)
		})
	}
}

// TestAdopt_Ends follows refunds made at the provider that are pending at first.
func TestAdopt_Ends(t *testing.T) {
	for method, want := range map[string][]string{
		"card_success_now+card_success_refund_slow:10s": {"pending 300 made_at_provider", "succeeded 300 made_at_provider"},
		"card_success_now+card_success_refund_fails":    {"pending 300 made_at_provider", "failed 300 made_at_provider"},
	} {
		for _, heard := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, heard of: %v", method, heard), func(t *testing.T) {
				t.Parallel()
				s := newTill(t)
				o := s.placed(t, method, 2)
				if o.Status != order.Paid {
					t.Fatal(o.Status)
				}
				s.byHand(t, o, 300)
				s.night(t)
				s.work(t)
				if diff := cmp.Diff(want[:1], madeThere(s.get(t, o))); diff != "" {
					t.Errorf("at first (-want +got):\n%s", diff)
				}
				testkit.Must(s.SendRefundsOnce(t.Context()))(t)
				s.due(t)
				if n := testkit.Must(s.SendRefundsOnce(t.Context()))(t); n != 0 {
					t.Error("a refund that was made there was sent again")
				}
				s.clock.Advance(time.Minute)
				if heard {
					s.deliverAll(t)
				} else {
					s.loseAll(t)
					s.night(t)
				}
				s.work(t)
				got := s.get(t, o)
				if diff := cmp.Diff(want[1:], madeThere(got)); diff != "" {
					t.Errorf("in the end (-want +got):\n%s", diff)
				}
				if got.Payment.RefundedMinor != s.refundsThere(t, o) {
					t.Errorf("%d refunded, %d there", got.Payment.RefundedMinor, s.refundsThere(t, o))
				}
				s.wantSound(t)
			})
		}
	}
}

// TestRefund_FailsLate: a provider may take back that a refund of ours succeeded; that it refuses to make it again does not.
func TestRefund_FailsLate(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 10)
	o := s.paid(t, units("A", 2))
	o = s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 500})
	wantPass(t, 1, s.SendRefundsOnce)
	tell := func(id string, kind payment.EventType, outcome payment.RefundOutcome) {
		testkit.NoError(t, s.ReceiveWebhook(t.Context(), "bank", payment.Event{
			ID: id, Type: kind, PaymentID: s.PaymentID(o.Ref), RefundID: s.Regions.FormatID("rfd", o.Refunds[0].Ref), Refund: outcome,
		}))
	}
	tell("evt_1", payment.EventRefundFailed, payment.RefundOutcome{Status: payment.RefundFailed})
	if got := s.get(t, o); got.Refunds[0].State != payment.RefundSucceeded {
		t.Errorf("refused: %+v", got.Refunds[0])
	}
	tell("evt_2", payment.EventRefundFailed, payment.RefundOutcome{Status: payment.RefundFailed, ProviderRef: "bank_r1"})
	tell("evt_3", payment.EventRefundSucceeded, payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: "bank_r1"})
	got := s.get(t, o)
	if got.Refunds[0].State != payment.RefundFailed || got.Payment.RefundedMinor != 0 {
		t.Errorf("failed late: %+v, %d refunded", got.Refunds[0], got.Payment.RefundedMinor)
	}
	if n := list[int64](t, s, `SELECT count(*) FROM outbox WHERE topic = 'refund.failed'`)[0]; n != 1 {
		t.Errorf("%d events", n)
	}
	wantPass(t, 1, s.CompareOnce) // the bank has no books to be read
	wantPass(t, 0, s.CompareOnce)
	s.wantSound(t)
}

// TestReconcile finds by night what no webhook told, in the whole period, and books it.
func TestReconcile(t *testing.T) {
	s := newTill(t)
	wantPass(t, 0, s.ReconcileOnce) // not before the night
	gave := s.placed(t, "card_success_now", 1)
	late := s.placed(t, "card_late:1s", 1)
	testkit.Must(s.Cancel(t.Context(), order.CancelInput{Command: by(late)}))(t)
	testkit.Must(s.CheckPaymentsOnce(t.Context()))(t)
	databasetest.Exec(t, s.db, `UPDATE payments SET status = 'cancelled' WHERE id = $1`, late.Ref.ID) // all gave it up
	s.byHand(t, gave, gave.TotalMinor)
	s.loseAll(t)
	s.clock.Advance(36 * time.Hour)
	steps := 0
	for testkit.Must(s.ReconcileOnce(t.Context()))(t) > 0 {
		steps++
	}
	if steps != 3*24*4 {
		t.Errorf("%d steps for three days", steps)
	}
	wantPass(t, 2, s.CompareOnce)
	s.wantStatus(t, gave, order.Refunded)
	got := s.wantStatus(t, late, order.Cancelled)
	if got.Payment.State != payment.Captured || got.Payment.RefundedMinor != got.TotalMinor || got.Refunds[0].MadeAtProvider {
		t.Errorf("too late, unheard: %+v", got.Payment)
	}
	if len(s.findings(t)) != 0 {
		t.Errorf("findings %v", s.findings(t))
	}
	wantPass(t, 0, s.ReconcileOnce) // not before the next night
	s.clock.Advance(36 * time.Hour)
	wantPass(t, 1, s.ReconcileOnce)
	s.wantSound(t)
}

// TestReconcile_Findings leaves to a person what cannot be explained, until the books agree.
func TestReconcile_Findings(t *testing.T) {
	s := newTill(t)
	// A payment under our id that the shop does not have: its database was restored from yesterday.
	stray := paymenttest.Input("EUR", "card_success_now")
	lost := order.Order{Ref: regions.Ref{Region: "eu-west", ID: uuid.New()}}
	lost.Currency = "EUR"
	stray.PaymentID, stray.OrderID = s.PaymentID(lost.Ref), s.PublicID(lost.Ref)
	testkit.Must(s.client.Start(t.Context(), stray))(t)
	// Another region's, another shop's, and a payment that the shop has and the sandbox does not.
	for _, id := range []string{s.PaymentID(regions.Ref{Region: "us-east", ID: uuid.New()}), "another-shop's"} {
		other := paymenttest.Input("EUR", "card_success_now")
		other.PaymentID = id
		testkit.Must(s.client.Start(t.Context(), other))(t)
	}
	in := s.to(s.basket(t, units("A", 1)), "IE")
	in.Provider, in.Method = "sandbox", "card_success"
	unknown := testkit.Must(s.Place(t.Context(), in))(t)
	s.settle(t, unknown, success(unknown))
	s.loseAll(t)
	s.clock.Advance(time.Minute)
	s.night(t)
	s.work(t)
	if diff := cmp.Diff([]string{"payment_missing", "payment_unknown"}, slices.Sorted(slices.Values(s.findings(t)))); diff != "" {
		t.Fatalf("findings (-want +got):\n%s", diff)
	}
	s.work(t) // looking again finds no more, and no less
	if n := len(s.findings(t)); n != 2 {
		t.Errorf("%d findings after another look", n)
	}
	s.byHand(t, lost, stray.Amount.Minor)
	testkit.NoError(t, s.CheckPayment(t.Context(), lost.Ref))
	wantPass(t, 1, s.CompareOnce)
	if diff := cmp.Diff([]string{"payment_missing"}, s.findings(t)); diff != "" {
		t.Errorf("after it was put right (-want +got):\n%s", diff)
	}
	s.wantSound(t)
}

// TestReconcile_Unavailable keeps its place while the sandbox cannot be reached, and what was nominated.
func TestReconcile_Unavailable(t *testing.T) {
	s := newTill(t)
	o := s.placed(t, "card_success_now", 1)
	s.byHand(t, o, 100)
	s.deliverAll(t)
	s.down.Store(true)
	if n, err := s.CompareOnce(t.Context()); n != 1 || !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("CompareOnce: %d, %v", n, err)
	}
	s.clock.Advance(36 * time.Hour)
	place := `SELECT reconciled_to FROM reconciliations`
	wantPass(t, 0, s.ReconcileOnce)
	databasetest.Exec(t, s.db, `UPDATE reconciliations SET next_at = now()`)
	before := databasetest.One[time.Time](t, s.db, place)
	if n, err := s.ReconcileOnce(t.Context()); n != 0 || !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("ReconcileOnce: %d, %v", n, err)
	}
	if after := databasetest.One[time.Time](t, s.db, place); !after.Equal(before) {
		t.Errorf("it moved on from %s to %s", before, after)
	}
	if len(s.get(t, o).Refunds) != 0 || len(s.findings(t)) != 0 {
		t.Error("something was booked or found")
	}
	s.down.Store(false)
	s.work(t)
	if got := s.get(t, o); got.Payment.RefundedMinor != 100 {
		t.Errorf("%d refunded once it is back", got.Payment.RefundedMinor)
	}
	s.wantSound(t)
}

// TestAuditBooks compares without changing anything.
func TestAuditBooks(t *testing.T) {
	s := newTill(t)
	o := s.placed(t, "card_success_now", 2)
	s.placed(t, "card_declined_now", 1)
	s.deliverAll(t)
	s.refund(t, order.RefundInput{Command: by(o), AmountMinor: 200})
	s.work(t)
	s.deliverAll(t)
	audit := func() order.BookAudit {
		t.Helper()
		now := s.clock.Now()
		return testkit.Must(s.AuditBooks(t.Context(), "sandbox", now.Add(-time.Hour), now.Add(time.Second)))(t)
	}
	if got := audit(); got.Payments != 2 || got.Refunds != 1 || len(got.Findings) != 0 {
		t.Errorf("equal books: %+v", got)
	}
	s.byHand(t, o, 300)
	s.loseAll(t)
	before := s.snapshot(t)
	got := audit()
	if got.Payments != 2 || got.Refunds != 2 || len(got.Findings) != 1 || got.Findings[0].PaymentID != s.PaymentID(o.Ref) {
		t.Fatalf("differing books: %+v", got)
	}
	d := got.Findings[0].Differences[0]
	if d.RefundRef == "" {
		t.Errorf("which refund: %+v", d)
	}
	d.RefundRef = ""
	if diff := cmp.Diff(payment.Difference{Kind: payment.RefundUnknown, Currency: money.Currency("EUR"), ProviderMinor: 300}, d); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.wantUnchanged(t, before)
	s.down.Store(true)
	if _, err := s.AuditBooks(t.Context(), "sandbox", s.clock.Now().Add(-time.Hour), s.clock.Now()); !errors.Is(err, payment.ErrUnavailable) {
		t.Errorf("unreachable: %v", err)
	}
	if _, err := s.AuditBooks(t.Context(), "luck", s.clock.Now(), s.clock.Now()); !errors.Is(err, order.ErrUnknownProvider) {
		t.Errorf("unknown: %v", err)
	}
}

// clerk is a bank whose books tell what it has given back of any payment.
type clerk struct {
	*bank
	back int64
}

func (*clerk) Payments(context.Context, time.Time, time.Time) iter.Seq2[payment.BookedPayment, error] {
	return func(func(payment.BookedPayment, error) bool) {}
}

func (*clerk) Refunds(context.Context, time.Time, time.Time) iter.Seq2[payment.BookedRefund, error] {
	return func(func(payment.BookedRefund, error) bool) {}
}

func (c *clerk) RefundsOf(_ context.Context, asked payment.Asked) ([]payment.BookedRefund, error) {
	if c.back == 0 {
		return nil, nil
	}
	outcome := payment.RefundOutcome{Status: payment.RefundSucceeded, ProviderRef: "bank_hand", Amount: money.New(c.back, "EUR")}
	return []payment.BookedRefund{{PaymentID: asked.PaymentID, Outcome: outcome}}, nil
}

// TestSetAside_PutRight: a payment of another amount than was asked for waits for a person, and is over once they have
// given all of it back at the provider.
func TestSetAside_PutRight(t *testing.T) {
	s := newShop(t)
	s.fill(t, "euw-1", "A", 5)
	c := &clerk{bank: s.bank}
	s.Providers["bank"] = c
	o := s.place(t, units("A", 1))
	less := success(o)
	less.CapturedMinor--
	s.bank.set(s.PaymentID(o.Ref), less)
	look := func() order.Attention {
		t.Helper()
		s.clock.Advance(time.Hour)
		testkit.NoError(t, s.CheckPayment(t.Context(), o.Ref))
		wantPass(t, 1, s.CheckPaymentsOnce)
		return testkit.Must(s.Attention(t.Context(), s.Regions.Names(), 10))(t)
	}
	if found := look(); len(found.Payments) != 1 {
		t.Fatalf("set aside: %+v", found)
	}
	c.back = less.CapturedMinor - 1
	if found := look(); len(found.Payments) != 1 {
		t.Errorf("part of it went back: %+v", found)
	}
	c.back = less.CapturedMinor
	if found := look(); len(found.Payments) != 0 {
		t.Errorf("all of it went back: %+v", found)
	}
	got := s.wantStatus(t, o, order.Cancelled)
	if got.Payment.State != payment.Cancelled || s.counters(t, "euw-1", "A") != "5/0/0" {
		t.Errorf("payment %+v, stock %s", got.Payment, s.counters(t, "euw-1", "A"))
	}
	s.wantSound(t)
}
