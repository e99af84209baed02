package idempotency_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

var (
	key    = idempotency.Key{Region: "eu-west", Scope: "crt_1", Key: "k1", Fingerprint: []byte("request")}
	answer = idempotency.Answer{Resource: "ord_1", Status: 201, Body: []byte(`{"ok":true}`)}
)

// act has an effect, one more seller, under a key.
func act(ctx context.Context, db *database.DB, k idempotency.Key) error {
	return db.Write(ctx, func(b *database.Batch) error {
		k.QueueClaim(b, answer)
		b.Queue(`INSERT INTO sellers (id, slug, name) SELECT gen_random_uuid(), gen_random_uuid()::text, 'x'`)
		return nil
	})
}

func count(t testing.TB, db *database.DB, table string) int64 {
	t.Helper()
	return databasetest.One[int64](t, db, `SELECT count(*) FROM `+table)
}

func wantReplay(t testing.TB, err error) {
	t.Helper()
	var replay *idempotency.Replay
	if !errors.As(err, &replay) {
		t.Fatalf("got %v", err)
	}
	if diff := cmp.Diff(answer, replay.Answer); diff != "" {
		t.Errorf("the first answer (-want +got):\n%s", diff)
	}
}

func TestClaim(t *testing.T) {
	db := databasetest.New(t)
	if err := idempotency.Find(t.Context(), db, key); !errors.Is(err, idempotency.ErrUnknown) {
		t.Errorf("before: %v", err)
	}
	testkit.NoError(t, act(t.Context(), db, key))
	if err := act(t.Context(), db, key); !idempotency.Taken(err) {
		t.Errorf("again: %v", err)
	}
	if n := count(t, db, "sellers"); n != 1 {
		t.Errorf("%d effects", n)
	}
	ctx, trips := database.CountTrips(t.Context())
	wantReplay(t, idempotency.Find(ctx, db, key))
	if trips.Count() != 1 {
		t.Errorf("%d round trips", trips.Count())
	}
	other := key
	other.Fingerprint = []byte("another request")
	if err := idempotency.Find(t.Context(), db, other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another request: %v", err)
	}
	for name, differs := range map[string]idempotency.Key{
		"key":    {Region: "eu-west", Scope: "crt_1", Key: "k2", Fingerprint: []byte("request")},
		"scope":  {Region: "eu-west", Scope: "crt_2", Key: "k1", Fingerprint: []byte("request")},
		"region": {Region: "us-east", Scope: "crt_1", Key: "k1", Fingerprint: []byte("request")},
		"none":   {}, "none again": {},
	} {
		if err := act(t.Context(), db, differs); err != nil {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if n, claims := count(t, db, "sellers"), count(t, db, "idempotency_keys"); n != 6 || claims != 4 {
		t.Errorf("%d effects, %d claims", n, claims)
	}
}

// TestClaim_NotWithoutEffect: a claim whose effect fails is not made.
func TestClaim_NotWithoutEffect(t *testing.T) {
	db := databasetest.New(t)
	err := db.Write(t.Context(), func(b *database.Batch) error {
		key.QueueClaim(b, answer)
		b.Queue(`SELECT 1 / 0`)
		return nil
	})
	if err == nil || idempotency.Taken(err) {
		t.Errorf("got %v", err)
	}
	if err := act(t.Context(), db, key); err != nil {
		t.Errorf("the key cannot be used: %v", err)
	}
}

func TestClaimWhere(t *testing.T) {
	db := databasetest.New(t)
	claim := func(k idempotency.Key, happened bool) error {
		return db.Write(t.Context(), func(b *database.Batch) error {
			k.QueueClaimWhere(b, answer, `@happened::bool`, database.Args{"happened": happened})
			b.Queue(`SELECT 1`)
			return nil
		})
	}
	if err := claim(key, false); err != nil {
		t.Error(err)
	}
	if err := idempotency.Find(t.Context(), db, key); !errors.Is(err, idempotency.ErrUnknown) {
		t.Errorf("what did not happen is claimed: %v", err)
	}
	if err := claim(key, true); err != nil {
		t.Error(err)
	}
	wantReplay(t, idempotency.Find(t.Context(), db, key))
	if err := claim(key, true); !idempotency.Taken(err) {
		t.Errorf("again: %v", err)
	}
	if err := claim(key, false); err != nil {
		t.Errorf("what did not happen again: %v", err)
	}
	if err := claim(idempotency.Key{}, true); err != nil {
		t.Errorf("no key: %v", err)
	}
}

func TestQueueFind(t *testing.T) {
	db := databasetest.New(t)
	find := func(k idempotency.Key) error {
		earlier := errors.New("left from the run before")
		testkit.NoError(t, db.Read(t.Context(), func(b *database.Batch) error {
			k.QueueFind(b, &earlier)
			b.Queue(`SELECT 1`)
			return nil
		}))
		return earlier
	}
	for _, k := range []idempotency.Key{key, {}} {
		if err := find(k); err != nil {
			t.Errorf("before: %v", err)
		}
	}
	testkit.NoError(t, act(t.Context(), db, key))
	wantReplay(t, find(key))
	other := key
	other.Fingerprint = nil
	if err := find(other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("another request: %v", err)
	}
}

// TestClaimConcurrently sends one call fifty times at once, in two regions.
func TestClaimConcurrently(t *testing.T) {
	url := databasetest.URL(t)
	pods := []*database.DB{databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-west")}
	var first, taken atomic.Int64
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			err := act(t.Context(), pods[i%2], key)
			switch {
			case err == nil:
				first.Add(1)
			case idempotency.Taken(err):
				taken.Add(1)
				if replay := idempotency.Find(t.Context(), pods[i%2], key); !errors.As(replay, new(*idempotency.Replay)) {
					t.Errorf("got %v", replay)
				}
			default:
				t.Error(err)
			}
		})
	}
	calls.Wait()
	if n := count(t, pods[0], "sellers"); n != 1 || first.Load() != 1 || taken.Load() != 49 {
		t.Errorf("%d effects, %d first, %d taken", n, first.Load(), taken.Load())
	}
}

func TestSweep(t *testing.T) {
	url := databasetest.URL(t)
	db, elsewhere := databasetest.Open(t, url, "eu-west"), databasetest.Open(t, url, "us-east")
	for _, name := range []string{"k1", "k2", "k3"} {
		k := key
		k.Key = name
		testkit.NoError(t, act(t.Context(), db, k))
	}
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`UPDATE idempotency_keys SET expires_at = now() - INTERVAL '1 hour' WHERE key <> 'k1'`)
		return nil
	}))
	for _, test := range []struct {
		db   *database.DB
		want int
	}{{elsewhere, 0}, {db, 1}, {db, 1}, {db, 0}} {
		if n, err := idempotency.SweepOnce(t.Context(), test.db, 1); err != nil || n != test.want {
			t.Errorf("%d swept, %v; want %d", n, err, test.want)
		}
	}
	wantReplay(t, idempotency.Find(t.Context(), db, key))
}
