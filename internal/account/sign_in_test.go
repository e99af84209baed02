package account

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			wrong := SignInInput{Email: email, Password: "wrong password", Client: "192.0.2.1"}
			for i := range 5 {
				if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
					t.Fatalf("guess %d: got %v", i+1, err)
				}
			}
			right := SignInInput{Email: email, Password: goodPassword, Client: "192.0.2.1"}
			_, err := a.SignIn(t.Context(), right)
			var throttled *ThrottledError
			if !errors.As(err, &throttled) || throttled.RetryAfter <= 0 || throttled.RetryAfter > 11*time.Second {
				t.Fatalf("after five guesses the right password: got %v", err)
			}
		})
	}
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "other@example.com", Password: goodPassword, Client: "192.0.2.1"}); err != nil {
		t.Errorf("another account: %v", err)
	}
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword, Client: "192.0.2.2"}); err != nil {
		t.Errorf("from another network: %v", err)
	}
	// The lock ends, one more guess doubles it, and the right password forgets them all.
	unlock := `UPDATE sign_in_guesses SET locked_until = now() - INTERVAL '1 second'`
	databasetest.Exec(t, db, unlock)
	wrong := SignInInput{Email: "aoife@example.com", Password: "wrong password", Client: "192.0.2.1"}
	if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
		t.Fatalf("a sixth guess: %v", err)
	}
	if got := lockSeconds(t, db); got < 15 || got > 20 {
		t.Errorf("locked for %d s, want 20", got)
	}
	databasetest.Exec(t, db, unlock)
	right := wrong
	right.Password = goodPassword
	if _, err := a.SignIn(t.Context(), right); err != nil {
		t.Errorf("the lock has ended: %v", err)
	}
	for range 4 {
		if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
			t.Errorf("guesses are remembered after a sign-in: %v", err)
		}
	}
	if _, err := a.SignIn(t.Context(), right); err != nil {
		t.Errorf("after four more guesses: %v", err)
	}
}

// lockSeconds is the longest lock there is.
func lockSeconds(t testing.TB, db *database.DB) int64 {
	t.Helper()
	return databasetest.One[int64](t, db, `SELECT coalesce(max(extract(epoch FROM locked_until - now())), 0)::int8 FROM sign_in_guesses`)
}

// TestSignIn_KnownDevice: guesses from elsewhere, however many, do not keep somebody out of their own device, and nobody else
// has one.
func TestSignIn_KnownDevice(t *testing.T) {
	db := databasetest.New(t)
	c := testkit.RunningClock()
	a := newTestAccounts(t, db, func(cfg *Config) { cfg.Now = c.Now })
	mine := register(t, a, "aoife@example.com").DeviceToken
	others := register(t, a, "other@example.com").DeviceToken
	for i := range guessesOfEveryone.free + 1 {
		wrong := SignInInput{Email: "aoife@example.com", Password: "wrong password", Client: fmt.Sprint("network ", i/5)}
		if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
			t.Fatalf("guess %d: %v", i+1, err)
		}
	}
	in := SignInInput{Email: "aoife@example.com", Password: goodPassword, Client: "network 0"}
	for name, token := range map[string]string{
		"none": "", "another account's": others, "forged": mine[:len(mine)-2] + "AA", "no token": "x.y", "long": strings.Repeat("x", 1<<20),
	} {
		in.Device = token
		if _, err := a.SignIn(t.Context(), in); !errors.As(err, new(*ThrottledError)) {
			t.Errorf("device %s: %v", name, err)
		}
	}
	in.Device, in.Client = "", "a new network"
	if _, err := a.SignIn(t.Context(), in); !errors.As(err, new(*ThrottledError)) {
		t.Errorf("a hundred guesses, and an unknown network: %v", err)
	}
	in.Device, in.Client = mine, "network 0"
	session, err := a.SignIn(t.Context(), in)
	if err != nil {
		t.Fatalf("the known device: %v", err)
	}
	// A device has guesses of its own, which lock out nobody but it.
	wrong := in
	wrong.Password, wrong.Device = "wrong password", session.DeviceToken
	for range 5 {
		if _, err := a.SignIn(t.Context(), wrong); err != ErrBadCredentials {
			t.Fatal(err)
		}
	}
	if _, err := a.SignIn(t.Context(), in); !errors.As(err, new(*ThrottledError)) {
		t.Errorf("the device that guessed: %v", err)
	}
	c.Advance(deviceLife + time.Hour)
	databasetest.Exec(t, db, `UPDATE sign_in_guesses SET locked_until = now() - INTERVAL '1 second'`)
	if _, err := a.SignIn(t.Context(), in); err != nil {
		t.Errorf("a year later, as an unknown device: %v", err)
	}
	if err := a.ChangePassword(t.Context(), ChangePasswordInput{Account: session.Account.Ref, Session: session.ID, Current: goodPassword,
		New: "another good passphrase"}); err != nil {
		t.Errorf("who is signed in is locked out by guesses at the door: %v", err)
	}
}

// TestSignIn_AddressesAreAlike: whether an address has an account cannot be told by guessing at it in several regions.
func TestSignIn_AddressesAreAlike(t *testing.T) {
	url := databasetest.URL(t)
	var regions []*Accounts
	for _, region := range []string{"eu-west", "us-east", "us-west", "ap-southeast"} {
		regions = append(regions, newTestAccounts(t, databasetest.Open(t, url, region)))
	}
	register(t, regions[0], "aoife@example.com")
	answers := make(map[string][]string)
	for _, email := range []string{"aoife@example.com", "nobody@example.com", "none@example.com"} {
		for i := range 12 {
			_, err := regions[i%4].SignIn(t.Context(), SignInInput{Email: email, Password: "wrong password", Client: "192.0.2.1"})
			if errors.As(err, new(*ThrottledError)) {
				err = errors.New("throttled")
			}
			answers[email] = append(answers[email], err.Error())
		}
	}
	for _, email := range []string{"nobody@example.com", "none@example.com"} {
		if diff := cmp.Diff(answers["aoife@example.com"], answers[email]); diff != "" {
			t.Errorf("%s is answered otherwise (-account +none):\n%s", email, diff)
		}
	}
	if answers["aoife@example.com"][5] != "throttled" {
		t.Errorf("answers %v", answers["aoife@example.com"])
	}
}

// TestLock holds the statement that locks an account to the rule that locks everything else.
func TestLock(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	register(t, a, "aoife@example.com")
	from := a.sourceOf(SignInInput{Client: "192.0.2.1"}, device{}, false)
	who := testkit.Must(a.findCredentials(t.Context(), a.emailHash("aoife@example.com"), from))(t)
	for n := int64(1); n <= 120; n++ {
		if err := a.wrongPassword(t.Context(), who); err != ErrBadCredentials {
			t.Fatal(err)
		}
		for i, p := range from.with {
			want := int64(p.lock(n) / time.Second)
			got := databasetest.One[string](t, db, `
SELECT guesses::text || ' ' || coalesce(extract(epoch FROM locked_until - (expires_at - INTERVAL '1 hour'))::int8, 0)::text
FROM sign_in_guesses WHERE source = $1`, from.keys[i])
			if got != fmt.Sprint(n, " ", want) {
				t.Errorf("guess %d of %d: %s, want a lock of %d s", n, i, got, want)
			}
		}
	}
	databasetest.Exec(t, db, `UPDATE sign_in_guesses SET expires_at = now() - INTERVAL '1 second'`)
	if err := a.wrongPassword(t.Context(), who); err != ErrBadCredentials {
		t.Fatal(err)
	}
	if got := lockSeconds(t, db); got != 0 {
		t.Errorf("a guess after an hour of none locks for %d s", got)
	}
	databasetest.Exec(t, db, `UPDATE sign_in_guesses SET expires_at = now() - INTERVAL '1 second'`)
	if n, err := a.SweepOnce(t.Context(), 100); err != nil || n != 2 {
		t.Errorf("%d rows swept, %v", n, err)
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
	got := databasetest.One[int64](t, db, `SELECT max(guesses) FROM sign_in_guesses WHERE locked_until > now()`)
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
	from := a.sourceOf(SignInInput{Client: "192.0.2.1"}, device{}, false)
	for name, change := range map[string]string{
		"locked": `
INSERT INTO sign_in_guesses (region, email_hash, source, guesses, locked_until, expires_at)
SELECT region, email_hash, '', 1, now() + INTERVAL '1 minute', now() + INTERVAL '1 hour' FROM accounts`,
		"suspended": `UPDATE accounts SET status = 'suspended'`,
		"password":  `UPDATE accounts SET status = 'active', password_hash = 'changed'`,
	} {
		databasetest.Exec(t, db, `
WITH forgotten AS (DELETE FROM sign_in_guesses)
UPDATE accounts SET status = 'active', password_hash = $1`, a.hasher.nobody)
		who := testkit.Must(a.findCredentials(t.Context(), a.emailHash("aoife@example.com"), from))(t)
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
