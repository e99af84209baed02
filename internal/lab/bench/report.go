package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/lab/audit"
	"meridian/internal/lab/report"
)

// Report holds what a run measured. Its JSON, which the command prints, has stable fields.
type Report struct {
	StartedAt time.Time `json:"started_at"`
	Version   string    `json:"version"`
	Machine   Machine   `json:"machine"`
	Database  Database  `json:"database"`
	Settings  Settings  `json:"settings"`
	Scenarios []Result  `json:"scenarios"`
	// Floors compares what was measured with what the shop is expected to reach.
	Floors []Floor     `json:"floors"`
	Audit  audit.Audit `json:"audit"`
}

// Machine describes the machine that generator, shop and database share.
type Machine struct {
	OS         string `json:"os"`
	Arch       string `json:"arch"`
	CPUs       int    `json:"cpus"`
	GOMAXPROCS int    `json:"gomaxprocs"`
}

// Database describes the database that the shop and the bare statements use.
type Database struct {
	Engine            string `json:"engine"`
	Version           string `json:"version"`
	Fsync             string `json:"fsync"`
	SynchronousCommit string `json:"synchronous_commit"`
	FullPageWrites    string `json:"full_page_writes"`
	WALLevel          string `json:"wal_level"`
	Isolation         string `json:"isolation"`
	// Durable reports whether commits survive a power cut.
	Durable bool `json:"durable"`
	// Connections counts the shop's when the benchmark began.
	Connections int64 `json:"shop_connections"`
}

// Settings holds the settings of the run.
type Settings struct {
	Clients  int      `json:"clients"`
	Regions  []string `json:"regions"`
	Through  string   `json:"through"`
	Duration float64  `json:"duration_seconds"`
	WarmUp   float64  `json:"warm_up_seconds"`
	Rounds   int      `json:"rounds"`
	Lines    int      `json:"lines_per_order"`
	Products int      `json:"products"`
	SKUs     int      `json:"skus"`
	HotStock int64    `json:"hot_stock,omitzero"`
}

// Result holds the figures of one scenario.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about"`
	Unit     string `json:"unit"`
	// Operations were done in Seconds; of orders, only those that were paid count.
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Throughput float64 `json:"per_second"`
	Requests   int     `json:"requests"`
	// SoldOut counts operations refused for want of units, Errors all others that failed, by code.
	SoldOut int            `json:"sold_out"`
	Errors  map[string]int `json:"errors"`
	// Latency is that of whole operations, Calls that of each kind of call.
	Latency report.Latency            `json:"latency"`
	Calls   map[string]report.Latency `json:"calls"`
	// UntilPaid is the time from an order's being placed to its being paid.
	UntilPaid *report.Latency `json:"until_paid,omitzero"`
	// Retries counts transactions that the shop ran again, by reason.
	Retries             map[string]float64 `json:"retries"`
	RetriesPerOperation float64            `json:"retries_per_operation"`
	// TripsPerOperation is the number of database round trips that the answers report, without
	// background work. A round trip that several calls share counts for each of them.
	TripsPerOperation float64 `json:"round_trips_per_operation"`
	// LeftForWorkers counts the events and webhooks that were not yet delivered at the end.
	LeftForWorkers int64 `json:"left_for_workers"`
	CPU            CPU   `json:"cpu"`
	// Limits are measured beside it; the first one counts.
	Limits []Limit `json:"limits"`
	// Prices holds the further figures of the scenario prices.
	Prices *PriceFigures `json:"prices,omitzero"`
}

// Limit holds what the machine does of the same work without the shop.
type Limit struct {
	About      string  `json:"about"`
	Operations int     `json:"operations"`
	Seconds    float64 `json:"seconds"`
	Throughput float64 `json:"per_second"`
	// Ratio is the scenario's throughput over the limit's, of prices that of a core; left out
	// where this is only a part of another limit.
	Ratio   float64        `json:"ratio,omitzero"`
	Latency report.Latency `json:"latency"`
	CPU     CPU            `json:"cpu"`
	// Conflicts counts transactions that were run again.
	Conflicts int `json:"conflicts,omitzero"`
	// Of bare statements: how many, of how many rows, on how many connections, and what the
	// other numbers of connections reached.
	Statements  int     `json:"statements,omitzero"`
	Rows        int     `json:"rows,omitzero"`
	Connections int     `json:"connections,omitzero"`
	Sweep       []Sweep `json:"sweep,omitzero"`
}

// Floor compares a figure with what is expected.
type Floor struct {
	About string `json:"about"`
	Want  string `json:"want"`
	Got   string `json:"got"`
	Met   bool   `json:"met"`
}

// Missed returns an error that wraps ErrMissed and names the floors that are not met; nil if all
// are.
func (r Report) Missed() error { return missed(r.Floors) }

// Err returns what is wrong with what was measured: findings of the audit, or errors other than
// sold out. A floor that is missed is no error; see Missed.
func (r Report) Err() error {
	var faults []error
	for _, s := range r.Scenarios {
		if len(s.Errors) > 0 {
			faults = append(faults, fmt.Errorf("%s: operations failed: %s", s.Scenario, report.Counts(s.Errors)))
		}
	}
	if !r.Audit.Clean {
		faults = append(faults, fmt.Errorf("the audit found %d broken rows: %s", r.Audit.Broken, strings.Join(r.Audit.Examples, "; ")))
	}
	return errors.Join(faults...)
}

func (r *run) newReport(ctx context.Context) (Report, error) {
	made := Report{
		StartedAt: time.Now().UTC(), Version: r.Version,
		Machine: Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0)},
		Settings: Settings{
			Clients: r.Clients, Regions: r.ClientRegions, Through: "the regions' own addresses", Duration: r.Duration.Seconds(),
			WarmUp: r.WarmUp.Seconds(),
			Rounds: r.Rounds, Lines: r.Lines, Products: len(r.goods.products), SKUs: len(r.goods.articles), HotStock: r.Stock,
		},
	}
	if r.goods.hot.sku != "" {
		made.Settings.SKUs++
	}
	if r.ThroughEdge {
		made.Settings.Through = "the edge"
	}
	var err error
	made.Database, err = describeDatabase(ctx, r.db)
	return made, err
}

// describeDatabase returns how the server keeps what is committed.
func describeDatabase(ctx context.Context, db *database.DB) (Database, error) {
	d := Database{Engine: string(db.Engine()), Durable: true}
	var err error
	if d.Version, err = database.One(ctx, db, pgx.RowTo[string], `SELECT version()`); err != nil {
		return d, fmt.Errorf("ask the database's version: %w", err)
	}
	if db.Engine() != database.PostgreSQL {
		return d, nil // CockroachDB has no switch for it: a commit is on the disks of a quorum
	}
	for _, setting := range []struct {
		name string
		into *string
	}{
		{"fsync", &d.Fsync}, {"synchronous_commit", &d.SynchronousCommit}, {"full_page_writes", &d.FullPageWrites},
		{"wal_level", &d.WALLevel}, {"default_transaction_isolation", &d.Isolation},
	} {
		if *setting.into, err = database.One(ctx, db, pgx.RowTo[string], `SELECT current_setting($1)`, setting.name); err != nil {
			return d, fmt.Errorf("ask the database's settings: %w", err)
		}
	}
	d.Durable = d.Fsync == "on" && d.SynchronousCommit != "off" && d.FullPageWrites == "on"
	d.Connections, err = database.One(ctx, db, pgx.RowTo[int64], `
SELECT count(*)
FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'meridian-%' AND application_name NOT LIKE 'meridian-bench%'`)
	return d, err
}

func (r *run) newResult(s Scenario, shop sample, retries map[string]float64, limits []limit, bare []sample) Result {
	result := Result{
		Scenario: s.Name, About: s.About, Unit: s.unit, Operations: shop.done, Seconds: shop.elapsed.Seconds(), Throughput: shop.perSecond(),
		SoldOut: shop.tally.soldOut, Errors: shop.tally.errors,
		Latency: shop.tally.took.Latency(), Calls: make(map[string]report.Latency),
		Retries: retries, LeftForWorkers: shop.waiting, CPU: shop.cpu, Limits: []Limit{},
	}
	for _, call := range shop.tally.calls.List() {
		if call.Latency.Count > 0 {
			result.Calls[call.Name] = call.Latency
		}
	}
	sums := shop.tally.calls.Sum()
	result.Requests = sums.Requests
	if s.orders {
		untilPaid := shop.tally.paid.Latency()
		result.UntilPaid = &untilPaid
	}
	if n := float64(shop.tally.begun()); n > 0 {
		result.TripsPerOperation = float64(sums.RoundTrips) / n
		for _, count := range retries {
			result.RetriesPerOperation += count / n
		}
	}
	for i, l := range limits {
		result.Limits = append(result.Limits, newLimit(l, bare[i], result.Throughput))
	}
	if s.combine != nil {
		result.Limits = s.combine(result.Limits, result.Throughput)
	}
	return result
}

func newLimit(l limit, bare sample, throughput float64) Limit {
	result := Limit{
		About: l.about, Operations: bare.done, Seconds: bare.elapsed.Seconds(), Throughput: bare.perSecond(),
		Latency: bare.tally.took.Latency(), CPU: bare.cpu, Conflicts: bare.conflicts,
	}
	if result.Throughput > 0 {
		result.Ratio = throughput / result.Throughput
	}
	if l.loop != nil {
		result.Statements, result.Rows = l.loop.Statements, l.loop.Rows
		result.Connections, result.Sweep = l.loop.best, l.loop.sweep
	}
	return result
}
