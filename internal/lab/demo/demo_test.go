package demo

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"meridian/internal/account"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/regions"
)

// small is a tour of everything that a test has the time for.
func small(t *testing.T, out *stage) Config {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return Config{
		Regions: set, Dir: t.TempDir(), DatabaseURL: databasetest.URL(t), Out: out,
		Buyers: 60, Units: 10, Shoppers: 4, Watch: 500 * time.Millisecond, Limit: 9 * time.Minute, // of the package's 20, for two tours
		Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}, Tracer: databasetest.Tracer(),
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	}
}

// stage keeps what is written to it, and does something once a text comes.
type stage struct {
	bytes.Buffer
	cue string
	do  func()
}

func (s *stage) Write(text []byte) (int, error) {
	if s.do != nil && bytes.Contains(text, []byte(s.cue)) {
		s.do()
		s.do = nil
	}
	return s.Buffer.Write(text)
}

func TestRun(t *testing.T) {
	out := new(stage)
	err := Run(t.Context(), small(t, out))
	if err != nil {
		t.Errorf("Run = %v", err)
	}
	report := out.String()
	if strings.Contains(report, "✗") || strings.Contains(report, "\x1b") || !strings.Contains(report, "PASSED: all 21 checks") {
		t.Errorf("the report has a ✗, colours, or another end:\n%s", report)
	}
	for _, want := range []string{
		"60 buyers, 10 units: 10 orders, 50 told that it is sold out", "Oversold: 0.", "9 of 9 orders ended as they must", "Lost: 0, doubled: 0.",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
}

// A unit that nobody received, and an order whose money came from nowhere: the tour tells.
func TestRun_TamperedDatabase(t *testing.T) {
	out := &stage{cue: "The audit"}
	config := small(t, out)
	db := databasetest.Open(t, config.DatabaseURL, "us-east")
	out.do = func() {
		databasetest.Exec(t, db, `UPDATE stock SET on_hand = on_hand + 1 WHERE sku = (SELECT min(sku) FROM stock) AND warehouse = 'euw-1'`)
		databasetest.Exec(t, db, `UPDATE payments SET captured_minor = captured_minor - 1, amount_minor = amount_minor - 1
WHERE id = (SELECT id FROM payments WHERE status = 'captured' AND refunded_minor < captured_minor ORDER BY id LIMIT 1)`)
	}
	if err := Run(t.Context(), config); !errors.Is(err, ErrBroken) {
		t.Errorf("Run = %v, want ErrBroken", err)
	}
	for _, want := range []string{"✗ stock_ledger: eu-west", "unlike ours: 1.", "FAILED"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report does not say %q:\n%s", want, out)
		}
	}
}

func TestRun_TooSlow(t *testing.T) {
	out := new(stage)
	config := small(t, out)
	config.Limit = time.Millisecond
	if err := Run(t.Context(), config); !errors.Is(err, errTooSlow) {
		t.Errorf("Run = %v, want errTooSlow", err)
	}
	if !strings.Contains(out.String(), "broke off") {
		t.Errorf("the report does not say that the tour broke off:\n%s", out)
	}
}

func TestRun_Cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &stage{cue: "A shop opens", do: cancel}
	if err := Run(ctx, small(t, out)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrBroken) {
		t.Errorf("Run = %v, want that it was cancelled", err)
	}
}

func TestValidate(t *testing.T) {
	good := small(t, new(stage))
	if err := good.Validate(); err != nil {
		t.Errorf("a good configuration: %v", err)
	}
	for name, test := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"no regions":     {func(c *Config) { c.Regions = nil }, "regions"},
		"no folder":      {func(c *Config) { c.Dir = "" }, "folder"},
		"too few buyers": {func(c *Config) { c.Buyers = 5 }, "5 buyers for 10 units"},
		"too many":       {func(c *Config) { c.Buyers = 1_000_000 }, "up to 5000"},
		"no units":       {func(c *Config) { c.Units = -1 }, "1 unit or more"},
		"few shoppers":   {func(c *Config) { c.Shoppers = 1 }, "1 shoppers"},
		"no time":        {func(c *Config) { c.Limit = -1 }, "a time above 0"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			test.change(&config)
			if err := config.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Validate = %v, want %q in it", err, test.want)
			}
		})
	}
}
