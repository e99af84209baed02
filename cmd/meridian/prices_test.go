package main

import (
	"regexp"
	"testing"

	"meridian/internal/testkit/databasetest"
)

func TestStrategy(t *testing.T) {
	url := databasetest.URL(t)
	for _, step := range []struct {
		name string
		args []string
		code int
		want string // a pattern of what is written
	}{
		{"list", nil, 0, `^standard: .*, in force\n[\s\S]*regional: By region, from the base price\n[\s\S]*` +
			`latam +× 0\.8 +the base price, converted\n`},
		{"try", []string{"regional", "--dry-run"}, 0, `^FROM +TO +COUNTRIES[\s\S]*\nmx +latam +1 +1 → 0\.8 [\s\S]*` +
			`0 SKUs priced; nothing is changed; a second person would have to approve it\n$`},
		{"without a reason", []string{"regional"}, exitUsage, `--reason`},
		{"unknown", []string{"global", "--dry-run"}, exitUsage, `there is no strategy "global"`},
		{"ask for it", []string{"regional", "--reason", "prices by region"}, 0,
			`0 SKUs priced; change \S+ waits for a second person to approve it\n$`},
		{"what is in force", []string{"standard", "--reason", "as ever"}, 0, `0 SKUs priced; standard is in force already\n$`},
	} {
		code, stdout, stderr := meridianCommand(t, append(append([]string{"prices", "strategy"}, step.args...), "--database-url", url)...)
		if got := stderr + stdout; code != step.code || !regexp.MustCompile(step.want).MatchString(got) {
			t.Errorf("%s: exit code %d, want %d\ngot  %s\nwant %s", step.name, code, step.code, got, step.want)
		}
	}
}
