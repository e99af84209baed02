package account

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

func pointer[T any](v T) *T { return &v }

func TestChangePassword(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	here := register(t, a, "aoife@example.com")
	there := testkit.Must(a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}))(t)
	const next = "a bridge over the river"
	in := ChangePasswordInput{Account: here.Account.Ref, Session: here.ID, Current: goodPassword, New: next}
	if got := databasetest.Trips(t, func(ctx context.Context) error { return a.ChangePassword(ctx, in) }); got != 2 {
		t.Errorf("%d round trips, want 2", got)
	}
	if _, err := a.Refresh(t.Context(), here.RefreshToken); err != nil {
		t.Errorf("the session that asked: %v", err)
	}
	if _, err := a.Refresh(t.Context(), there.RefreshToken); !errors.Is(err, ErrBadRefreshToken) {
		t.Errorf("the other session: got %v", err)
	}
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: goodPassword}); err != ErrBadCredentials {
		t.Errorf("the old password: got %v", err)
	}
	if _, err := a.SignIn(t.Context(), SignInInput{Email: "aoife@example.com", Password: next}); err != nil {
		t.Errorf("the new password: %v", err)
	}
}

func TestChangePassword_Refused(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	session := register(t, a, "aoife@example.com")
	in := ChangePasswordInput{Account: session.Account.Ref, Session: session.ID, Current: goodPassword, New: "password123"}
	wantFault(t, a.ChangePassword(t.Context(), in), "new_password", "password123")
	in.New = "aoife@example.com"
	wantFault(t, a.ChangePassword(t.Context(), in), "new_password", "aoife")
	in.New, in.Current = "a bridge over the river", "wrong password"
	for i := range 5 {
		if err := a.ChangePassword(t.Context(), in); err != ErrWrongPassword {
			t.Fatalf("guess %d: got %v", i+1, err)
		}
	}
	in.Current = goodPassword
	var throttled *ThrottledError
	if err := a.ChangePassword(t.Context(), in); !errors.As(err, &throttled) {
		t.Errorf("after five guesses: got %v", err)
	}
	in.Account.ID = uuid.New()
	if err := a.ChangePassword(t.Context(), in); err != ErrNotFound {
		t.Errorf("no such account: got %v", err)
	}
}

func TestUpdate(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	account := register(t, a, "aoife@example.com").Account
	in := UpdateInput{Account: account.Ref, Version: 1, Name: pointer(" Aoife Ní Bhroin ")}
	var updated Account
	got := databasetest.Trips(t, func(ctx context.Context) (err error) { updated, err = a.Update(ctx, in); return err })
	if got != 1 {
		t.Errorf("%d round trips, want 1", got)
	}
	if updated.Name != "Aoife Ní Bhroin" || updated.Country != "IE" || updated.Version != 2 {
		t.Errorf("updated to %+v", updated)
	}
	if _, err := a.Update(t.Context(), in); err != ErrVersionConflict {
		t.Errorf("with an old version: got %v", err)
	}
	updated, err := a.Update(t.Context(), UpdateInput{Account: account.Ref, Version: 2, Country: pointer("FR")})
	if err != nil || updated.Country != "FR" || updated.Name != "Aoife Ní Bhroin" {
		t.Errorf("to another country of the region: %+v %v", updated, err)
	}
	_, err = a.Update(t.Context(), UpdateInput{Account: account.Ref, Version: 3, Country: pointer("US")})
	wantFault(t, err, "country", "")
	_, err = a.Update(t.Context(), UpdateInput{Account: account.Ref, Version: 3, Name: pointer("")})
	wantFault(t, err, "name", "")
	nobody := regions.Ref{Region: "eu-west", ID: uuid.New()}
	if _, err := a.Update(t.Context(), UpdateInput{Account: nobody, Version: 1, Name: pointer("x")}); err != ErrNotFound {
		t.Errorf("no such account: got %v", err)
	}
}

func TestUpdate_Concurrently(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	account := register(t, a, "aoife@example.com").Account
	errs := make([]error, 10)
	var group sync.WaitGroup
	for i := range errs {
		group.Go(func() {
			_, errs[i] = a.Update(t.Context(), UpdateInput{Account: account.Ref, Version: 1, Name: pointer(strings.Repeat("n", i+1))})
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if err != ErrVersionConflict {
			t.Errorf("got %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d changes of one version succeeded, want 1", won)
	}
}

func TestClose(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	session := register(t, a, "quixotic@example.com")
	ref := session.Account.Ref
	testkit.Must(a.AddAddress(t.Context(), AddAddressInput{Account: ref, Address: dublin()}))(t)
	if err := a.Close(t.Context(), CloseInput{Account: ref, Password: "wrong password"}); err != ErrWrongPassword {
		t.Fatalf("with a wrong password: got %v", err)
	}
	if got := databasetest.Trips(t, func(ctx context.Context) error {
		return a.Close(ctx,
			CloseInput{Account: ref, Password: goodPassword})
	}); got != 2 {
		t.Errorf("%d round trips, want 2", got)
	}
	for _, table := range []string{"accounts", "addresses", "email_directory", "refresh_tokens", "outbox"} {
		for _, row := range texts(t, db, `SELECT to_jsonb(r)::text FROM `+table+` r`) {
			for _, personal := range []string{"quixotic", "Aoife", "Dublin", hex.EncodeToString(a.emailHash("quixotic@example.com")), "argon2"} {
				if strings.Contains(row, personal) {
					t.Errorf("%s still holds %q", table, personal)
				}
			}
		}
	}
	if got := databasetest.One[int64](t, db, `SELECT count(*) FROM accounts WHERE status = 'closed' AND country = 'IE'`); got != 1 {
		t.Errorf("%d closed accounts, want the one its orders refer to", got)
	}
	if got := databasetest.One[int64](t, db, `SELECT count(*) FROM outbox WHERE topic = 'account.closed'`); got != 1 {
		t.Errorf("%d events, want 1", got)
	}
	if _, err := a.Refresh(t.Context(), session.RefreshToken); !errors.Is(err, ErrBadRefreshToken) {
		t.Errorf("its session: got %v", err)
	}
	for name, err := range map[string]error{
		"close":    a.Close(t.Context(), CloseInput{Account: ref, Password: goodPassword}),
		"password": a.ChangePassword(t.Context(), ChangePasswordInput{Account: ref, Current: goodPassword, New: "a bridge over the river"}),
		"get":      second(a.Get(t.Context(), ref)),
		"update":   second(a.Update(t.Context(), UpdateInput{Account: ref, Version: 2, Name: pointer("x")})),
		"grant":    second(a.Grant(t.Context(), ref, RoleAdmin, uuid.Nil)),
		"address":  second(a.AddAddress(t.Context(), AddAddressInput{Account: ref, Address: dublin()})),
	} {
		if err != ErrNotFound {
			t.Errorf("%s of a closed account: got %v", name, err)
		}
	}
	if again := register(t, a, "quixotic@example.com"); again.Account.Ref == ref {
		t.Error("the address's new account is the closed one")
	}
}

// TestClose_Ratings shows that what a customer thought of products stays, and nothing by which to tell who thought so.
func TestClose_Ratings(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	leaves, stays := register(t, a, "leaves@example.com").Account.Ref, register(t, a, "stays@example.com").Account.Ref
	databasetest.Exec(t, db, `INSERT INTO sellers (id, slug, name) VALUES ($1, 'acme', 'Acme')`, acme)
	databasetest.Exec(t, db, `INSERT INTO categories (id, slug, name, path, level) VALUES ('hg', 'home', 'Home', '/hg/', 1)`)
	databasetest.Exec(t, db, `
INSERT INTO products (id, seller_id, seller_key, slug, title, category_id) VALUES ($1, $2, 'mug', 'mug', 'Mug', 'hg')`, uuid.New(), acme)
	for _, ref := range []regions.Ref{leaves, stays} {
		databasetest.Exec(t, db, `
INSERT INTO ratings (region, account_id, product_id, stars, counted) SELECT $1, $2, p.id, 4, 4 FROM products p`, ref.Region, ref.ID)
	}
	testkit.NoError(t, a.Close(t.Context(), CloseInput{Account: leaves, Password: goodPassword}))
	for _, c := range []struct {
		name, where string
		want        int64
	}{
		{"in all", `stars = 4`, 2},
		{"of who leaves", `account_id = '` + leaves.ID.String() + `'`, 0},
		{"of who stays", `account_id = '` + stays.ID.String() + `'`, 1},
		{"without a time", `updated_at < '1971-01-01'`, 1},
	} {
		if got := databasetest.One[int64](t, db, `SELECT count(*) FROM ratings WHERE `+c.where); got != c.want {
			t.Errorf("%d ratings %s, want %d", got, c.name, c.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestRoles(t *testing.T) {
	db := databasetest.New(t)
	a := newTestAccounts(t, db)
	databasetest.Exec(t, db, `INSERT INTO sellers (id, slug, name) VALUES ($1, 'acme', 'Acme')`, acme)
	ref := register(t, a, "aoife@example.com").Account.Ref
	want := func(step string, got Account, err error, seller uuid.UUID, roles ...string) {
		t.Helper()
		if err != nil || strings.Join(got.Roles, " ") != strings.Join(roles, " ") || got.Seller != seller {
			t.Errorf("%s: roles %v for seller %v, %v; want %v for %v", step, got.Roles, got.Seller, err, roles, seller)
		}
	}
	account, err := a.Grant(t.Context(), ref, RoleOperator, uuid.Nil)
	want("operator", account, err, uuid.Nil, "operator", "shopper")
	account, err = a.Grant(t.Context(), ref, RoleSeller, acme)
	want("seller", account, err, acme, "operator", "seller", "shopper")
	account, err = a.Grant(t.Context(), ref, RoleFinance, uuid.Nil)
	want("finance beside seller", account, err, acme, "finance", "operator", "seller", "shopper")
	account, err = a.Grant(t.Context(), ref, RoleFinance, uuid.Nil)
	want("again", account, err, acme, "finance", "operator", "seller", "shopper")
	account, err = a.Revoke(t.Context(), ref, RoleOperator)
	want("revoke", account, err, acme, "finance", "seller", "shopper")
	account, err = a.Revoke(t.Context(), ref, RoleSeller)
	want("revoke seller", account, err, uuid.Nil, "finance", "shopper")
	account, err = a.SetRoles(t.Context(), SetRolesInput{Account: ref, Roles: []string{RoleSeller, RoleSeller}, Seller: acme})
	want("set", account, err, acme, "seller", "shopper")
	account, err = a.SetRoles(t.Context(), SetRolesInput{Account: ref})
	want("set none", account, err, uuid.Nil, "shopper")

	_, err = a.Grant(t.Context(), ref, "root", uuid.Nil)
	wantFault(t, err, "roles", "root")
	_, err = a.Grant(t.Context(), ref, RoleSeller, uuid.Nil)
	wantFault(t, err, "seller", "")
	_, err = a.Grant(t.Context(), ref, RoleAdmin, acme)
	wantFault(t, err, "seller", "")
	_, err = a.Revoke(t.Context(), ref, RoleShopper)
	wantFault(t, err, "role", "")
	if _, err := a.Grant(t.Context(), ref, RoleSeller, uuid.New()); err != ErrNoSeller {
		t.Errorf("for a seller that does not exist: got %v", err)
	}
	if _, err := a.Grant(t.Context(), regions.Ref{Region: "us-east", ID: ref.ID}, RoleAdmin, uuid.Nil); err != ErrNotFound {
		t.Errorf("no such account: got %v", err)
	}
	if got := databasetest.One[int64](t, db, `SELECT count(*) FROM outbox WHERE topic = 'account.roles_changed'`); got != 8 {
		t.Errorf("%d events, want one a change", got)
	}
}

func TestGrant_Concurrently(t *testing.T) {
	a := newTestAccounts(t, databasetest.New(t))
	ref := register(t, a, "aoife@example.com").Account.Ref
	var group sync.WaitGroup
	for _, role := range []string{RoleOperator, RoleFinance, RoleAdmin} {
		group.Go(func() {
			if _, err := a.Grant(t.Context(), ref, role, uuid.Nil); err != nil {
				t.Errorf("%s: %v", role, err)
			}
		})
	}
	group.Wait()
	account, err := a.Get(t.Context(), ref)
	if err != nil || strings.Join(account.Roles, " ") != "admin finance operator shopper" {
		t.Errorf("roles %v %v: a grant was lost", account.Roles, err)
	}
}
