package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func TestSignIn(t *testing.T) {
	url := databasetest.URL(t)
	home := newTestAccounts(t, databasetest.Open(t, url, "eu-west"))
	registered := register(t, home, "aoife@example.com")
	for _, region := range []string{"eu-west", "ap-southeast"} {
		a := newTestAccounts(t, databasetest.Open(t, url, region))
		var session Session
		got := databasetest.Trips(t, func(ctx context.Context) (err error) {
			session, err = a.SignIn(ctx, SignInInput{Email: "AOIFE@example.com ", Password: goodPassword, Client: "192.0.2.1"})
			return err
		})
		if got != 2 {
			t.Errorf("in %s: %d round trips, want 2", region, got)
		}
		if session.Account.Ref != registered.Account.Ref || session.ID == registered.ID {
			t.Errorf("in %s: account %v, session %v", region, session.Account.Ref, session.ID)
		}
		// One sign-in's token is good in every region.
		bearer, err := home.VerifyAccessToken(t.Context(), session.AccessToken)
		if err != nil || bearer.Account != registered.Account.Ref || bearer.Session != session.ID {
			t.Errorf("in %s: the token stands for %+v %v", region, bearer, err)
		}
	}
}

// TestSignIn_TellsNothing holds every refusal to the same error and the same round trips.
func TestSignIn_TellsNothing(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	register(t, a, "suspended@example.com")
	databasetest.Exec(t, db, `UPDATE accounts SET status = 'suspended' WHERE email = 'suspended@example.com'`)
	closed := register(t, a, "closed@example.com")
	testkit.NoError(t, a.Close(t.Context(), CloseInput{Account: closed.Account.Ref, Password: goodPassword}))
	for _, test := range []struct {
		name, email, password string
		trips                 int64
	}{
		{"wrong password", "aoife@example.com", goodPassword + "x", 2},
		{"unknown address", "nobody@example.com", goodPassword, 2},
		{"suspended", "suspended@example.com", goodPassword, 2},
		{"closed", "closed@example.com", goodPassword, 2},
		{"empty password", "aoife@example.com", "", 2},
		{"no address", "aoife", goodPassword, 0},
		{"huge password", "aoife@example.com", strings.Repeat("x", 1<<20), 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			ctx, trips := database.CountTrips(t.Context())
			_, err := a.SignIn(ctx, SignInInput{Email: test.email, Password: test.password})
			if err != ErrBadCredentials {
				t.Errorf("got %v", err)
			}
			if got := trips.Count(); got != test.trips {
				t.Errorf("%d round trips, want %d", got, test.trips)
			}
		})
	}
}

func TestSignIn_Throttled(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	register(t, a, "other@example.com")
	for _, email := range []string{"aoife@example.com", "nobody@example.com"} {
		t.Run(email, func(t *testing.T) {
			wrong := SignInInput{Email: email, Password: "wrong password"}
			for i := range 5 {
				if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
					t.Fatalf("guess %d: got %v", i+1, err)
				}
			}
			right := SignInInput{Email: email, Password: goodPassword}
			_, err := a.SignIn(t.Context(), right)
			var throttled *ThrottledError
			if !errors.As(err, &throttled) || throttled.RetryAfter <= 0 || throttled.RetryAfter > 11*time.Second {
				t.Fatalf("after five guesses the right password: got %v", err)
			}
		})
	}
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "other@example.com", Password: goodPassword}); err != nil {
		t.Errorf("another account: %v", err)
	}
	// The lock ends, one more guess doubles it, and the right password forgets them all.
	unlock := `UPDATE accounts SET locked_until = now() - INTERVAL '1 second' WHERE email = 'aoife@example.com'`
	databasetest.Exec(t, db, unlock)
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: "wrong password"}); err != ErrBadCredentials {
		t.Fatalf("a sixth guess: %v", err)
	}
	if got := lockSeconds(t, db); got < 15 || got > 20 {
		t.Errorf("locked for %d s, want 20", got)
	}
	databasetest.Exec(t, db, unlock)
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}); err != nil {
		t.Errorf("the lock has ended: %v", err)
	}
	if got := databasetest.One[int64](t, db, `SELECT failed_sign_ins FROM accounts WHERE email = 'aoife@example.com' AND locked_until IS NULL`); got != 0 {
		t.Errorf("%d guesses remembered after a sign-in", got)
	}
}

func lockSeconds(t testing.TB, db *database.DB) int64 {
	t.Helper()
	return databasetest.One[int64](t, db, `SELECT extract(epoch FROM locked_until - now())::int8 FROM accounts WHERE email = 'aoife@example.com'`)
}

// TestLock holds the statement that locks an account to the rule that locks everything else.
func TestLock(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	who := testkit.Must(a.findCredentials(t.Context(), "aoife@example.com"))(t)
	for n := int64(1); n <= 30; n++ {
		databasetest.Exec(t, db, `UPDATE accounts SET locked_until = NULL, failed_sign_ins = $1 WHERE email = 'aoife@example.com'`, n-1)
		if err := a.wrongPassword(t.Context(), who); err != ErrBadCredentials {
			t.Fatal(err)
		}
		want := guessesOfAccount.lock(n)
		locked, err := database.One(t.Context(), db, pgx.RowTo[int64], `
SELECT coalesce(extract(epoch FROM locked_until - updated_at)::int8, 0)
FROM (SELECT locked_until, now() AS updated_at FROM accounts WHERE email = 'aoife@example.com') a`)
		if err != nil || locked > int64(want/time.Second) || locked < int64(want/time.Second)-5 {
			t.Errorf("guess %d locks for %d s %v, want %s", n, locked, err, want)
		}
	}
}

func TestSignIn_GuessedConcurrently(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	var group sync.WaitGroup
	const guesses = 12
	for range guesses {
		group.Go(func() {
			_, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: "wrong password"})
			var throttled *ThrottledError
			if err != ErrBadCredentials && !errors.As(err, &throttled) {
				t.Errorf("got %v", err)
			}
		})
	}
	group.Wait()
	got := databasetest.One[int64](t, db, `SELECT failed_sign_ins FROM accounts WHERE email = 'aoife@example.com' AND locked_until > now()`)
	if got < 5 || got > guesses {
		t.Errorf("%d guesses counted", got)
	}
}

// TestBegin_LockedMeanwhile is for a right password that was read before wrong ones, made at the same time, locked
// the account.
func TestBegin_LockedMeanwhile(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	for name, change := range map[string]string{
		"locked":    `UPDATE accounts SET locked_until = now() + INTERVAL '1 minute'`,
		"suspended": `UPDATE accounts SET locked_until = NULL, status = 'suspended'`,
		"password":  `UPDATE accounts SET status = 'active', password_hash = 'changed'`,
	} {
		databasetest.Exec(t, db, `UPDATE accounts SET locked_until = NULL, status = 'active', password_hash = $1`, a.hasher.nobody)
		who := testkit.Must(a.findCredentials(t.Context(), "aoife@example.com"))(t)
		before := databasetest.One[int64](t, db, `SELECT count(*) FROM refresh_tokens`)
		databasetest.Exec(t, db, change)
		if _, err := a.begin(t.Context(), who, who.passwordHash); err != ErrBadCredentials {
			t.Errorf("%s: got %v", name, err)
		}
		if got := databasetest.One[int64](t, db, `SELECT count(*) FROM refresh_tokens`); got != before {
			t.Errorf("%s: a token was made", name)
		}
	}
}

func TestSignIn_ClientThrottled(t *testing.T) {
	db := databasetest.New(t)
	c := testkit.RunningClock()
	a := newTestAccounts(t, db, func(cfg *Config) { cfg.Now = c.Now })
	register(t, a, "aoife@example.com")
	for range guessesOfClient.free + 1 {
		if _, err := a.SignIn(t.Context(), SignInInput{Email: "not an address", Client: "192.0.2.1"}); err != ErrBadCredentials {
			t.Fatal(err)
		}
	}
	in := SignInInput{Email: "aoife@example.com", Password: goodPassword, Client: "192.0.2.1"}
	var throttled *ThrottledError
	if _, err := a.SignIn(t.Context(), in); !errors.As(err, &throttled) {
		t.Errorf("the client that guessed: got %v", err)
	}
	in.Client = "192.0.2.2"
	if _, err := a.SignIn(t.Context(), in); err != nil {
		t.Errorf("another client: %v", err)
	}
	c.Advance(guessesOfClient.first)
	in.Client = "192.0.2.1"
	if _, err := a.SignIn(t.Context(), in); err != nil {
		t.Errorf("after the lock: %v", err)
	}
}

func TestSignIn_HashesAnew(t *testing.T) {
	db := databasetest.New(t)
	register(t, newTestAccounts(t, db), "aoife@example.com")
	dearer := newTestAccounts(t, db, func(c *Config) { c.Argon2.MemoryKiB = 32 })
	in := SignInInput{Email: "aoife@example.com", Password: goodPassword}
	for i, want := range []int64{2, 2} {
		if got := databasetest.Trips(t, func(ctx context.Context) error { _, err := dearer.SignIn(ctx, in); return err }); got != want {
			t.Errorf("sign-in %d: %d round trips, want %d", i+1, got, want)
		}
		if got := databasetest.One[int64](t, db, `SELECT count(*) FROM accounts WHERE password_hash LIKE '$argon2id$v=19$m=32,t=1,p=1$%'`); got != 1 {
			t.Errorf("sign-in %d: the hash is as cheap as before", i+1)
		}
	}
}
