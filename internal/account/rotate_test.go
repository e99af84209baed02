package account

import (
	"context"
	"encoding/hex"
	"strings"
	"sync"
	"testing"
	"time"

	"meridian/internal/secret"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

// pods returns accounts as n processes have them, all on one database, with one clock.
func pods(t *testing.T, c *testkit.Clock, n int) []*Accounts {
	t.Helper()
	url := databasetest.URL(t)
	var all []*Accounts
	for range n {
		all = append(all, newTestAccounts(t, databasetest.Open(t, url, "eu-west"), func(cfg *Config) { cfg.Now = c.Now }))
	}
	return all
}

func TestRotateOnce(t *testing.T) {
	c := testkit.RunningClock()
	pods := pods(t, c, 3)
	signer := func(a *Accounts) string {
		t.Helper()
		key := testkit.Must(a.keys.signer(t.Context()))(t)
		return key.id
	}
	rotate := func(a *Accounts) {
		t.Helper()
		testkit.NoError(t, a.RotateOnce(t.Context()))
	}
	first := signer(pods[0])
	if signer(pods[1]) != first {
		t.Fatal("two pods sign with two keys from the start")
	}
	if got := databasetest.Trips(t, pods[0].RotateOnce); got != 1 {
		t.Errorf("with nothing to do: %d round trips, want 1", got)
	}
	token := register(t, pods[0], "aoife@example.com").AccessToken

	// A day before the first key stops, the next one is published and does not sign yet.
	c.Advance(pods[0].cfg.SigningKeyLife - maxRotateAhead + time.Minute)
	rotate(pods[0])
	if got := signer(pods[0]); got != first {
		t.Error("a key signs before it has been published for an hour")
	}
	published, _, err := pods[0].PublicKeys(t.Context())
	if err != nil || len(published) != 2 {
		t.Fatalf("%d keys are published %v, want 2", len(published), err)
	}
	// The other pod publishes it as well, after a while.
	if published, _, err = pods[1].PublicKeys(t.Context()); err != nil || len(published) != 2 {
		t.Errorf("the other pod publishes %d keys %v, want 2", len(published), err)
	}
	// An hour later it signs. The third pod has not read it: it does when it sees it.
	c.Advance(publishAhead)
	second := signer(pods[0])
	if second == first {
		t.Fatal("the next key does not sign when its time has come")
	}
	session := testkit.Must(pods[0].SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}))(t)
	got := databasetest.Trips(t, func(ctx context.Context) error {
		_, err := pods[2].VerifyAccessToken(ctx, session.AccessToken)
		return err
	})
	if got != 1 {
		t.Errorf("a key that is new to the pod: %d round trips, want 1", got)
	}
	if signer(pods[2]) != second {
		t.Error("the third pod signs with the old key")
	}

	// When the third key is made, the first one has long expired and goes.
	c.Advance(6 * 24 * time.Hour)
	rotate(pods[0])
	if got := databasetest.One[int64](t, pods[0].db, `SELECT count(*) FROM signing_keys WHERE kid = $1`, first); got != 0 {
		t.Error("an expired key is kept")
	}
	if _, err := pods[0].VerifyAccessToken(t.Context(), token); err != ErrBadAccessToken {
		t.Errorf("a token of an expired key: %v", err)
	}
}

// TestRotateOnce_NeverWithoutAKey steps through three weeks: there is always a key, and none signs unpublished.
func TestRotateOnce_NeverWithoutAKey(t *testing.T) {
	c := testkit.RunningClock()
	a := pods(t, c, 1)[0]
	seen := make(map[string]time.Time)
	start := c.Now()
	for c.Now().Before(start.Add(21 * 24 * time.Hour)) {
		testkit.NoError(t, a.RotateOnce(t.Context()))
		keys, _, err := a.PublicKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if _, ok := seen[key.ID]; !ok {
				seen[key.ID] = c.Now()
			}
		}
		signs, ok := a.keys.current.Load().signer(c.Now())
		if !ok {
			t.Fatalf("no key signs after %s", c.Now().Sub(start))
		}
		if age := c.Now().Sub(seen[signs.id]); len(seen) > 1 && age < publishAhead {
			t.Fatalf("a key signs %s after it was published", age)
		}
		c.Advance(40 * time.Minute)
	}
	if len(seen) < 3 || len(seen) > 5 {
		t.Errorf("%d keys in three weeks", len(seen))
	}
}

func TestRotateOnce_Concurrently(t *testing.T) {
	c := testkit.RunningClock()
	all := pods(t, c, 2)
	for _, round := range []string{"the next key", "after a long sleep"} {
		if round == "the next key" {
			c.Advance(all[0].cfg.SigningKeyLife - time.Hour)
		} else {
			c.Advance(100 * 24 * time.Hour)
		}
		before := databasetest.One[int64](t, all[0].db, `SELECT count(*) FROM signing_keys WHERE sign_until > $1`, c.Now().Add(maxRotateAhead))
		var group sync.WaitGroup
		for i := range 12 {
			group.Go(func() {
				if err := all[i%2].RotateOnce(t.Context()); err != nil {
					t.Errorf("%s: %v", round, err)
				}
			})
		}
		group.Wait()
		after := databasetest.One[int64](t, all[0].db, `SELECT count(*) FROM signing_keys WHERE sign_until > $1`, c.Now().Add(maxRotateAhead))
		if before != 0 || after != 1 {
			t.Errorf("%s: %d keys before and %d after twelve rotations at once", round, before, after)
		}
		for i, a := range all {
			if _, err := a.keys.signer(t.Context()); err != nil {
				t.Errorf("%s: pod %d: %v", round, i, err)
			}
		}
	}
}

func TestSigner_FirstUseEver(t *testing.T) {
	db := databasetest.New(t)
	warm := newTestAccounts(t, db)
	cold := testkit.Must(New(Config{DB: db, Regions: warm.regions, Secret: testSecret, Argon2: warm.cfg.Argon2}))(t)
	databasetest.Exec(t, db, `DELETE FROM signing_keys`)
	session := register(t, cold, "aoife@example.com")
	if _, err := cold.VerifyAccessToken(t.Context(), session.AccessToken); err != nil {
		t.Error(err)
	}
}

// TestSigningKeys_Sealed holds that neither reading nor writing the table is enough to sign.
func TestSigningKeys_Sealed(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	session := register(t, a, "aoife@example.com")
	key := testkit.Must(a.keys.signer(t.Context()))(t)
	for _, row := range texts(t, db, `SELECT encode(private_key, 'hex') FROM signing_keys`) {
		if strings.Contains(row, hex.EncodeToString(key.private.Seed())) {
			t.Error("the private key is kept in the clear")
		}
	}
	shipped := a.regions
	other, err := New(Config{DB: db, Regions: shipped, Secret: secret.Bytes(strings.Repeat("another secret ", 3)), Argon2: a.cfg.Argon2})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.PublicKeys(t.Context()); err == nil || !strings.Contains(err.Error(), "secret") {
		t.Errorf("under another secret: got %v", err)
	}
	for name, change := range map[string]string{
		"another id":         `UPDATE signing_keys SET kid = 'mine'`,
		"another public key": `UPDATE signing_keys SET public_key = decode(repeat('ab', 32), 'hex')`,
		"no seal":            `UPDATE signing_keys SET private_key = decode(repeat('ab', 60), 'hex')`,
		"empty":              `UPDATE signing_keys SET private_key = ''`,
	} {
		databasetest.Exec(t, db, change)
		fresh := testkit.Must(New(Config{DB: db, Regions: shipped, Secret: testSecret, Argon2: a.cfg.Argon2}))(t)
		if _, err := fresh.VerifyAccessToken(t.Context(), session.AccessToken); err != ErrBadAccessToken {
			t.Errorf("%s: got %v", name, err)
		}
		if _, _, err := fresh.PublicKeys(t.Context()); err == nil {
			t.Errorf("%s: it is published", name)
		}
		databasetest.Exec(t, db, `DELETE FROM signing_keys`)
		testkit.NoError(t, a.RotateOnce(t.Context()))
	}
}
