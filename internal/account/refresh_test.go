package account

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func TestRefresh(t *testing.T) {
	url := databasetest.URL(t)
	a := newTestAccounts(t, databasetest.Open(t, url, "eu-west"))
	far := newTestAccounts(t, databasetest.Open(t, url, "us-west"))
	first := register(t, a, "aoife@example.com")
	var second Session
	got := databasetest.Trips(t, func(ctx context.Context) (err error) { second, err = far.Refresh(ctx, first.RefreshToken); return err })
	if got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	if second.ID != first.ID || second.Account.Ref != first.Account.Ref || second.RefreshToken == first.RefreshToken {
		t.Errorf("refreshed to %+v", second)
	}
	// New roles come with the next refresh.
	testkit.Must(a.Grant(t.Context(), first.Account.Ref, RoleFinance, uuid.Nil))(t)
	third, err := a.Refresh(t.Context(), second.RefreshToken)
	if err != nil || !third.Account.Has(RoleFinance) {
		t.Errorf("refreshed with roles %v %v", third.Account.Roles, err)
	}
	bearer, err := a.VerifyAccessToken(t.Context(), third.AccessToken)
	if err != nil || len(bearer.Roles) != 2 {
		t.Errorf("the token's roles: %v %v", bearer.Roles, err)
	}
}

func TestRefresh_Reused(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	first := register(t, a, "aoife@example.com")
	elsewhere := testkit.Must(a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}))(t)
	second := testkit.Must(a.Refresh(t.Context(), first.RefreshToken))(t)
	third := testkit.Must(a.Refresh(t.Context(), second.RefreshToken))(t)
	ctx, trips := database.CountTrips(t.Context())
	if _, err := a.Refresh(ctx, first.RefreshToken); !errors.Is(err, ErrTokenReused) {
		t.Errorf("the first token again: got %v", err)
	}
	if got := trips.Count(); got != 2 {
		t.Errorf("%d round trips, want 2", got)
	}
	for name, token := range map[string]string{"first": first.RefreshToken, "second": second.RefreshToken, "third": third.RefreshToken} {
		if _, err := a.Refresh(t.Context(), token); !errors.Is(err, ErrBadRefreshToken) {
			t.Errorf("the %s token of the ended session: got %v", name, err)
		}
	}
	if _, err := a.Refresh(t.Context(), elsewhere.RefreshToken); err != nil {
		t.Errorf("another session of the account: %v", err)
	}
}

func TestRefresh_Concurrently(t *testing.T) {
	url := databasetest.URL(t)
	var all []*Accounts
	for _, region := range []string{"eu-west", "us-east"} {
		all = append(all, newTestAccounts(t, databasetest.Open(t, url, region)))
	}
	first := register(t, all[0], "aoife@example.com")
	errs := make([]error, 20)
	sessions := make([]Session, len(errs))
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() { sessions[i], errs[i] = all[i%2].Refresh(t.Context(), first.RefreshToken) })
	}
	group.Wait()
	won := 0
	for i, err := range errs {
		switch {
		case err == nil:
			won++
			if _, err := all[0].Refresh(t.Context(), sessions[i].RefreshToken); !errors.Is(err, ErrBadRefreshToken) {
				t.Errorf("the winner's token after the others were taken for thieves: got %v", err)
			}
		case !errors.Is(err, ErrTokenReused) && !errors.Is(err, ErrBadRefreshToken):
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d of 20 refreshes with one token succeeded, want 1", won)
	}
	if got := databasetest.One[int64](t, all[0].db, `SELECT count(*) FROM refresh_tokens`); got != 2 {
		t.Errorf("%d tokens were made, want the first and its successor", got)
	}
}

// TestRefresh_Repeated is for a connection that breaks after the exchange has happened: the batch is run again and
// finds its own successor.
func TestRefresh_Repeated(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	first := register(t, a, "aoife@example.com")
	used := testkit.Must(parseRefreshToken(a.regions, first.RefreshToken))(t)
	e := &exchange{used: used, next: newRefreshToken(used.successor())}
	exchangeOnce := func() error {
		return a.db.WriteIdempotent(t.Context(), func(b *database.Batch) error {
			e.queueNext(b, a.refreshSeconds())
			e.queueUse(b)
			e.queueAccount(b)
			return nil
		})
	}
	testkit.NoError(t, exchangeOnce())
	if err := exchangeOnce(); !database.Violates(err, "refresh_tokens_pkey") {
		t.Fatalf("again: got %v", err)
	}
	if err := a.settleReuse(t.Context(), e); err != nil || e.session != first.ID || e.account.Ref != first.Account.Ref {
		t.Errorf("got session %v of %v, %v", e.session, e.account.Ref, err)
	}
	if _, err := a.Refresh(t.Context(), e.next.format(a.regions)); err != nil {
		t.Errorf("the successor: %v", err)
	}
}

func TestRefresh_Refused(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	fresh := func(email string) string { return register(t, a, email).RefreshToken }
	expired := fresh("expired@example.com")
	databasetest.Exec(t, db, `UPDATE refresh_tokens SET expires_at = now() - INTERVAL '1 second'`)
	suspended := fresh("suspended@example.com")
	databasetest.Exec(t, db, `UPDATE accounts SET status = 'suspended' WHERE email = 'suspended@example.com'`)
	good := fresh("aoife@example.com")
	parsed := testkit.Must(parseRefreshToken(a.regions, good))(t)
	unknown := newRefreshToken(regions.Ref{Region: "eu-west", ID: uuid.New()})
	guessed := newRefreshToken(parsed.ref)
	moved := parsed
	moved.ref.Region = "us-east"
	for name, token := range map[string]string{
		"expired":                    expired,
		"account suspended":          suspended,
		"unknown":                    unknown.format(a.regions),
		"another secret":             guessed.format(a.regions),
		"another region":             moved.format(a.regions),
		"empty":                      "",
		"no secret":                  strings.Split(good, ".")[0],
		"empty secret":               strings.Split(good, ".")[0] + ".",
		"another kind of id":         strings.Replace(good, "rft_", "usr_", 1),
		"padded":                     good + "=",
		"line end":                   good + "\n",
		"in upper case":              strings.ToUpper(good),
		"an unknown region":          strings.Replace(good, "euw", "xxx", 1),
		"the same secret, respelled": respell(good),
	} {
		if _, err := a.Refresh(t.Context(), token); !errors.Is(err, ErrBadRefreshToken) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	// None of it has hurt the session whose token was guessed at.
	if _, err := a.Refresh(t.Context(), good); err != nil {
		t.Errorf("the good token: %v", err)
	}
}

// respell changes the bits of the last character that carry nothing.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last^1:last^1+1]
}

func TestSignOut(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	one := register(t, a, "aoife@example.com")
	two, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword})
	if err != nil {
		t.Fatal(err)
	}
	mallory := register(t, a, "mallory@example.com")
	testkit.NoError(t, a.SignOut(t.Context(), mallory.Account.Ref, one.ID))
	if one, err = a.Refresh(t.Context(), one.RefreshToken); err != nil {
		t.Fatalf("somebody else ended the session: %v", err)
	}
	for range 2 {
		got := databasetest.Trips(t, func(ctx context.Context) error { return a.SignOut(ctx, one.Account.Ref, one.ID) })
		if got != 1 {
			t.Errorf("%d round trips, want 1", got)
		}
	}
	if _, err := a.Refresh(t.Context(), one.RefreshToken); !errors.Is(err, ErrBadRefreshToken) {
		t.Errorf("the ended session: got %v", err)
	}
	if _, err := a.Refresh(t.Context(), two.RefreshToken); err != nil {
		t.Errorf("the other session: %v", err)
	}
}

func TestSignOutEverywhere(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	sessions := []Session{register(t, a, "aoife@example.com")}
	for range 3 {
		session := testkit.Must(a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}))(t)
		sessions = append(sessions, session)
	}
	mallory := register(t, a, "mallory@example.com")
	got := databasetest.Trips(t, func(ctx context.Context) error { return a.SignOutEverywhere(ctx, sessions[0].Account.Ref) })
	if got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	for i, session := range sessions {
		if _, err := a.Refresh(t.Context(), session.RefreshToken); !errors.Is(err, ErrBadRefreshToken) {
			t.Errorf("session %d: got %v", i, err)
		}
	}
	account, err := a.Get(t.Context(), sessions[0].Account.Ref)
	if err != nil || account.SessionEpoch != 2 {
		t.Errorf("epoch %d %v, want 2", account.SessionEpoch, err)
	}
	if _, err := a.Refresh(t.Context(), mallory.RefreshToken); err != nil {
		t.Errorf("another account's session: %v", err)
	}
}

// TestSignOutEverywhere_Races holds that no refresh made at the same time slips through.
func TestSignOutEverywhere_Races(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	first := register(t, a, "aoife@example.com")
	token := first.RefreshToken
	var group sync.WaitGroup
	group.Go(func() {
		const patience = 500
		for range patience {
			session, err := a.Refresh(t.Context(), token)
			if err != nil {
				if !errors.Is(err, ErrBadRefreshToken) {
					t.Errorf("got %v", err)
				}
				return
			}
			token = session.RefreshToken
		}
	})
	if err := a.SignOutEverywhere(t.Context(), first.Account.Ref); err != nil {
		t.Error(err)
	}
	group.Wait()
	if got := databasetest.One[int64](t, a.db, `SELECT count(*) FROM refresh_tokens WHERE revoked_at IS NULL`); got != 0 {
		t.Errorf("%d tokens are good after signing out everywhere", got)
	}
}

func TestSweepOnce(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
		register(t, a, email)
	}
	databasetest.Exec(t, db, `UPDATE refresh_tokens SET expires_at = now() - INTERVAL '1 second'`)
	good := register(t, a, "good@example.com")
	for _, want := range []int{2, 1, 0} {
		if got, err := a.SweepOnce(t.Context(), 2); err != nil || got != want {
			t.Errorf("swept %d %v, want %d", got, err, want)
		}
	}
	if _, err := a.Refresh(t.Context(), good.RefreshToken); err != nil {
		t.Errorf("a token that has not expired: %v", err)
	}
}

func FuzzParseRefreshToken(f *testing.F) {
	set := testkit.Must(regions.Shipped())(f)
	f.Add(newRefreshToken(regions.Ref{Region: "eu-west", ID: uuid.New()}).format(set))
	f.Add("rft_euw_a.b")
	f.Fuzz(func(t *testing.T, text string) {
		token, err := parseRefreshToken(set, text)
		if err == nil && token.format(set) != text {
			t.Errorf("%q is read as %q", text, token.format(set))
		}
		if err != nil && err != ErrBadRefreshToken {
			t.Errorf("%q: got %v", text, err)
		}
	})
}
