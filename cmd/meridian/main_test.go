package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"meridian/internal/testkit/databasetest"
)

// meridianCommand runs the command and returns its exit code and what it printed.
func meridianCommand(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestRun_Mistakes(t *testing.T) {
	t.Chdir(t.TempDir()) // no shop is open here
	for _, name := range []string{"MERIDIAN_SECRET", "MERIDIAN_DATABASE_URL", "MERIDIAN_REGION"} {
		t.Setenv(name, "")
	}
	tests := []struct {
		name string
		args []string
		want []string // in the error
	}{
		{"unknown flag", []string{"up", "--prot", "1"}, []string{"--prot", "--help"}},
		{"no such region, no secret, no database", []string{"serve", "--region", "mars"},
			[]string{"mars", "eu-west", "MERIDIAN_SECRET", "openssl", "database URL"}},
		{"no such engine", []string{"up", "--engine", "oracle"}, []string{"oracle", "cockroach"}},
		{"bad log level", []string{"up", "--log-level", "loud"}, []string{"loud", "debug"}},
		{"bad proxies", []string{"worker", "--trusted-proxies", "here"}, []string{"here", "10.0.0.0/8"}},
		{"no database to migrate", []string{"migrate", "up"}, []string{"--database-url", "meridian up"}},
		{"no database to verify", []string{"verify"}, []string{"--database-url"}},
		{"plan for nobody", []string{"migrate", "plan", "--engine", "oracle"}, []string{"oracle", "postgres"}},
		{"edge without regions", []string{"edge"}, []string{"--consul", "--target"}},
		{"edge with a bad target", []string{"edge", "--target", "eu-west"}, []string{"eu-west", "region=URL"}},
		{"no zone's file", []string{"dns"}, []string{"--config", "MERIDIAN_DNS_CONFIG"}},
		{"a zone's file that is not there", []string{"dns", "--config", "none.yaml"}, []string{"none.yaml"}},
		{"nothing to check", []string{"dns", "check"}, []string{"--config"}},
		{"a key for no zone", []string{"dns", "keygen", "--zone", "shop.example"}, []string{"final dot"}},
		{"no such scenario", []string{"chaos", "sabotage"}, []string{"sabotage", "kill-pod"}},
		{"no run", []string{"chaos", "--runs", "0"}, []string{"--runs"}},
		{"too long a run", []string{"chaos", "--duration", "1h"}, []string{"1h", "5m"}},
		{"sandbox without keys", []string{"sandbox"}, []string{"api key"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			code, _, stderr := meridianCommand(t, test.args...)
			if code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			for _, want := range test.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q does not say %q", stderr, want)
				}
			}
		})
	}
}

func TestRun_UnknownCommand(t *testing.T) {
	if code := run(context.Background(), []string{"open"}, new(bytes.Buffer), new(bytes.Buffer)); code == 0 {
		t.Error("an unknown command succeeds")
	}
}

func TestHelp_HasExamples(t *testing.T) {
	for _, command := range newRootCommand().Commands() {
		if command.Name() == "help" || command.Name() == "completion" {
			continue
		}
		leaves := command.Commands()
		if len(leaves) == 0 {
			leaves = append(leaves, command)
		}
		for _, leaf := range leaves {
			if leaf.Example == "" || leaf.Short == "" {
				t.Errorf("%s has no example or no summary", leaf.CommandPath())
			}
		}
	}
}

func TestMigratePlan(t *testing.T) {
	code, stdout, _ := meridianCommand(t, "migrate", "plan", "--engine", "cockroach", "--database", "shop")
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	for _, want := range []string{`ALTER DATABASE "shop" PRIMARY REGION "us-east";`, `SURVIVE REGION FAILURE;`,
		"LOCALITY REGIONAL BY ROW AS region", "LOCALITY GLOBAL", "USING HASH WITH (bucket_count"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("the plan lacks %s", want)
		}
	}
	if strings.Contains(stdout, "/*crdb") {
		t.Error("a clause for CockroachDB is still a comment")
	}
}

func TestHelp_ShowsNoSecret(t *testing.T) {
	t.Setenv("MERIDIAN_DATABASE_URL", "postgres://shop:hunter2@db/shop")
	t.Setenv("MERIDIAN_SECRET", "hunter2")
	for _, name := range []string{"MERIDIAN_EVENTS_URL", "MERIDIAN_SANDBOX_URL", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		t.Setenv(name, "https://shop:hunter2@hooks.example/hunter2?key=hunter2")
	}
	for _, command := range []string{"serve", "worker", "verify"} {
		if _, stdout, _ := meridianCommand(t, command, "--help"); strings.Contains(stdout, "hunter2") {
			t.Errorf("%s --help shows a secret", command)
		}
	}
}

// A key that is not one is told with its remedy, and not shown.
func TestServe_BadStripeKey(t *testing.T) {
	t.Setenv("MERIDIAN_STRIPE_SECRET_KEY", "pk_live_hunter2hunter2")
	t.Setenv("MERIDIAN_STRIPE_WEBHOOK_SECRET", "whsec_hunter2hunter2, hunter2")
	code, _, stderr := meridianCommand(t, "serve", "--region", "eu-west")
	if code != exitUsage || !strings.Contains(stderr, "sk_") || !strings.Contains(stderr, "whsec_") || strings.Contains(stderr, "hunter2") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestDescribe_ShowsNoSecret(t *testing.T) {
	const url = "https://shop:hunter2@hooks.example/hunter2?key=hunter2"
	var out bytes.Buffer
	(&podFlags{
		databaseURL: "postgres://shop:hunter2@db/shop", eventsURL: url, sandboxURL: url, otlpEndpoint: url,
		secret: "hunter2", sandboxKey: "hunter2", sandboxHooks: "hunter2", eventsSign: "hunter2",
		stripeKey: "hunter2", stripeHooks: []string{"hunter2"}, stripeURL: url,
	}).describe(&out, ":8080")
	if strings.Contains(out.String(), "hunter2") || strings.Count(out.String(), "https://hooks.example") != 4 {
		t.Errorf("described as\n%s", &out)
	}
}

// Each command that works on a shop's database finds it by its URL or by the folder of an open shop, and says so.
func TestDatabaseFlags(t *testing.T) {
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		alone := slices.Contains([]string{"serve", "worker", "demo"}, c.Name())
		if c.Flags().Lookup("database-url") != nil && c.Flags().Lookup("dir") == nil && !alone {
			t.Errorf("%s has --database-url and no --dir", c.CommandPath())
		}
		for _, below := range c.Commands() {
			walk(below)
		}
	}
	walk(newRootCommand())
	for _, args := range [][]string{{"verify"}, {"migrate", "status"}, {"search", "status"}, {"fx", "list"}} {
		code, _, stderr := meridianCommand(t, append(args, "--dir", "/nowhere")...)
		if code != exitUsage || !strings.Contains(stderr, "no shop is open in /nowhere: give --database-url") {
			t.Errorf("%v: exit code %d, %s", args, code, stderr)
		}
	}
}

func TestMigratePlan_Engine(t *testing.T) {
	url := databasetest.URL(t)
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"CockroachDB unless told otherwise", nil, "ADD REGION"},
		{"an engine", []string{"--engine", "postgres"}, "CREATE TABLE"},
		{"that of the database named", []string{"--database-url", url}, "CREATE TABLE"},
		{"an engine beside a database", []string{"--database-url", url, "--engine", "cockroach"}, "ADD REGION"},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, stdout, stderr := meridianCommand(t, append([]string{"migrate", "plan"}, test.args...)...)
			if code != 0 || !strings.Contains(stdout, test.want) {
				t.Errorf("exit code %d, %s; %d bytes without %q", code, stderr, len(stdout), test.want)
			}
			if cockroach := strings.Contains(stdout, "ADD REGION"); cockroach != (test.want == "ADD REGION") {
				t.Errorf("for CockroachDB: %t", cockroach)
			}
		})
	}
}
