package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
)

func TestFX(t *testing.T) {
	url := databasetest.URL(t)
	file := filepath.Join(t.TempDir(), "rates.csv")
	text := "Date,USD,TRY,LTL\n2026-04-10,1.17,50,\n2026-04-13,1.18,60,3.4\n"
	testkit.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	steps := []struct {
		name string
		args []string
		code int
		want string // a pattern of what is written
	}{
		{"import", []string{"import", file}, 0, `^held: TRY 60 of 2026-04-13, after 50: confirm or reject it\n` +
			`ecb: 4 rates new \(1 held, 0 too late to be in force\), 0 unchanged, 0 conflicts; not in use: LTL\n$`},
		{"import again", []string{"import", file}, 0,
			`^ecb: 0 rates new \(0 held, 0 too late to be in force\), 4 unchanged, 0 conflicts; not in use: LTL\n$`},
		{"import our own", []string{"import", file, "--manual", "--max-jump", "3000"}, exitUsage,
			`^meridian: the list of rates is not valid; rates\[4\]\.currency must be an ISO 4217 code`},
		{"list what is held", []string{"list", "--status", "held"}, 0,
			`^DAY +CURRENCY +RATE +SOURCE +STATUS +FROM +TO\n2026-04-13 +TRY +60 +ecb +held +- +-\n$`},
		{"confirm", []string{"confirm", "TRY", "2026-04-13", "--reason", "it is so"}, 0,
			`^confirmed: 60 TRY for one euro, ecb of 2026-04-13, in force from 20\S+Z\n$`},
		{"reject what is not held", []string{"reject", "TRY", "2026-04-13", "--reason", "it is not"}, exitUsage,
			`^meridian: reject the rate of TRY for 2026-04-13: the exchange rate is not held\n$`},
		{"set too far", []string{"set", "USD", "11.8", "--reason", "fixed"}, exitUsage,
			`rate must be within 10.00 % of 1.18, the ecb rate of 2026-04-13, or be confirmed as a jump\n$`},
		{"set", []string{"set", "USD", "1.2", "--reason", "fixed", "--from", "2126-05-01T00:00:00Z", "--to", "2126-06-01T00:00:00Z"}, 0,
			`^set: 1.2 USD for one euro, manual of 20\S+Z, in force from 2126-05-01T00:00:00Z to 2126-06-01T00:00:00Z\n$`},
		{"set again", []string{"set", "USD", "1.2", "--reason", "fixed", "--from", "2126-05-01T00:00:00Z"}, exitUsage,
			`valid_from must not be in the time of the manual rate of`},
		{"import the history", []string{"import"}, 0, `^conflict: TRY 52.3147 of 2026-04-10: 50 is stored, and stays\n[\s\S]*\n` +
			`ecb: 18672 rates new \(0 held, 1284 too late to be in force\), 0 unchanged, 4 conflicts; not in use: BGN\n$`},
	}
	for _, step := range steps {
		code, stdout, stderr := meridianCommand(t, append(append([]string{"fx"}, step.args...), "--database-url", url)...)
		if got := stderr + stdout; code != step.code || !regexp.MustCompile(step.want).MatchString(got) {
			t.Errorf("%s: exit code %d, want %d\ngot  %s\nwant %s", step.name, code, step.code, got, step.want)
		}
	}
	_, stdout, _ := meridianCommand(t, "fx", "list", "--source", "manual", "--database-url", url)
	day := regexp.MustCompile(`20\S+Z`).FindString(stdout)
	if code, stdout, stderr := meridianCommand(t, "fx", "withdraw", "USD", day, "--reason", "not needed", "--database-url",
		url); code != 0 || !strings.Contains(stdout, "never in force") {
		t.Errorf("withdraw: exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestFX_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	t.Setenv("MERIDIAN_DATABASE_URL", "")
	bad := filepath.Join(t.TempDir(), "bad.csv")
	testkit.NoError(t, os.WriteFile(bad, []byte("Date,USD\n2026-04-13,x\n"), 0o600))
	if code, _, stderr := meridianCommand(t, "fx", "list"); code != exitUsage || !strings.Contains(stderr, "--database-url") {
		t.Errorf("no database: exit code %d, %s", code, stderr)
	}
	url := databasetest.URL(t)
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"two files", []string{"import", "a", "b"}, exitUsage, "2 arguments: use meridian fx import [FILE|URL]"},
		{"nothing of our own", []string{"import", "--manual"}, exitUsage, "--manual needs a file"},
		{"no site", []string{"import", "ftp://ecb.example"}, exitUsage, "http or https URL"},
		{"no file", []string{"import", "none.csv"}, exitUsage, "none.csv: no such file"},
		{"a bad file", []string{"import", bad}, exitFailed, "bad.csv: line 2, column 12: USD"},
		{"a negative jump", []string{"import", "--max-jump", "-1"}, exitUsage, "--max-jump"},
		{"no rate", []string{"set", "USD", "--reason", "x"}, exitUsage, "1 arguments: use meridian fx set CURRENCY RATE"},
		{"no number", []string{"set", "USD", "1,2", "--reason", "x"}, exitUsage, "RATE"},
		{"no time", []string{"set", "USD", "1.2", "--reason", "x", "--from", "tomorrow"}, exitUsage, "--from"},
		{"no time to end", []string{"set", "USD", "1.2", "--reason", "x", "--to", "never"}, exitUsage, "--to"},
		{"no reason", []string{"confirm", "USD", "2026-04-13"}, exitUsage, "--reason"},
		{"no reason to set", []string{"set", "USD", "1.2"}, exitUsage, "--reason"},
		{"no such rate", []string{"confirm", "USD", "2026-04-13", "--reason", "x"}, exitUsage, "no such exchange rate"},
		{"a bad filter", []string{"list", "--limit", "0"}, exitUsage, "limit must be 1 to 500"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := meridianCommand(t, append(append([]string{"fx"}, test.args...), "--database-url", url)...)
			if code != test.code || !strings.Contains(stderr, test.want) || stdout != "" {
				t.Errorf("exit code %d, want %d; %q does not say %q", code, test.code, stderr, test.want)
			}
		})
	}
}
