package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/idempotency"
	"meridian/internal/invalid"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func TestRegister(t *testing.T) {
	db := databasetest.New(t, databasetest.Region("us-east"))
	a := newTestAccounts(t, db)
	in := RegisterInput{Email: " Aoife@Example.com", Password: goodPassword, Name: " Aoife Byrne ", Country: "IE"}
	var session Session
	if got := databasetest.Trips(t, func(ctx context.Context) (err error) { session, err = a.Register(ctx, in); return err }); got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	account := session.Account
	if account.Ref.Region != "eu-west" || account.Email != "aoife@example.com" || account.Name != "Aoife Byrne" ||
		account.Status != StatusActive || account.Version != 1 || len(account.Roles) != 1 || !account.Has(RoleShopper) {
		t.Errorf("made %+v", account)
	}
	bearer, err := a.VerifyAccessToken(t.Context(), session.AccessToken)
	if err != nil || bearer.Account != account.Ref || bearer.Session != session.ID {
		t.Errorf("its access token stands for %+v %v", bearer, err)
	}
	if _, err := a.Refresh(t.Context(), session.RefreshToken); err != nil {
		t.Errorf("its refresh token: %v", err)
	}
	if got := databasetest.One[int64](t, db, `SELECT count(*) FROM outbox WHERE region = 'eu-west' AND topic = 'account.registered'`); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
}

func TestRegister_Invalid(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	good := RegisterInput{Email: "aoife@example.com", Password: goodPassword, Name: "Aoife", Country: "IE"}
	for _, test := range []struct {
		field  string
		change func(*RegisterInput)
	}{
		{"email", func(in *RegisterInput) { in.Email = "aoife" }},
		{"password", func(in *RegisterInput) { in.Password = "short" }},
		{"password", func(in *RegisterInput) { in.Password = "Aoife@example.com" }},
		{"name", func(in *RegisterInput) { in.Name = " " }},
		{"name", func(in *RegisterInput) { in.Name = strings.Repeat("a", 101) }},
		{"name", func(in *RegisterInput) { in.Name = "Aoife\nByrne" }},
		{"country", func(in *RegisterInput) { in.Country = "ie" }},
		{"country", func(in *RegisterInput) { in.Country = "XX" }},
		{"country", func(in *RegisterInput) { in.Country = "" }},
	} {
		in := good
		test.change(&in)
		_, err := a.Register(t.Context(), in)
		wantFault(t, err, test.field, "")
	}
	_, err := a.Register(t.Context(), RegisterInput{})
	var invalid *invalid.Error
	if !errors.As(err, &invalid) || len(invalid.Fields) != 4 {
		t.Errorf("nothing given: got %v, want four faults", err)
	}
}

func TestRegister_EmailTaken(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	register(t, a, "aoife@example.com")
	for _, country := range []string{"IE", "US", "AU"} {
		_, err := a.Register(t.Context(), RegisterInput{Email: "AOIFE@example.com", Password: goodPassword, Name: "Eve", Country: country})
		if !errors.Is(err, ErrEmailTaken) {
			t.Errorf("from %s: got %v", country, err)
		}
	}
	if got := databasetest.One[int64](t, a.db, `SELECT count(*) FROM accounts`); got != 1 {
		t.Errorf("%d accounts, want 1", got)
	}
}

func TestRegister_Concurrently(t *testing.T) {
	url := databasetest.URL(t)
	var all []*Accounts
	for _, region := range []string{"eu-west", "us-west"} {
		all = append(all, newTestAccounts(t, databasetest.Open(t, url, region)))
	}
	countries := []string{"IE", "US", "SG", "CA"}
	errs := make([]error, 16)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = all[i%2].Register(t.Context(), RegisterInput{
				Email: "aoife@example.com", Password: goodPassword, Name: "Aoife", Country: countries[i%len(countries)],
			})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrEmailTaken):
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d registrations of one address succeeded, want 1", won)
	}
	for _, table := range []string{"accounts", "email_directory", "refresh_tokens", "outbox"} {
		if got := databasetest.One[int64](t, all[0].db, `SELECT count(*) FROM `+table); got != 1 {
			t.Errorf("%d rows in %s, want 1", got, table)
		}
	}
}

func idempotent(key, body string) idempotency.Key {
	sum := sha256.Sum256([]byte(body))
	return idempotency.Key{Key: key, Fingerprint: sum[:]}
}

func TestRegister_Repeated(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	in := RegisterInput{Email: "aoife@example.com", Password: goodPassword, Name: "Aoife", Country: "IE",
		Idempotency: idempotent("k1", "body")}
	first := testkit.Must(a.Register(t.Context(), in))(t)
	again, err := a.Register(t.Context(), in)
	if err != nil || again.Account.Ref != first.Account.Ref || again.ID == first.ID {
		t.Errorf("again: account %v, session %v, %v", again.Account.Ref, again.ID, err)
	}
	other := in
	other.Idempotency = idempotent("k1", "another body")
	if _, err := a.Register(t.Context(), other); !errors.Is(err, idempotency.ErrReused) {
		t.Errorf("the key with another body: got %v", err)
	}
	fresh := in
	fresh.Idempotency = idempotent("k2", "body")
	if _, err := a.Register(t.Context(), fresh); !errors.Is(err, ErrEmailTaken) {
		t.Errorf("another key: got %v", err)
	}
	// The body of the first call opens the account only while its password does.
	change := ChangePasswordInput{Account: first.Account.Ref, Session: first.ID, Current: goodPassword, New: "another river altogether"}
	testkit.NoError(t, a.ChangePassword(t.Context(), change))
	if _, err := a.Register(t.Context(), in); !errors.Is(err, ErrBadCredentials) {
		t.Errorf("again after the password was changed: got %v", err)
	}
}

func TestRegister_RepeatedConcurrently(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	in := RegisterInput{Email: "aoife@example.com", Password: goodPassword, Name: "Aoife", Country: "IE",
		Idempotency: idempotent("k1", "body")}
	sessions, errs := make([]Session, 8), make([]error, 8)
	var group sync.WaitGroup
	for i := range sessions {
		group.Go(func() { sessions[i], errs[i] = a.Register(t.Context(), in) })
	}
	group.Wait()
	for i := range sessions {
		if errs[i] != nil || sessions[i].Account.Ref != sessions[0].Account.Ref {
			t.Errorf("call %d: %v %v", i, sessions[i].Account.Ref, errs[i])
		}
	}
	if got := databasetest.One[int64](t, a.db, `SELECT count(*) FROM accounts`); got != 1 {
		t.Errorf("%d accounts, want 1", got)
	}
}

// TestPersonalDataStaysHome writes everything a customer can write and then looks for it in every row of every other
// table and region.
func TestPersonalDataStaysHome(t *testing.T) {
	db := databasetest.New(t, databasetest.Region("us-east"))
	a := newTestAccounts(t, db)
	in := RegisterInput{Email: "quixotic@example.com", Password: "quixotic-password", Name: "Quixotic Person", Country: "SG",
		Idempotency: idempotent("k1", "quixotic")}
	session := testkit.Must(a.Register(t.Context(), in))(t)
	testkit.Must(a.AddAddress(t.Context(), AddAddressInput{
		Account:     session.Account.Ref,
		Address:     AddressFields{Name: "Quixotic Person", Line1: "1 Quixotic Street", City: "Quixotic", Country: "FR", Phone: "+65 1234"},
		Idempotency: idempotent("k2", "quixotic"),
	}))(t)
	testkit.Must(a.Refresh(t.Context(), session.RefreshToken))(t)
	testkit.Must(a.Grant(t.Context(), session.Account.Ref, RoleOperator, [16]byte{}))(t)
	for table, wantPersonal := range map[string]bool{
		"accounts": true, "addresses": true, "refresh_tokens": false, "outbox": false, "idempotency_keys": false,
		"email_directory": false, "signing_keys": false,
	} {
		rows := texts(t, db, `SELECT to_jsonb(r)::text FROM `+table+` r`)
		if len(rows) == 0 {
			t.Errorf("%s is empty: it tells nothing", table)
		}
		for _, row := range rows {
			if personal := strings.Contains(strings.ToLower(row), "quixotic"); personal != wantPersonal {
				t.Errorf("%s holds personal data: %v, want %v", table, personal, wantPersonal)
			}
			if strings.Contains(row, in.Password) {
				t.Errorf("%s holds the password", table)
			}
			for _, token := range []string{session.RefreshToken, session.AccessToken} {
				if strings.Contains(row, token) {
					t.Errorf("%s holds a token", table)
				}
			}
		}
	}
	for _, table := range []string{"accounts", "addresses", "refresh_tokens", "outbox", "idempotency_keys"} {
		if got := databasetest.One[int64](t, db, `SELECT count(*) FROM `+table+` WHERE region <> 'ap-southeast'`); got != 0 {
			t.Errorf("%d rows of %s are not at home", got, table)
		}
	}
	// The fingerprint of a body with a password in it is not a hash that anybody can compute.
	plain := fmt.Sprintf("%x", in.Idempotency.Fingerprint)
	if got := databasetest.One[int64](t, db, `SELECT count(*) FROM idempotency_keys WHERE scope = 'register' AND encode(fingerprint, 'hex') = $1`, plain); got != 0 {
		t.Error("the fingerprint of a registration is kept as it came")
	}
}

func texts(t testing.TB, db *database.DB, sql string) []string {
	t.Helper()
	rows := testkit.Must(database.List(t.Context(), db, pgx.RowTo[string], sql))(t)
	return rows
}

func TestRegister_Busy(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t), func(c *Config) { c.HashesAtOnce, c.HashWait = 1, time.Millisecond })
	leave, err := a.hasher.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	_, err = a.Register(t.Context(), RegisterInput{Email: "aoife@example.com", Password: goodPassword, Name: "Aoife", Country: "IE"})
	if !errors.Is(err, ErrBusy) {
		t.Errorf("got %v", err)
	}
}
