package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"meridian/internal/account"
	"meridian/internal/lab/client"
	"meridian/internal/local"
	"meridian/internal/testkit"
	"meridian/internal/testkit/databasetest"
	"meridian/internal/verify"
	"meridian/regions"
)

// shop is a whole shop without a catalogue, four regions in this process.
type shop struct {
	local.Address
	regions *regions.Set
}

func openShop(t *testing.T) shop {
	t.Helper()
	set := choiceFor(t).Regions
	opened := testkit.Must(local.Start(t.Context(), local.Config{
		Regions: set, Dir: t.TempDir(), DatabaseURL: databasetest.URL(t), Empty: true,
		Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1},
		Log:    slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
		Tracer: databasetest.Tracer(), NoUnpaidLimits: true,
	}))(t)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- opened.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-ended, opened.Close()); err != nil {
			t.Errorf("closing the shop: %v", err)
		}
	})
	select {
	case <-opened.Ready():
	case err := <-ended:
		t.Fatalf("the shop ended with %v", err)
	}
	return shop{Address: opened.Address(), regions: set}
}

// replayOf is a replay of a file's rows at the shop.
func (s shop) replayOf(t *testing.T, rows ...string) Config {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "orders.csv")
	testkit.NoError(t, os.WriteFile(file, []byte(header+strings.Join(rows, "")), 0o600))
	return Config{
		File: file, Regions: s.regions, State: filepath.Join(dir, "state"), Clients: 8,
		Shop: Shop{URL: s.EdgeURL, OperatorEmail: s.OperatorEmail, OperatorPassword: s.OperatorPassword},
	}
}

// wantClean audits the shop, and compares its orders with the run's.
func (s shop) wantClean(t *testing.T, report Report) {
	t.Helper()
	db := databasetest.Open(t, s.DatabaseURL, s.regions.Primary().Name)
	audit := testkit.Must(verify.Run(t.Context(), db, verify.Options{Regions: s.regions}))(t)
	for _, result := range audit.Results {
		for _, broken := range result.Examples {
			t.Errorf("verify: %s: %+v", result.Check, broken)
		}
	}
	orders := databasetest.One[int64](t, db, `SELECT count(*) FROM orders`)
	if orders != report.Tally.Orders || report.Outcome.Pending != 0 {
		t.Errorf("the shop has %d orders, the report %d, of which %d pending", orders, report.Tally.Orders, report.Outcome.Pending)
	}
}

func TestRun(t *testing.T) {
	shop := openShop(t)
	config := shop.replayOf(t,
		row("1", "order", 0, "7", "A", 6), row("1", "order", 0, "7", "B", 2),
		row("2", "order", 1, "9", "A", 25_000), // in three carts
		strings.Replace(row("3", "order", 2, "8", "FREE", 1), "2.50", "0", 1), row("3", "order", 2, "8", "A", 1),
		row("4", "order", 3, "8", "POST 1", 1),
		"what is this?\n",
		row("C5", "cancellation", 40, "7", "A", -2),
		row("C6", "cancellation", 41, "8", "A", -1), // the whole order
		row("C7", "cancellation", 42, "", "A", -1),
		row("C8", "cancellation", 43, "7", "A", -9), // four are left
		row("9", "stock_adjustment", 44, "", "B", -5),
		row("10", "stock_adjustment", 45, "", "B", 5),
		row("11", "order", 46, "7", "B", 3),
		row("12", "order", 47, "", "B", 1),
	)
	var dealtWith atomic.Int64
	config.Progress = func(done, total int64) { dealtWith.Store(total) }
	report := testkit.Must(Run(t.Context(), config))(t)
	want := Tally{
		Invoices: 12, Registered: 3, Orders: 7, GuestOrders: 1, Lines: 8, Units: 25_013,
		Cancelled: 1, Refunds: 2, UnitsBack: 7, Returns: map[string]int64{"whole": 2, "none": 1, "partly": 1}, UnitsUnmatched: 6, Corrections: 1,
		Rejected: map[string]int64{"unknown_sku": 1, "no_products": 2, "return_without_order": 2},
	}
	if diff := cmp.Diff(want, report.Tally, cmpopts.IgnoreFields(Tally{}, "ByRegion")); diff != "" {
		t.Errorf("tally (-want +got):\n%s", diff)
	}
	passed := map[string]int64{"line_malformed": 1, "sku_malformed": 1, "quantity_contradicts": 1}
	if diff := cmp.Diff(passed, report.Survey.Rejected); diff != "" {
		t.Errorf("lines passed over (-want +got):\n%s", diff)
	}
	if report.Stocked.ArticlesAdded != 2 || report.Stocked.Units != 25_018 || dealtWith.Load() != 12 {
		t.Errorf("stocked %+v, of %d invoices", report.Stocked, dealtWith.Load())
	}
	if n := report.Outcome.Orders["paid"] + report.Outcome.Orders["cancelled"] + report.Outcome.Orders["refunded"]; n != 7 {
		t.Errorf("orders are %v", report.Outcome.Orders)
	}
	shop.wantClean(t, report)

	again, err := Run(t.Context(), config) // there is nothing left to do
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report.Tally, again.Tally); diff != "" || again.Session.Orders != 0 || again.Stocked != report.Stocked {
		t.Errorf("again, with %+v in stock (-first +second):\n%s", again.Stocked, diff)
	}
	shop.wantClean(t, again)
	wantText(t, report)
}

// wantText reads the report as people and as programs do.
func wantText(t *testing.T, report Report) {
	t.Helper()
	var text, asJSON bytes.Buffer
	testkit.NoError(t, errors.Join(report.WriteText(&text), json.NewEncoder(&asJSON).Encode(report)))
	for _, want := range []string{"orders/s", "return_without_order 2", "buyers in another country", "POST /v1/orders\n", "ordered"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &text)
		}
	}
	if strings.Contains(text.String(), "replay.example") || strings.Contains(asJSON.String(), "replay.example") {
		t.Error("the report names customers")
	}
}

// traffic is a few days of customers who buy, come back, and give back.
func traffic() []string {
	var rows []string
	minute := 0
	for i := range 60 {
		customer := fmt.Sprint(100 + i%17)
		if i%7 == 0 {
			customer = ""
		}
		minute += 10
		for l := range 1 + i%4 {
			rows = append(rows, row(fmt.Sprint(1000+i), "order", minute%1440, customer, fmt.Sprint("S", (i+l)%9), 1+i%5))
		}
		if i%6 == 5 {
			minute += 10
			rows = append(rows, row(fmt.Sprint("C", 1000+i), "cancellation", minute%1440, customer, fmt.Sprint("S", i%9), -2))
		}
	}
	return rows
}

// TestRun_Resumed cuts a run off again and again: it ends with the orders of one that was
// not.
func TestRun_Resumed(t *testing.T) {
	shop := openShop(t)
	config := shop.replayOf(t, traffic()...)
	sessions := 0
	for ; ; sessions++ {
		ctx, cut := context.WithCancel(t.Context())
		var dealtWith atomic.Int64
		config.Progress = func(int64, int64) {
			if sessions < 4 && dealtWith.Add(1) == 12 {
				cut()
			}
		}
		report, err := Run(ctx, config)
		cut()
		if err == nil {
			wantTraffic(t, shop, report)
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if sessions != 4 {
		t.Errorf("%d sessions were cut off", sessions)
	}
}

func wantTraffic(t *testing.T, shop shop, report Report) {
	t.Helper()
	tally := report.Tally
	if tally.Invoices != 70 || tally.Orders != 60 || tally.Registered != 17 || tally.GuestOrders != 9 {
		t.Errorf("tally = %+v", tally)
	}
	var back int64
	for _, n := range tally.Returns {
		back += n
	}
	if back != 10 || tally.UnitsBack+tally.UnitsUnmatched != 20 || tally.UnitsBack == 0 {
		t.Errorf("returns = %v: %d units back, %d unmatched", tally.Returns, tally.UnitsBack, tally.UnitsUnmatched)
	}
	for reason := range tally.Rejected {
		if reason != string(returnWithoutOrder) {
			t.Errorf("rejected: %v", tally.Rejected)
		}
	}
	shop.wantClean(t, report)
}

// TestRun_LostAnswers loses the journal's end, as a crash between an effect and its record
// does: what the shop did is not done again.
func TestRun_LostAnswers(t *testing.T) {
	shop := openShop(t)
	config := shop.replayOf(t, traffic()...)
	first := testkit.Must(Run(t.Context(), config))(t)
	text := testkit.Must(os.ReadFile(config.State))(t)
	testkit.NoError(t, os.WriteFile(config.State, keepCarts(text), 0o600))
	second := testkit.Must(Run(t.Context(), config))(t)
	if diff := cmp.Diff(first.Tally, second.Tally); diff != "" {
		t.Errorf("tally (-first +second):\n%s", diff)
	}
	wantTraffic(t, shop, second)
}

// keepCarts leaves of a journal only what is on disk before an order is placed.
func keepCarts(text []byte) []byte {
	var kept []byte
	for l := range bytes.Lines(text) {
		if !bytes.HasPrefix(l, []byte(`{"placed"`)) && !bytes.HasPrefix(l, []byte(`{"done"`)) {
			kept = append(kept, l...)
		}
	}
	return kept
}

func TestRun_Mistakes(t *testing.T) {
	set := choiceFor(t).Regions
	tests := []struct {
		name   string
		config Config
		want   []string
	}{
		{"nothing", Config{}, []string{"file", "regions", "address", "state file"}},
		{
			"no such file", Config{File: filepath.Join(t.TempDir(), "none.csv"), Regions: set, State: "s", Shop: Shop{URL: "http://shop.example"}},
			[]string{"none.csv"},
		},
		{
			"numbers", Config{File: "f", Regions: set, State: "s", Shop: Shop{URL: "u"}, Speed: -1, Clients: -1, Limit: -1},
			[]string{"speed", "clients", "limit"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Run(t.Context(), test.config)
			if !errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

// TestStoppedBy tells a shop that is away, which ends a run that can be resumed, from
// everything else.
func TestStoppedBy(t *testing.T) {
	tests := []struct {
		name string
		err  error
		away bool
	}{
		{"no answer", &url.Error{Op: "Post", URL: "http://shop.example", Err: io.EOF}, true},
		{"half an answer", io.ErrUnexpectedEOF, true},
		{"unavailable", &client.ProblemError{Status: 503, Code: "unavailable"}, true},
		{"asked too often", &client.ProblemError{Status: 429, Code: "too_many_requests"}, true},
		{"refused", &client.ProblemError{Status: 403, Code: "forbidden"}, false},
		{"the disk is full", &os.PathError{Op: "write", Path: "state", Err: errors.New("no space left")}, false},
		{"another run's state", ErrOtherRun, false},
		{"nothing", nil, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := stoppedBy(t.Context(), test.err)
			if errors.Is(got, ErrShopAway) != test.away || !errors.Is(got, test.err) {
				t.Errorf("ends with %v", got)
			}
		})
	}
	cut, cancel := context.WithCancel(t.Context())
	cancel()
	if got := stoppedBy(cut, &url.Error{Op: "Post", URL: "http://shop.example", Err: context.Canceled}); errors.Is(got, ErrShopAway) {
		t.Errorf("a run that was cut off ends with %v", got)
	}
}
