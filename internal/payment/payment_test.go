package payment_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/money"
	"meridian/internal/outbox"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/testkit/seed"
	"meridian/regions"
)

// books are the payments of a database, seen from a region.
type books struct {
	db  *database.DB
	url string
	now time.Time
}

func newBooks(t testing.TB) *books {
	t.Helper()
	url := databasetest.URL(t)
	return &books{db: databasetest.Open(t, url, "eu-west"), url: url, now: time.Now().UTC().Truncate(time.Microsecond)}
}

func (b *books) in(t testing.TB, region string) *books {
	t.Helper()
	return &books{db: databasetest.Open(t, b.url, region), url: b.url, now: b.now}
}

// order adds an order in a state, with a payment of 1000 euro cents in another.
func (b *books) order(t testing.TB, status string, state payment.State) regions.Ref {
	t.Helper()
	row := seed.NewOrder("eu-west")
	row.Status, row.TotalMinor = status, 1000
	row.Insert(t, b.db)
	ref := row.Ref
	testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error {
		payment.QueueInsert(batch, payment.New{
			Payment:    payment.Payment{Ref: ref, OrderID: ref.ID, Provider: "bank", Method: "card", Currency: "EUR", AmountMinor: 1000},
			Transition: uuid.New(), CheckAt: b.now,
		})
		return nil
	}))
	captured := 0
	if state == payment.Captured {
		captured = 1000
	}
	databasetest.Exec(t, b.db, `UPDATE payments SET status = $3, captured_minor = $4 WHERE region = $1 AND id = $2`, ref.Region, ref.ID,
		state, captured)
	return ref
}

// read is the payment and the transition that changed it last.
func (b *books) read(t testing.TB, ref regions.Ref) (payment.Payment, uuid.UUID) {
	t.Helper()
	p, err := database.One(t.Context(), b.db, database.Scan[payment.Payment],
		`SELECT `+database.Select[payment.Payment]("p")+` FROM payments p WHERE p.region = $1 AND p.id = $2`, ref.Region, ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	transition, err := database.One(t.Context(), b.db, pgx.RowTo[uuid.UUID],
		`SELECT transition_id FROM payments WHERE region = $1 AND id = $2`, ref.Region, ref.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p, transition
}

// What order hands to payment of its own table.
const (
	orders    payment.Orders = `(SELECT region, id, status = 'pending_payment' AS open, updated_at AS changed_at FROM orders)`
	cancelled string         = `EXISTS (SELECT 1 FROM orders o WHERE o.region = p.region AND o.id = p.order_id AND o.status = 'cancelled')`
)

func succeeded() payment.Outcome {
	return payment.Outcome{Status: payment.StatusSucceeded, ProviderRef: "bank_1", Amount: money.New(1000, "EUR"), CapturedMinor: 1000}
}

// TestQueueOutcome hands every outcome to a payment in every state.
func TestQueueOutcome(t *testing.T) {
	b := newBooks(t)
	short, dear, dollars := succeeded(), succeeded(), succeeded()
	short.CapturedMinor, dear.CapturedMinor, dollars.Amount = 999, 1001, money.New(1000, "USD")
	outcomes := map[string]payment.Outcome{
		"processing":      {Status: payment.StatusProcessing, ProviderRef: "bank_1"},
		"requires_action": {Status: payment.StatusRequiresAction, ProviderRef: "bank_1"},
		"succeeded":       succeeded(),
		"failed":          {Status: payment.StatusFailed, ProviderRef: "bank_1", FailureCode: "card_declined"},
		"cancelled":       {Status: payment.StatusCancelled, ProviderRef: "bank_1"},
		"too little":      short,
		"too much":        dear,
		"other currency":  dollars,
	}
	states := []payment.State{payment.Pending, payment.RequiresAction, payment.Captured, payment.Failed, payment.Cancelled}
	changes := map[string]map[payment.State]payment.State{
		"requires_action": {payment.Pending: payment.RequiresAction},
		"succeeded": {payment.Pending: payment.Captured, payment.RequiresAction: payment.Captured,
			payment.Failed: payment.Captured, payment.Cancelled: payment.Captured},
		"failed":    {payment.Pending: payment.Failed, payment.RequiresAction: payment.Failed},
		"cancelled": {payment.Pending: payment.Cancelled, payment.RequiresAction: payment.Cancelled},
	}
	for name, outcome := range outcomes {
		for _, from := range states {
			t.Run(name+" when "+string(from), func(t *testing.T) {
				ref := b.order(t, "pending_payment", from)
				before, was := b.read(t, ref)
				id := uuid.New()
				testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error {
					payment.QueueOutcomes(batch, payment.Settlement{Payment: ref, Provider: "bank", Transition: id, Outcome: outcome})
					return nil
				}))
				after, transition := b.read(t, ref)
				to, changed := changes[name][from]
				if !changed {
					if diff := cmp.Diff(before, after); diff != "" || transition != was {
						t.Errorf("it changed: %s", diff)
					}
					return
				}
				if after.State != to || transition != id || after.ProviderRef != "bank_1" || after.FailureCode != outcome.FailureCode {
					t.Errorf("payment %+v, want %s by %s", after, to, id)
				}
				if want := map[bool]int64{true: 1000}[to == payment.Captured]; after.CapturedMinor != want {
					t.Errorf("%d captured, want %d", after.CapturedMinor, want)
				}
			})
		}
	}
}

// reach is what workers of the books' region take up: what is theirs at home, what eu-west
// has left lying elsewhere.
func (b *books) reach() database.Reach {
	if b.db.Region() == "eu-west" {
		return b.db.Own()
	}
	return database.LeftBy("eu-west")
}

func (b *books) claimDue(t testing.TB, limit int) []payment.Due {
	t.Helper()
	due := testkit.Must(payment.ClaimDue(context.Background(), b.db, b.reach(), orders, b.now, limit))(t)
	return due
}

func TestClaimDue(t *testing.T) {
	b := newBooks(t)
	open := b.order(t, "pending_payment", payment.Pending)
	given := b.order(t, "cancelled", payment.RequiresAction)
	b.order(t, "paid", payment.Captured)
	b.order(t, "cancelled", payment.Failed)
	elsewhere := b.in(t, "us-east")
	if due := elsewhere.claimDue(t, 10); len(due) != 0 {
		t.Errorf("another region claims %d at once", len(due))
	}
	got := map[uuid.UUID]bool{}
	for _, d := range b.claimDue(t, 10) {
		got[d.Ref.ID] = d.OrderOpen
		if d.Attempts != 1 || d.Provider != "bank" || d.AmountMinor != 1000 {
			t.Errorf("claimed %+v", d)
		}
	}
	if diff := cmp.Diff(map[uuid.UUID]bool{open.ID: true, given.ID: false}, got); diff != "" {
		t.Error(diff)
	}
	if due := b.claimDue(t, 10); len(due) != 0 {
		t.Errorf("%d claimed twice", len(due))
	}
	elsewhere.now = b.now.Add(2 * time.Minute)
	if due := elsewhere.claimDue(t, 1); len(due) != 1 || due[0].Attempts != 2 {
		t.Errorf("a dead region's: %+v", due)
	}
}

// TestClaimDueConcurrently: each payment is claimed by one of six workers.
func TestClaimDueConcurrently(t *testing.T) {
	b := newBooks(t)
	for range 30 {
		b.order(t, "pending_payment", payment.Pending)
	}
	wantEachOnce(t, 30, func() ([]string, error) {
		due, err := payment.ClaimDue(t.Context(), b.db, b.db.Own(), orders, b.now, 7)
		ids := make([]string, len(due))
		for i, d := range due {
			ids[i] = d.Ref.ID.String()
		}
		return ids, err
	})
}

// wantEachOnce has six workers claim until nothing is left.
func wantEachOnce(t *testing.T, want int, claim func() ([]string, error)) {
	t.Helper()
	var mu sync.Mutex
	claimed := map[string]int{}
	var workers sync.WaitGroup
	for range 6 {
		workers.Go(func() {
			for {
				ids, err := claim()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, id := range ids {
					claimed[id]++
				}
				done := len(claimed) >= want
				mu.Unlock()
				if len(ids) == 0 || done {
					return
				}
			}
		})
	}
	workers.Wait()
	for id, n := range claimed {
		if n != 1 {
			t.Errorf("%s was claimed %d times", id, n)
		}
	}
	// What a worker passed over because another held it is still there for the next pass.
	rest, err := claim()
	for err == nil && len(rest) > 0 {
		for _, id := range rest {
			claimed[id]++
		}
		rest, err = claim()
	}
	if err != nil || len(claimed) != want {
		t.Errorf("%d claimed of %d, %v", len(claimed), want, err)
	}
}

func (b *books) refund(ctx context.Context, ref regions.Ref, minor int64) (payment.Refund, error) {
	r := payment.Refund{
		Ref: regions.Ref{Region: ref.Region, ID: uuid.New()}, OrderID: ref.ID, PaymentID: ref.ID, AmountMinor: minor, Currency: "EUR",
		Reason: "a test", Actor: "system",
	}
	return r, b.db.Write(ctx, func(batch *database.Batch) error { payment.QueueRefund(batch, r); return nil })
}

func TestQueueRefund(t *testing.T) {
	b := newBooks(t)
	ref := b.order(t, "paid", payment.Captured)
	for _, minor := range []int64{600, 400} {
		testkit.Must(b.refund(t.Context(), ref, minor))(t)
	}
	if _, err := b.refund(t.Context(), ref, 1); !payment.TooLarge(err) {
		t.Errorf("more than was captured: %v", err)
	}
	open := b.order(t, "pending_payment", payment.Pending)
	if _, err := b.refund(t.Context(), open, 1); !payment.TooLarge(err) {
		t.Errorf("of nothing: %v", err)
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM refunds`); n != 2 {
		t.Errorf("%d refunds", n)
	}
}

// TestQueueRefundConcurrently promises 300 of 1000 twelve times at once.
func TestQueueRefundConcurrently(t *testing.T) {
	b := newBooks(t)
	ref := b.order(t, "paid", payment.Captured)
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			if _, err := b.refund(t.Context(), ref, 300); err != nil && !payment.TooLarge(err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	p, _ := b.read(t, ref)
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM refunds`); n != 3 || p.RefundedMinor != 900 {
		t.Errorf("%d refunds, %d promised", n, p.RefundedMinor)
	}
}

func TestQueueRefundOutcome(t *testing.T) {
	b := newBooks(t)
	say := func(r payment.Refund, status payment.RefundStatus) {
		t.Helper()
		testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error {
			return payment.QueueRefundOutcome(batch, r.Ref, payment.RefundOutcome{Status: status, ProviderRef: "bank_r", FailureCode: "x"},
				outbox.Event{Region: r.Ref.Region, Topic: "refund.failed"})
		}))
	}
	for _, test := range []struct {
		said  []payment.RefundStatus
		state payment.RefundStatus
		left  int64
	}{
		{[]payment.RefundStatus{payment.RefundPending}, payment.RefundPending, 600},
		{[]payment.RefundStatus{payment.RefundSucceeded, payment.RefundSucceeded}, payment.RefundSucceeded, 600},
		{[]payment.RefundStatus{payment.RefundFailed, payment.RefundFailed}, payment.RefundFailed, 0},
		{[]payment.RefundStatus{payment.RefundPending, payment.RefundFailed, payment.RefundSucceeded}, payment.RefundFailed, 0},
		{[]payment.RefundStatus{payment.RefundSucceeded, payment.RefundFailed, payment.RefundSucceeded}, payment.RefundFailed, 0},
	} {
		t.Run(fmt.Sprint(test.said), func(t *testing.T) {
			ref := b.order(t, "paid", payment.Captured)
			r := testkit.Must(b.refund(t.Context(), ref, 600))(t)
			for _, status := range test.said {
				say(r, status)
			}
			got, err := database.One(t.Context(), b.db, database.Scan[payment.Refund],
				`SELECT `+database.Select[payment.Refund]("r")+` FROM refunds r WHERE r.id = $1`, r.Ref.ID)
			if err != nil || got.State != test.state {
				t.Errorf("refund is %s, %v; want %s", got.State, err, test.state)
			}
			if p, _ := b.read(t, ref); p.RefundedMinor != test.left {
				t.Errorf("%d promised, want %d", p.RefundedMinor, test.left)
			}
		})
	}
}

func TestQueueRefundIfTooLate(t *testing.T) {
	b := newBooks(t)
	tests := []struct {
		order string
		from  payment.State
		want  int64
	}{
		{"cancelled", payment.Pending, 1000},
		{"cancelled", payment.Failed, 1000},
		{"cancelled", payment.Captured, 0}, // not by this transition
		{"paid", payment.Pending, 0},
		{"pending_payment", payment.Pending, 0},
	}
	for _, test := range tests {
		t.Run(test.order+", "+string(test.from), func(t *testing.T) {
			ref := b.order(t, test.order, test.from)
			for range 2 {
				testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error {
					id := uuid.New()
					payment.QueueOutcomes(batch, payment.Settlement{Payment: ref, Provider: "bank", Transition: id, Outcome: succeeded()})
					payment.QueueRefundIfTooLate(batch, cancelled, payment.Settlement{Payment: ref, Transition: id})
					return nil
				}))
			}
			p, _ := b.read(t, ref)
			sum := databasetest.One[int64](t, b.db, `SELECT coalesce(sum(amount_minor), 0)::int8 FROM refunds WHERE payment_id = $1`, ref.ID)
			if p.RefundedMinor != test.want || sum != test.want {
				t.Errorf("%d promised, refunds of %d; want %d", p.RefundedMinor, sum, test.want)
			}
		})
	}
}

func TestClaimRefunds(t *testing.T) {
	b := newBooks(t)
	for range 20 {
		ref := b.order(t, "paid", payment.Captured)
		testkit.Must(b.refund(t.Context(), ref, 600))(t)
	}
	if due, err := payment.ClaimRefunds(t.Context(), b.in(t, "us-east").db, database.LeftBy("eu-west"), 10); err != nil || len(due) != 0 {
		t.Errorf("another region claims %d, %v", len(due), err)
	}
	wantEachOnce(t, 20, func() ([]string, error) {
		due, err := payment.ClaimRefunds(t.Context(), b.db, b.db.Own(), 7)
		ids := make([]string, len(due))
		for i, d := range due {
			ids[i] = d.Ref.ID.String()
			if d.AmountMinor != 600 || d.Currency != "EUR" || d.Provider != "bank" || d.OrderID != d.PaymentID {
				t.Errorf("claimed %+v", d)
			}
		}
		return ids, err
	})
	databasetest.Exec(t, b.db, `UPDATE refunds SET next_attempt_at = now() - INTERVAL '61 seconds'`)
	if due, err := payment.ClaimRefunds(t.Context(), b.in(t, "us-east").db, database.LeftBy("eu-west"), 100); err != nil || len(due) != 20 {
		t.Errorf("of a dead region %d are claimed, %v", len(due), err)
	}
}
