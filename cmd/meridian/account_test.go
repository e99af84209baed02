package main

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"meridian/internal/account"
	"meridian/internal/database"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// accountCommand runs `meridian account` with input on standard input.
func accountCommand(t *testing.T, input string, args ...string) (output string, err error) {
	t.Helper()
	command := newAccountCommand()
	command.SilenceUsage, command.SilenceErrors = true, true
	var out bytes.Buffer
	command.SetIn(strings.NewReader(input))
	command.SetOut(&out)
	command.SetErr(&out)
	command.SetArgs(args)
	err = command.ExecuteContext(t.Context())
	return out.String(), err
}

func TestAccountCommand(t *testing.T) {
	url := databasetest.URL(t)
	t.Setenv("MERIDIAN_SECRET", base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("s"), 32)))
	db := databasetest.Open(t, url, "eu-west")
	acme := uuid.New()
	testkit.NoError(t, db.Write(t.Context(), func(b *database.Batch) error {
		b.Queue(`INSERT INTO sellers (id, slug, name) VALUES ($1, 'acme', 'Acme')`, acme)
		return nil
	}))
	file := filepath.Join(t.TempDir(), "password")
	testkit.NoError(t, os.WriteFile(file, []byte("a bridge over the river\r\nand more\n"), 0o600))
	at := []string{"--database-url", url}
	for _, step := range []struct {
		name, input string
		args        []string
		want, fail  string
	}{
		{name: "create", input: "a river under the bridge\n", args: []string{"create", "ops@example.com", "--name", "Ops", "--country", "US"},
			want: " is shopper.\n"},
		{name: "create from a file", args: []string{"create", "two@example.com", "--name", "Two", "--country", "IE", "--password-file", file},
			want: " is shopper.\n"},
		{name: "create again", input: "a river under the bridge\n",
			args: []string{"create", "ops@example.com", "--name", "Ops", "--country", "US"}, fail: "has an account already"},
		{name: "create with a weak password", input: "password123\n",
			args: []string{"create", "three@example.com", "--name", "Three", "--country", "US"}, fail: "password is one that many people use"},
		{name: "grant", args: []string{"grant", "Ops@Example.com", "--role", "admin"}, want: " is admin, shopper.\n"},
		{name: "grant again", args: []string{"grant", "ops@example.com", "--role", "admin"}, want: " is admin, shopper.\n"},
		{name: "grant seller", args: []string{"grant", "ops@example.com", "--role", "seller", "--seller",
			regions.FormatGlobalID("slr", acme)}, want: " is admin, seller, shopper.\n"},
		{name: "revoke", args: []string{"revoke", "ops@example.com", "--role", "admin"}, want: " is seller, shopper.\n"},
		{name: "grant what is no role", args: []string{"grant", "ops@example.com", "--role", "root"}, fail: "must be among"},
		{name: "grant seller of nobody", args: []string{"grant", "ops@example.com", "--role", "seller", "--seller", "acme"}, fail: "--seller"},
		{name: "grant to nobody", args: []string{"grant", "nobody@example.com", "--role", "admin"}, fail: "no such account"},
		{name: "grant without a role", args: []string{"grant", "ops@example.com"}, fail: `"role" not set`},
	} {
		output, err := accountCommand(t, step.input, append(step.args, at...)...)
		switch {
		case step.fail != "":
			if err == nil || !strings.Contains(err.Error(), step.fail) || strings.Contains(err.Error()+output, "ops@") {
				t.Errorf("%s: %q %v, want %q", step.name, output, err, step.fail)
			}
		case err != nil || !strings.HasPrefix(output, "usr_") || !strings.HasSuffix(output, step.want):
			t.Errorf("%s: %q %v, want …%q", step.name, output, err, step.want)
		}
	}
	shipped := testkit.Must(regions.Shipped())(t)
	accounts := testkit.Must(account.New(account.Config{DB: db, Regions: shipped, Secret: bytes.Repeat([]byte("s"), 32)}))(t)
	for email, password := range map[string]string{"ops@example.com": "a river under the bridge",
		"two@example.com": "a bridge over the river"} {
		if _, err := accounts.SignIn(t.Context(), account.SignInInput{Email: email, Password: password}); err != nil {
			t.Errorf("signing in to what the command made: %v", err)
		}
	}
}

func TestAccountCommand_Settings(t *testing.T) {
	t.Setenv("MERIDIAN_SECRET", "")
	t.Setenv("MERIDIAN_DATABASE_URL", "")
	if _, err := accountCommand(t, "", "grant", "ops@example.com", "--role", "admin"); err == nil ||
		!strings.Contains(err.Error(), "--database-url") {
		t.Errorf("without a database: got %v", err)
	}
	const nowhere = "postgres://127.0.0.1:1/none"
	for _, secret := range []string{"", "not base64!", base64.StdEncoding.EncodeToString([]byte("short"))} {
		t.Setenv("MERIDIAN_SECRET", secret)
		_, err := accountCommand(t, "", "grant", "ops@example.com", "--role", "admin", "--database-url", nowhere)
		if err == nil || (secret != "" && strings.Contains(err.Error(), secret)) {
			t.Errorf("secret %q: got %v", secret, err)
		}
	}
}
