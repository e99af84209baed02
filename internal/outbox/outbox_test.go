package outbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/internal/database"
	"meridian/internal/outbox"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func queue(t testing.TB, db *database.DB, events ...outbox.Event) {
	t.Helper()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		for _, e := range events {
			if err := outbox.Queue(b, e); err != nil {
				return err
			}
		}
		return nil
	}))
}

func event(n int) outbox.Event {
	return outbox.Event{Region: "eu-west", Topic: "thing.done", Key: "thg_" + strconv.Itoa(n), Payload: map[string]any{"n": n}}
}

func count(t testing.TB, db *database.DB, where string) int64 {
	t.Helper()
	return databasetest.One[int64](t, db, `SELECT count(*) FROM outbox WHERE `+where)
}

// receiver remembers what it was given.
type receiver struct {
	mu   sync.Mutex
	got  []outbox.Event
	fail func(e outbox.Event) error
}

func (r *receiver) receive(_ context.Context, e outbox.Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		if err := r.fail(e); err != nil {
			return err
		}
	}
	r.got = append(r.got, e)
	return nil
}

func (r *receiver) keys() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for _, e := range r.got {
		keys = append(keys, e.Key)
	}
	return keys
}

func deliver(t testing.TB, c *outbox.Courier, want int) {
	t.Helper()
	if n, err := c.DeliverOnce(t.Context()); err != nil || n != want {
		t.Errorf("%d delivered, %v; want %d", n, err, want)
	}
}

func TestQueue_RolledBack(t *testing.T) {
	db := databasetest.New(t)
	err := db.Write(t.Context(), func(b *database.Batch) error {
		if err := outbox.Queue(b, event(1)); err != nil {
			return err
		}
		b.Queue(`SELECT 1 / 0`)
		return nil
	})
	if err == nil || count(t, db, "true") != 0 {
		t.Errorf("%v, and %d events of what did not happen", err, count(t, db, "true"))
	}
	bad := event(1)
	bad.Payload = func() {}
	if err := db.Write(t.Context(), func(b *database.Batch) error { return outbox.Queue(b, bad) }); err == nil {
		t.Error("a payload that is no JSON is taken")
	}
}

func TestQueueWhere(t *testing.T) {
	db := databasetest.New(t)
	for _, happened := range []bool{true, false} {
		testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
			return outbox.QueueWhere(b, event(1), `@happened::bool`, database.Args{"happened": happened})
		}))
	}
	if n := count(t, db, "true"); n != 1 {
		t.Errorf("%d events, want the one that happened", n)
	}
}

func TestDeliver(t *testing.T) {
	db := databasetest.New(t)
	queue(t, db, event(1), event(2))
	r := new(receiver)
	courier := &outbox.Courier{DB: db, Receive: r.receive}
	ctx, trips := database.CountTrips(t.Context())
	if n, err := courier.DeliverOnce(ctx); n != 2 || err != nil || trips.Count() != 2 {
		t.Errorf("%d delivered in %d round trips, %v", n, trips.Count(), err)
	}
	deliver(t, courier, 0)
	for _, e := range r.got {
		var payload struct{ N int }
		raw, ok := e.Payload.(json.RawMessage)
		if !ok || json.Unmarshal(raw, &payload) != nil || e.Key != "thg_"+strconv.Itoa(payload.N) || e.Topic != "thing.done" ||
			e.Region != "eu-west" || e.CreatedAt.IsZero() || e.ID.String() == strings.Repeat("0", 8) {
			t.Errorf("delivered %+v", e)
		}
	}
	if n := count(t, db, "delivered_at IS NOT NULL AND expires_at > now() + INTERVAL '6 days'"); n != 2 {
		t.Errorf("%d are recorded as delivered", n)
	}
}

// TestDeliver_InOrder: what was written one after the other comes so.
func TestDeliver_InOrder(t *testing.T) {
	db := databasetest.New(t)
	var want []string
	for i := range 20 {
		queue(t, db, event(i))
		want = append(want, event(i).Key)
	}
	databasetest.Exec(t, db, `UPDATE outbox SET attempts = 0 WHERE key IN ('thg_3', 'thg_7', 'thg_1')`) // moved about in the table
	r := new(receiver)
	deliver(t, &outbox.Courier{DB: db, Receive: r.receive}, 20)
	if got := r.keys(); !slices.Equal(got, want) {
		t.Errorf("delivered %v", got)
	}
}

// TestDeliver_Fails: one event that the receiver refuses holds nobody up, and comes again
// later each time, whatever the refusal says.
func TestDeliver_Fails(t *testing.T) {
	db := databasetest.New(t)
	queue(t, db, event(1), event(2))
	r := &receiver{}
	refusals := []string{
		"no", strings.Repeat("ü", 400) + "x" + strings.Repeat("ü", 400), "a\x00b", "\xff\xfe", strings.Repeat("x", 499) + "ü",
	}
	courier := &outbox.Courier{DB: db, Receive: r.receive}
	for i, refusal := range refusals {
		r.fail = func(e outbox.Event) error {
			if e.Key == "thg_1" {
				return errors.New(refusal)
			}
			return nil
		}
		want := map[bool]int{true: 1}[i == 0]
		deliver(t, courier, want)
		deliver(t, courier, 0)
		wait := time.Second << i
		if n := count(t, db, fmt.Sprintf("attempts = %d AND delivered_at IS NULL AND last_error <> '' AND next_attempt_at BETWEEN now() AND now() + INTERVAL '%d seconds'", i+1, int(wait.Seconds()))); n != 1 {
			t.Errorf("after refusal %d, %q, it does not wait for at most %s", i, refusal, wait)
		}
		databasetest.Exec(t, db, `UPDATE outbox SET next_attempt_at = now() WHERE delivered_at IS NULL`)
	}
	r.fail = nil
	deliver(t, courier, 1)
	if got := r.keys(); !slices.Equal(got, []string{"thg_2", "thg_1"}) {
		t.Errorf("delivered %v", got)
	}
}

// TestDeliver_CourierDies: an event whose courier died before it could record the delivery
// is delivered again, when the claim has run out, by the same id.
func TestDeliver_CourierDies(t *testing.T) {
	db := databasetest.New(t)
	queue(t, db, event(1))
	r := new(receiver)
	dying := &outbox.Courier{DB: db, Receive: func(ctx context.Context, e outbox.Event) error {
		_ = r.receive(ctx, e)
		runtime.Goexit()
		return nil
	}}
	var death sync.WaitGroup
	death.Go(func() { _, _ = dying.DeliverOnce(context.Background()) })
	death.Wait()
	next := &outbox.Courier{DB: db, Receive: r.receive}
	deliver(t, next, 0)
	databasetest.Exec(t, db, `UPDATE outbox SET next_attempt_at = next_attempt_at - INTERVAL '1 minute'`)
	deliver(t, next, 1)
	if got := r.got; len(got) != 2 || got[0].ID != got[1].ID {
		t.Errorf("delivered %v", got)
	}
}

// TestDeliver_Panics: an event over which the receiver panics has failed; those before and
// after it are delivered, and recorded.
func TestDeliver_Panics(t *testing.T) {
	db := databasetest.New(t)
	queue(t, db, event(1))
	queue(t, db, event(2))
	queue(t, db, event(3))
	r := &receiver{}
	r.fail = func(e outbox.Event) error {
		if e.Key == "thg_2" {
			panic("a bug")
		}
		return nil
	}
	deliver(t, &outbox.Courier{DB: db, Receive: r.receive}, 2)
	if n := count(t, db, "delivered_at IS NOT NULL"); n != 2 {
		t.Errorf("%d are recorded as delivered", n)
	}
	if n := count(t, db, "last_error = 'the receiver panicked: a bug' AND next_attempt_at <= now() + INTERVAL '1 second'"); n != 1 {
		t.Error("the event it panicked over is not tried again")
	}
}

// TestDeliver_Stopped: a courier that is told to stop still records what it has delivered.
func TestDeliver_Stopped(t *testing.T) {
	db := databasetest.New(t)
	queue(t, db, event(1), event(2), event(3))
	r := new(receiver)
	ctx, stop := context.WithCancel(t.Context())
	courier := &outbox.Courier{DB: db, Receive: func(ctx context.Context, e outbox.Event) error {
		defer stop()
		return r.receive(ctx, e)
	}}
	if n, err := courier.DeliverOnce(ctx); n != 1 || err != nil {
		t.Errorf("%d delivered, %v", n, err)
	}
	if n := count(t, db, "delivered_at IS NOT NULL"); n != 1 {
		t.Errorf("%d recorded of the one that was delivered", n)
	}
	databasetest.Exec(t, db, `UPDATE outbox SET next_attempt_at = now() WHERE delivered_at IS NULL`)
	deliver(t, &outbox.Courier{DB: db, Receive: r.receive}, 2)
	if got := r.keys(); len(got) != 3 {
		t.Errorf("delivered %v", got)
	}
}

// TestDeliverConcurrently has couriers of two regions empty one region's outbox.
func TestDeliverConcurrently(t *testing.T) {
	url := databasetest.URL(t)
	db := databasetest.Open(t, url, "eu-west")
	var events []outbox.Event
	for i := range 120 {
		events = append(events, event(i))
	}
	queue(t, db, events...)
	r := new(receiver)
	var couriers sync.WaitGroup
	for range 4 {
		courier := &outbox.Courier{DB: databasetest.Open(t, url, "eu-west"), Receive: r.receive, Batch: 10}
		couriers.Go(func() {
			for {
				n, err := courier.DeliverOnce(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				if n == 0 {
					return
				}
			}
		})
	}
	couriers.Wait()
	last := &outbox.Courier{DB: db, Receive: r.receive, Batch: 200}
	if _, err := last.DeliverOnce(t.Context()); err != nil { // what was passed over
		t.Error(err)
	}
	seen := map[string]int{}
	for _, key := range r.keys() {
		seen[key]++
	}
	for key, n := range seen {
		if n != 1 {
			t.Errorf("%s was delivered %d times", key, n)
		}
	}
	if len(seen) != 120 {
		t.Errorf("%d of 120 delivered", len(seen))
	}
}

// TestDeliver_Cost: a pass costs the same however many events it delivers, at home and for another region.
func TestDeliver_Cost(t *testing.T) {
	url := databasetest.URL(t)
	home, elsewhere := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	r := &receiver{fail: func(e outbox.Event) error {
		if strings.HasSuffix(e.Key, "3") {
			return fmt.Errorf("no %s", e.Key)
		}
		return nil
	}}
	away := func(cockroach int64) int64 { // the first look is at the nearest replica there
		if home.Engine() == database.CockroachDB {
			return cockroach
		}
		return cockroach + 1
	}
	for _, test := range []struct {
		name    string
		db      *database.DB
		deliver func(ctx context.Context, c *outbox.Courier) (int, error)
		want    database.Cost
	}{
		{"at home", home, func(ctx context.Context, c *outbox.Courier) (int, error) { return c.DeliverOnce(ctx) },
			database.Cost{Trips: 2, Statements: 3}},
		{"for another region", elsewhere, func(ctx context.Context, c *outbox.Courier) (int, error) { return c.TakeOverOnce(ctx, "eu-west") },
			database.Cost{Trips: 3, Statements: 5, Away: away(4)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			databasetest.Exec(t, home, `
INSERT INTO outbox (region, topic, key, payload, next_attempt_at)
SELECT 'eu-west', 't', 'thg_' || n::text, '{}', now() - INTERVAL '2 minutes' FROM generate_series(1, 40) AS n`)
			courier := &outbox.Courier{DB: test.db, Receive: r.receive}
			databasetest.WantCost(t, "a pass", test.want, func(ctx context.Context) {
				if n, err := test.deliver(ctx, courier); err != nil || n != 36 {
					t.Errorf("%d delivered, %v; want 36", n, err)
				}
			})
			if n := count(t, home, `delivered_at IS NULL AND last_error = 'no ' || key AND next_attempt_at > now()`); n != 4 {
				t.Errorf("%d of the 4 that failed wait with their reason", n)
			}
			databasetest.Exec(t, home, `DELETE FROM outbox`)
		})
	}
}

// TestTakeOver: what a region left lying for a minute is delivered by another, which leaves
// everything else to its own.
func TestTakeOver(t *testing.T) {
	url := databasetest.URL(t)
	home, elsewhere := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	queue(t, home, event(1))
	r := new(receiver)
	courier := &outbox.Courier{DB: elsewhere, Receive: r.receive}
	takeOver := func(region string, want int) {
		t.Helper()
		if n, err := courier.TakeOverOnce(t.Context(), region); err != nil || n != want {
			t.Errorf("%d taken over from %s, %v; want %d", n, region, err, want)
		}
	}
	takeOver("eu-west", 0)
	databasetest.Exec(t, home, `UPDATE outbox SET next_attempt_at = now() - INTERVAL '50 seconds'`)
	takeOver("eu-west", 0)
	databasetest.Exec(t, home, `UPDATE outbox SET next_attempt_at = now() - INTERVAL '61 seconds'`)
	takeOver("us-west", 0)
	deliver(t, courier, 0)
	takeOver("eu-west", 1)
}

func TestSweep(t *testing.T) {
	url := databasetest.URL(t)
	db, elsewhere := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	queue(t, db, event(1), event(2), event(3))
	databasetest.Exec(t, db, `UPDATE outbox SET delivered_at = now(), expires_at = now() - INTERVAL '1 hour' WHERE key <> 'thg_3'`)
	for _, test := range []struct {
		db   *database.DB
		want int
	}{{elsewhere, 0}, {db, 1}, {db, 1}, {db, 0}} {
		if n, err := outbox.SweepOnce(t.Context(), test.db, 1); err != nil || n != test.want {
			t.Errorf("%d swept, %v; want %d", n, err, test.want)
		}
	}
	if n := count(t, db, "key = 'thg_3'"); n != 1 {
		t.Error("what was not delivered is gone")
	}
}

// TestPostTo verifies a delivery as its receiver would.
func TestPostTo(t *testing.T) {
	secret := []byte("a secret of the tests")
	status := http.StatusOK
	var bodies [][]byte
	var moved int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/moved" {
			moved++
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v, %v", r.Method, r.Header, err)
		}
		seconds, signature, _ := strings.Cut(strings.TrimPrefix(r.Header.Get(outbox.SignatureHeader), "t="), ",v1=")
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(seconds + "." + string(body)))
		if signature != hex.EncodeToString(mac.Sum(nil)) {
			t.Errorf("signature %q does not fit", r.Header.Get(outbox.SignatureHeader))
		}
		unix, err := strconv.ParseInt(seconds, 10, 64)
		if age := time.Since(time.Unix(unix, 0)); err != nil || age < -time.Minute || age > time.Minute {
			t.Errorf("signed at %q", seconds)
		}
		bodies = append(bodies, body)
		w.Header().Set("Location", "/moved")
		w.WriteHeader(status)
	}))
	defer server.Close()
	db := databasetest.New(t)
	queue(t, db, event(1))
	courier := &outbox.Courier{DB: db, Receive: outbox.PostTo(server.Client(), server.URL, secret)}
	for _, refusal := range []int{http.StatusInternalServerError, http.StatusFound, http.StatusTemporaryRedirect, http.StatusNotFound} {
		status = refusal
		deliver(t, courier, 0)
		databasetest.Exec(t, db, `UPDATE outbox SET next_attempt_at = now()`)
	}
	if moved != 0 {
		t.Error("a redirect was followed, and what it led to was taken for the receiver")
	}
	status = http.StatusNoContent
	deliver(t, courier, 1)
	var got struct {
		ID, Region, Topic, Key string
		CreatedAt              time.Time `json:"created_at"`
		Payload                struct{ N int }
	}
	if err := json.Unmarshal(bodies[len(bodies)-1], &got); err != nil || got.Topic != "thing.done" || got.Key != "thg_1" ||
		got.Payload.N != 1 ||
		got.Region != "eu-west" || len(got.ID) != 36 || got.CreatedAt.IsZero() {
		t.Errorf("body %s, %v", bodies[len(bodies)-1], err)
	}
	server.Close()
	queue(t, db, event(2))
	secretive := outbox.PostTo(http.DefaultClient, server.URL+"/hooks/very-secret", secret)
	if err := secretive(t.Context(), event(2)); err == nil || strings.Contains(err.Error(), "very-secret") {
		t.Errorf("a receiver that is not there: %v", err)
	}
}
