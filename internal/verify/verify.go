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
	"github.com/jackc/pgx/v5/pgconn"

	"meridian/internal/database"
	"meridian/regions"
)

// Options says how to audit. Regions must be set.
type Options struct {
	// Regions decide where accounts and guests' orders must be at home.
	Regions *regions.Set
	// Checks are the names of the checks to run; none means all.
	Checks []string
	// Examples is how many broken rows of each check are kept; 20 if zero, none if negative.
	Examples int
	// Strict makes what is merely overdue count as broken.
	Strict bool
	// Report, if not nil, is told of each check as it ends.
	Report func(Result)
}

// ErrUnknownCheck is returned for a name that no check has.
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
	// Warning says that the check is about what is overdue, not about what is wrong.
	Warning bool `json:"warning"`
	// Examined is how many rows the table has that the check goes through.
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
	// warning is set where a row is not wrong but late.
	warning bool
	// over is the table whose rows are examined.
	over string
	// prefix makes the public id of a row whose key is a uuid; a key is shown as it is
	// where it is "".
	prefix string
	// args are the statement's, if it has any.
	args func(*regions.Set) []any
	// broken is the statement: it yields region, key and problem of each broken row.
	broken string
}

// checks are all of them, a file a subject.
var checks = slices.Concat(stockChecks, orderChecks, paymentChecks, peopleChecks, cartChecks, catalogChecks, eventChecks)

// Names lists every check, in the order in which they run.
func Names() []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.name
	}
	return names
}

// Run audits the database. The error says that the audit could not be done, not that
// something is broken: that is in the report.
func Run(ctx context.Context, db *database.DB, o Options) (Report, error) {
	chosen, err := choose(o.Checks)
	if err != nil {
		return Report{}, err
	}
	if o.Examples == 0 {
		o.Examples = defaultExamples
	}
	report := Report{StartedAt: time.Now().UTC(), Engine: db.Engine()}
	sizes := make(map[string]int64)
	for _, c := range chosen {
		result, err := c.run(ctx, db, o)
		if err == nil {
			result.Examined, err = examined(ctx, db, sizes, c.over)
		}
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

func (r *Report) add(result Result) {
	r.Results = append(r.Results, result)
	if result.Warning {
		r.Overdue += result.Broken
	} else {
		r.Broken += result.Broken
	}
}

// examined is how many rows a table has, counted once an audit.
func examined(ctx context.Context, db *database.DB, sizes map[string]int64, table string) (int64, error) {
	if n, ok := sizes[table]; ok {
		return n, nil
	}
	n, err := database.One(ctx, db, pgx.RowTo[int64], `SELECT count(*) FROM `+pgx.Identifier{table}.Sanitize())
	sizes[table] = n
	return n, err
}

// maxAttempts bounds how often a check is run that lost to the shop's own transactions.
const maxAttempts = 10

// run streams the check's broken rows, from the start again if it loses to a transaction
// of the shop.
func (c check) run(ctx context.Context, db *database.DB, o Options) (Result, error) {
	var args []any
	if c.args != nil {
		args = c.args(o.Regions)
	}
	for attempt := 1; ; attempt++ {
		result := Result{Check: c.name, About: c.about, Warning: c.warning, Examples: []Example{}}
		err := database.Each(ctx, db, scanBroken, func(b broken) error {
			result.Broken++
			if len(result.Examples) < o.Examples {
				result.Examples = append(result.Examples, Example{Region: b.region, ID: c.publicID(o.Regions, b), Problem: b.problem})
			}
			return nil
		}, c.broken, args...)
		if !lost(err) || attempt == maxAttempts {
			return result, err
		}
	}
}

// lost reports whether a statement failed only because of what others did meanwhile.
func lost(err error) bool {
	var pgErr *pgconn.PgError
	return errors.As(err, &pgErr) && pgErr.Code == "40001"
}

// broken is a row that a check yields.
type broken struct{ region, key, problem string }

func scanBroken(row pgx.CollectableRow) (broken, error) {
	var b broken
	err := row.Scan(&b.region, &b.key, &b.problem)
	return b, err
}

// publicID is the row's id as everybody else knows it.
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
