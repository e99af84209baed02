package verify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/regions"
)

// Options configure an audit. Regions must be set.
type Options struct {
	// Regions decide where accounts and guests' orders belong.
	Regions *regions.Set
	// Checks are the names of the checks to run; none means all.
	Checks []string
	// Examples is how many broken rows of each check are kept; 20 if zero, none if negative.
	Examples int
	// Strict counts overdue rows as broken.
	Strict bool
	// Background is for audits by a pod that also serves shoppers. The checks of stock rows then read
	// the stock in parts of 2,000 rows, so that no statement takes long. On CockroachDB the nearest
	// replica answers, whose data may be some seconds old, and two parts may be of two moments.
	Background bool
	// Report, if not nil, is called with the result of each check as it ends.
	Report func(Result)
}

// ErrUnknownCheck is returned for a name that is not a check's.
var ErrUnknownCheck = errors.New("there is no check")

// defaultExamples is how many broken rows of a check are kept.
const defaultExamples = 20

// Report is the outcome of an audit.
type Report struct {
	StartedAt time.Time       `json:"started_at"`
	Engine    database.Engine `json:"engine"`
	Results   []Result        `json:"checks"`
	// Broken is how many rows break an invariant, Overdue how many wait for too long.
	Broken  int64 `json:"broken"`
	Overdue int64 `json:"overdue"`
	// Clean says that nothing is broken; with Options.Strict, nor overdue.
	Clean bool `json:"clean"`
}

// Result is the outcome of one check.
type Result struct {
	Check string `json:"check"`
	// About is the invariant in words.
	About string `json:"about"`
	// Warning says that the check finds rows that are overdue rather than wrong.
	Warning bool `json:"warning"`
	// Examined is the number of rows of the table that the check reads.
	Examined int64 `json:"examined"`
	// Broken is how many rows the invariant does not hold for; Examples are the first of them.
	Broken   int64     `json:"broken"`
	Examples []Example `json:"examples"`
}

// Example is a row that an invariant does not hold for.
type Example struct {
	Region  string `json:"region,omitempty"`
	ID      string `json:"id"`
	Problem string `json:"problem"`
}

// check is one invariant.
type check struct {
	name, about string
	// warning says that the rows are late rather than wrong.
	warning bool
	// over is the table whose rows are examined.
	over string
	// prefix is that of the public ids of rows whose key is a uuid. Without one, keys are shown
	// as they are.
	prefix string
	// args returns the statement's arguments, if it has any.
	args func(*regions.Set) []any
	// broken is the statement, which returns region, key and problem of each broken row. Its text is
	// had by the method text.
	broken string
}

// checks lists every check; each subject has a file.
var checks = slices.Concat(stockChecks, orderChecks, priceChecks, paymentChecks, peopleChecks, cartChecks, catalogChecks, ratingChecks,
	eventChecks, limitChecks)

// Names lists every check, in the order in which they run.
func Names() []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.name
	}
	return names
}

// Run audits the database. It returns an error only if the audit could not be done: what is broken is in the report.
func Run(ctx context.Context, db *database.DB, o Options) (Report, error) {
	chosen, err := choose(o.Checks)
	if err != nil {
		return Report{}, err
	}
	if o.Examples == 0 {
		o.Examples = defaultExamples
	}
	report := Report{StartedAt: time.Now().UTC(), Engine: db.Engine()}
	a := audit{db: db, Options: o, sizes: make(map[string]int64)}
	for _, c := range chosen {
		result, err := a.check(ctx, c)
		if err != nil {
			return report, fmt.Errorf("check %s: %w", c.name, err)
		}
		report.add(result)
		if o.Report != nil {
			o.Report(result)
		}
	}
	report.Clean = report.Broken == 0 && (report.Overdue == 0 || !o.Strict)
	return report, nil
}

// choose returns the checks of these names, or all of them if there are none.
func choose(names []string) ([]check, error) {
	if len(names) == 0 {
		return checks, nil
	}
	var chosen []check
	for _, name := range names {
		i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w %q: choose of %s", ErrUnknownCheck, name, strings.Join(Names(), ", "))
		}
		chosen = append(chosen, checks[i])
	}
	return chosen, nil
}

// add adds a check's result to the report and its totals.
func (r *Report) add(result Result) {
	r.Results = append(r.Results, result)
	if result.Warning {
		r.Overdue += result.Broken
	} else {
		r.Broken += result.Broken
	}
}

// newResult returns a check's result before any row was seen.
func (c check) newResult() Result {
	return Result{Check: c.name, About: c.about, Warning: c.warning, Examples: []Example{}}
}

// note counts a broken row and keeps it as an example while there is room.
func (c check) note(r *Result, o Options, b broken) {
	r.Broken++
	if len(r.Examples) < o.Examples {
		r.Examples = append(r.Examples, Example{Region: b.region, ID: c.publicID(o.Regions, b), Problem: b.problem})
	}
}

// arguments returns the arguments of the check's statement.
func (c check) arguments(o Options) []any {
	if c.args == nil {
		return nil
	}
	return c.args(o.Regions)
}

// undisturbed prepares a transaction to read whole tables of an open shop. PostgreSQL waits for a snapshot that conflicts
// with no transaction in flight; otherwise the audit and the shop's transactions would make each other fail.
func undisturbed(ctx context.Context, db *database.DB, tx pgx.Tx) error {
	if db.Engine() != database.PostgreSQL {
		return nil
	}
	if _, err := tx.Exec(ctx, `SET TRANSACTION READ ONLY, DEFERRABLE`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, database.WholeTables)
	return err
}

// broken is a row that a check returns.
type broken struct{ region, key, problem string }

// publicID returns the row's public id.
func (c check) publicID(set *regions.Set, b broken) string {
	id, err := uuid.Parse(b.key)
	if err != nil || c.prefix == "" {
		return b.key
	}
	if b.region == "" {
		return regions.FormatGlobalID(c.prefix, id)
	}
	return set.FormatID(c.prefix, regions.Ref{Region: b.region, ID: id})
}
