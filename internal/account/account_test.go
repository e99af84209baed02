package account

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/internal/secret"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

var testSecret = secret.Bytes("a secret for tests, 32 bytes or more")

const goodPassword = "a river under the bridge"

// newTestAccounts returns accounts on db whose hashing is cheap. The signing keys have been read.
func newTestAccounts(t testing.TB, db *database.DB, set ...func(*Config)) *Accounts {
	t.Helper()
	shipped := testkit.Must(regions.Shipped())(t)
	cfg := Config{
		DB:       db,
		Regions:  shipped,
		Secret:   testSecret,
		Argon2:   Argon2{MemoryKiB: 16, Passes: 1, Lanes: 1},
		HashWait: time.Minute,
	}
	for _, f := range set {
		f(&cfg)
	}
	a := testkit.Must(New(cfg))(t)
	testkit.NoError(t, a.RotateOnce(t.Context()))
	return a
}

// register makes an account in Ireland, whose home is eu-west.
func register(t testing.TB, a *Accounts, email string) Session {
	t.Helper()
	session, err := a.Register(t.Context(), RegisterInput{Email: email, Password: goodPassword, Name: "Aoife Byrne", Country: "IE"})
	if err != nil {
		t.Fatalf("register: %v", err)
	}
	return session
}

// wantFault fails the test unless err is a *invalid.Error that names the field, and does not repeat the value.
func wantFault(t testing.TB, err error, field, value string) {
	t.Helper()
	var invalid *invalid.Error
	if !errors.As(err, &invalid) {
		t.Fatalf("got %v, want a fault of %s", err, field)
	}
	if value != "" && strings.Contains(err.Error(), value) {
		t.Errorf("the error repeats what was sent: %v", err)
	}
	for _, f := range invalid.Fields {
		if f.Name == field {
			return
		}
	}
	t.Errorf("got faults %v, want one of %s", invalid.Fields, field)
}

func TestNew_Faults(t *testing.T) {
	_, err := New(Config{
		Secret:          secret.Bytes("short"),
		AccessTokenLife: time.Hour,
		SigningKeyLife:  time.Minute,
		Argon2:          Argon2{MemoryKiB: 4 << 20},
		HashesAtOnce:    -1,
	})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{"database is missing", "regions are missing", "5 bytes", "1h0m0s", "1m0s", "4194304 KiB", "-1 hashes"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not among the faults: %v", want, err)
		}
	}
}

func TestGet(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	session := register(t, a, "aoife@example.com")
	if got := databasetest.Trips(t, func(ctx context.Context) error { _, err := a.Get(ctx, session.Account.Ref); return err }); got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	for name, ref := range map[string]regions.Ref{
		"unknown":             {Region: "eu-west", ID: uuid.New()},
		"in the wrong region": {Region: "us-east", ID: session.Account.Ref.ID},
	} {
		if _, err := a.Get(t.Context(), ref); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	found, err := a.FindByEmail(t.Context(), " AOIFE@example.com ")
	if err != nil || found.Ref != session.Account.Ref {
		t.Errorf("find by e-mail address: %v %v", found.Ref, err)
	}
	if _, err := a.FindByEmail(t.Context(), "nobody@example.com"); !errors.Is(err, ErrNotFound) {
		t.Errorf("find an unknown address: %v", err)
	}
}
