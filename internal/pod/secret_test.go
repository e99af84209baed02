package pod

import (
	"crypto/rand"
	"errors"
	"testing"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// A pod that was given another deployment's secret would not find the accounts that are
// there: it does not serve, and registers nobody.
func TestServe_WrongSecret(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	url := databasetest.URL(t)
	open := func() *Pod {
		secret := make([]byte, 32)
		rand.Read(secret)
		p, err := New(t.Context(), Config{Regions: set, Region: "eu-west", Database: database.Config{URL: url}, Secret: secret})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close(t.Context()) })
		return p
	}
	if err := open().Accounts.CheckSecret(t.Context()); err != nil {
		t.Fatalf("the first secret of a database: %v", err)
	}
	other := open()
	listener := testkit.Listen(t)
	defer listener.Close()
	if err := other.Serve(t.Context(), listener, false); !errors.Is(err, account.ErrWrongSecret) {
		t.Errorf("Serve = %v, want ErrWrongSecret", err)
	}
	in := account.RegisterInput{Email: "hana@example.jp", Password: "correct horse battery", Name: "Hana", Country: "JP"}
	if _, err := other.Accounts.Register(t.Context(), in); !errors.Is(err, account.ErrWrongSecret) {
		t.Errorf("Register = %v, want ErrWrongSecret", err)
	}
	databasetest.Exec(t, other.DB, `DELETE FROM signing_keys WHERE NOT EXISTS (SELECT 1 FROM accounts)`) // fails if an account was made
}
