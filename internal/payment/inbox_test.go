package payment_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/database"
	"meridian/internal/payment"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func (b *books) inbox(t testing.TB) payment.Inbox {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return payment.Inbox{DB: b.db, Regions: set}
}

func event(i payment.Inbox, id string, ref regions.Ref) payment.Event {
	outcome := succeeded()
	outcome.ClientSecret = "hush"
	return payment.Event{
		ID: id, Type: payment.EventPaymentSucceeded, PaymentID: i.Regions.FormatID("pay", ref), Outcome: outcome,
		OccurredAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func (b *books) done(t testing.TB, n payment.Notice) {
	t.Helper()
	testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error { payment.QueueNoticeDone(batch, n, ""); return nil }))
}

func TestInbox(t *testing.T) {
	b := newBooks(t)
	inbox, elsewhere := b.inbox(t), b.in(t, "us-east").inbox(t)
	ref := regions.Ref{Region: "eu-west", ID: b.order(t, "pending_payment", payment.Pending).ID}
	sent := event(inbox, "evt_1", ref)
	notice, todo, err := elsewhere.Receive(t.Context(), "bank", sent)
	if err != nil || !todo || notice.Region != "eu-west" {
		t.Fatalf("%+v, %t, %v", notice, todo, err)
	}
	for _, i := range []payment.Inbox{inbox, elsewhere} { // again, before it was acted on: the same row
		if _, todo, err := i.Receive(t.Context(), "bank", sent); err != nil || !todo {
			t.Errorf("%t, %v", todo, err)
		}
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox`); n != 1 {
		t.Errorf("%d rows of one event", n)
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox WHERE event::text LIKE '%hush%'`); n != 0 {
		t.Error("the inbox keeps a secret nobody needs")
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	claimed, err := inbox.ClaimNotices(t.Context(), inbox.DB.Own(), 10)
	want := sent
	want.Outcome.ClientSecret = ""
	if err != nil || len(claimed) != 1 || claimed[0].Attempts != 1 || claimed[0].Provider != "bank" {
		t.Fatalf("claimed %+v, %v", claimed, err)
	}
	if diff := cmp.Diff(want, claimed[0].Event); diff != "" {
		t.Errorf("the event that was kept is not the one that came (-came +kept):\n%s", diff)
	}
	b.done(t, notice)
	if _, todo, err := inbox.Receive(t.Context(), "bank", sent); err != nil || todo {
		t.Errorf("after it was acted on: %t, %v", todo, err)
	}
	if _, todo, err := inbox.Receive(t.Context(), "another", sent); err != nil || !todo {
		t.Errorf("another provider's event of the same id: %t, %v", todo, err)
	}
}

func TestInbox_PaymentNoticeDone(t *testing.T) {
	b := newBooks(t)
	inbox := b.inbox(t)
	tests := []struct {
		name  string
		state payment.State // "" for no payment at all
		kind  payment.EventType
		want  int64
	}{
		{"a success that was recorded", payment.Captured, payment.EventPaymentSucceeded, 1},
		{"a success that was not", payment.Pending, payment.EventPaymentSucceeded, 0},
		{"a failure", payment.Failed, payment.EventPaymentFailed, 1},
		{"a failure after a success", payment.Captured, payment.EventPaymentFailed, 1},
		{"an early one", "", payment.EventPaymentFailed, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ref := regions.Ref{Region: "eu-west"}
			if test.state != "" {
				ref = b.order(t, "pending_payment", test.state)
			}
			e := event(inbox, test.name, ref)
			e.Type = test.kind
			notice, _, err := inbox.Receive(t.Context(), "bank", e)
			if err != nil {
				t.Fatal(err)
			}
			testkit.NoError(t, b.db.Write(t.Context(), func(batch *database.Batch) error {
				about := payment.Settlement{Payment: ref, Outcome: payment.Outcome{Status: payment.StatusFailed}}
				if test.kind == payment.EventPaymentSucceeded {
					about.Outcome.Status = payment.StatusSucceeded
				}
				payment.QueuePaymentNoticesDone(batch, []payment.Notice{notice}, []payment.Settlement{about})
				return nil
			}))
			if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox WHERE event_id = $1 AND processed_at IS NOT NULL`,
				e.ID); n != test.want {
				t.Errorf("done: %d, want %d", n, test.want)
			}
		})
	}
}

func TestInboxConcurrently(t *testing.T) {
	b := newBooks(t)
	inbox := b.inbox(t)
	ref := regions.Ref{Region: "eu-west"}
	var all sync.WaitGroup
	var failed atomic.Int64
	for range 20 {
		all.Go(func() {
			if _, _, err := inbox.Receive(t.Context(), "bank", event(inbox, "evt_1", ref)); err != nil {
				failed.Add(1)
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, id := range []string{"evt_2", "evt_3", "evt_4", "evt_5", "evt_6", "evt_7", "evt_8", "evt_9"} {
		if _, _, err := inbox.Receive(t.Context(), "bank", event(inbox, id, ref)); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	wantEachOnce(t, 9, func() ([]string, error) {
		notices, err := inbox.ClaimNotices(t.Context(), inbox.DB.Own(), 2)
		ids := make([]string, len(notices))
		for i, n := range notices {
			ids[i] = n.Event.ID
		}
		return ids, err
	})
}

func TestInbox_DeadRegionAndSweep(t *testing.T) {
	b := newBooks(t)
	inbox, elsewhere := b.inbox(t), b.in(t, "us-east").inbox(t)
	ref := regions.Ref{Region: "eu-west"}
	var notices []payment.Notice
	for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
		n, _, err := inbox.Receive(t.Context(), "bank", event(inbox, id, ref))
		if err != nil {
			t.Fatal(err)
		}
		notices = append(notices, n)
	}
	for _, test := range []struct {
		age  string
		want int
	}{{"59 seconds", 0}, {"61 seconds", 3}} {
		databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now() - $1::text::interval`, test.age)
		if claimed, err := elsewhere.ClaimNotices(t.Context(), database.LeftBy("eu-west"), 10); err != nil || len(claimed) != test.want {
			t.Errorf("overdue by %s: another region claims %d, %v", test.age, len(claimed), err)
		}
	}
	b.done(t, notices[0])
	b.done(t, notices[1])
	if n, err := inbox.SweepOnce(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("%d swept at once, %v", n, err)
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET expires_at = now() - INTERVAL '1 hour' WHERE processed_at IS NOT NULL`)
	if n, err := elsewhere.SweepOnce(t.Context(), 10); err != nil || n != 0 {
		t.Errorf("another region sweeps %d, %v", n, err)
	}
	for _, want := range []int{1, 1, 0} {
		if n, err := inbox.SweepOnce(t.Context(), 1); err != nil || n != want {
			t.Errorf("%d swept, %v; want %d", n, err, want)
		}
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox`); n != 1 {
		t.Errorf("%d left, want the one that is not done", n)
	}
}

// TestInbox_HostileText: whatever a provider signs is taken, kept as far as it can be, and
// stays one row however often it comes.
func TestInbox_HostileText(t *testing.T) {
	b := newBooks(t)
	inbox := b.inbox(t)
	ref := regions.Ref{Region: "eu-west"}
	ids := []string{
		"evt\x00", "evt", "evt\xff", "evt\xfe", strings.Repeat("x", 255), strings.Repeat("x", 256), strings.Repeat("é", 5000),
		`evt\u0000`, `evt\\u0000`, "sha256:" + strings.Repeat("0", 64),
	}
	for _, id := range ids {
		e := event(inbox, id, ref)
		e.Outcome.FailureCode, e.Outcome.ProviderRef = "a\x00b\xffc", `C:\u0000 "quoted"`
		e.Refund.FailureCode, e.Outcome.Amount.Currency = "\x00", "E\x00R"
		e.OccurredAt = time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)
		for range 2 {
			notice, todo, err := inbox.Receive(t.Context(), "bank", e)
			if err != nil || !todo {
				t.Fatalf("%q: %t, %v", id, todo, err)
			}
			if got := notice.Event.Outcome; got.FailureCode != "a\ufffdb\ufffdc" || got.ProviderRef != `C:\u0000 "quoted"` ||
				got.CapturedMinor != 1000 {
				t.Errorf("%q is acted on as %+v", id, notice.Event)
			}
		}
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox`); n != int64(len(ids)) {
		t.Errorf("%d rows of %d events", n, len(ids))
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	claimed, err := inbox.ClaimNotices(t.Context(), b.db.Own(), 100)
	if err != nil || len(claimed) != len(ids) {
		t.Fatalf("%d claimed, %v", len(claimed), err)
	}
	for _, n := range claimed {
		if err := inbox.Postpone(t.Context(), n, "no: \x00\xff"); err != nil {
			t.Error(err)
		}
		b.done(t, n)
	}
	if n := databasetest.One[int64](t, b.db, `SELECT count(*) FROM webhook_inbox WHERE processed_at IS NULL`); n != 0 {
		t.Errorf("%d are not done", n)
	}
}

// TestInbox_RoundTrip: what can be kept is kept as it came.
func TestInbox_RoundTrip(t *testing.T) {
	b := newBooks(t)
	inbox := b.inbox(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.StringMatching(`[a-z\\"u0{}é]{0,12}`)
		e := event(inbox, "evt_"+rapid.StringMatching(`[a-z0-9]{12}`).Draw(rt, "id"), regions.Ref{Region: "eu-west"})
		e.Outcome.ClientSecret, e.Outcome.FailureCode, e.RefundID = "", text.Draw(rt, "code"), text.Draw(rt, "refund")
		notice, _, err := inbox.Receive(context.Background(), "bank", e)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(e, notice.Event); diff != "" {
			rt.Fatalf("(-came +kept):\n%s", diff)
		}
	})
}

// TestInbox_Unreadable: a row that cannot be read is set aside, and takes no other with it.
func TestInbox_Unreadable(t *testing.T) {
	b := newBooks(t)
	inbox := b.inbox(t)
	for _, id := range []string{"evt_1", "evt_2", "evt_3"} {
		if _, _, err := inbox.Receive(t.Context(), "bank", event(inbox, id, regions.Ref{Region: "eu-west"})); err != nil {
			t.Fatal(err)
		}
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET event = '{"Outcome": 7}' WHERE event_id = 'evt_2'`)
	claimed, err := inbox.ClaimNotices(t.Context(), b.db.Own(), 10)
	if err == nil || !strings.Contains(err.Error(), "webhook evt_2 of bank is set aside") || len(claimed) != 2 {
		t.Errorf("%d claimed, %v", len(claimed), err)
	}
	databasetest.Exec(t, b.db, `UPDATE webhook_inbox SET next_attempt_at = now()`)
	if claimed, err = inbox.ClaimNotices(t.Context(), b.db.Own(), 10); err != nil || len(claimed) != 2 {
		t.Errorf("again %d claimed, %v", len(claimed), err)
	}
	reason := databasetest.One[string](t, b.db, `SELECT last_error FROM webhook_inbox WHERE set_aside_at IS NOT NULL AND processed_at IS NULL`)
	if !strings.Contains(reason, "Outcome") {
		t.Errorf("set aside because %q", reason)
	}
}
