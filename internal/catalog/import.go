package catalog

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
	"meridian/internal/invalid"
	"meridian/regions"
)

// Format is how a file of products is written; the package's comment says how.
type Format string

// The formats of files.
const (
	FormatCSV    Format = "csv"
	FormatNDJSON Format = "ndjson"
)

// FormatOf returns the format that a file's name tells; ok is false when it tells none.
func FormatOf(name string) (format Format, ok bool) {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".csv"):
		return FormatCSV, true
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		return FormatNDJSON, true
	}
	return "", false
}

// Policy is what becomes of the good lines when there are bad ones.
type Policy string

// The policies of imports.
const (
	KeepGood     Policy = "keep_good"
	AllOrNothing Policy = "all_or_nothing"
)

// MaxAllOrNothingLines is how many lines a file may have under AllOrNothing, which applies
// it in one transaction.
const MaxAllOrNothingLines = 100_000

// ErrImportOvertaken is returned when another process imports the same file and is ahead.
var ErrImportOvertaken = errors.New("another process is importing this file")

// ErrChangedMeanwhile is returned when a line of an AllOrNothing import was good and, by
// another's edit, is not any more. Nothing was applied.
var ErrChangedMeanwhile = errors.New("the catalogue changed while the file was checked: import it again")

// TooManyLinesError is returned for a file that is too long for AllOrNothing.
type TooManyLinesError struct{}

func (*TooManyLinesError) Error() string {
	return fmt.Sprintf("all_or_nothing takes files of at most %d lines: split the file, or use keep_good", MaxAllOrNothingLines)
}

// ImportInput is a file to be imported.
type ImportInput struct {
	Seller uuid.UUID
	// Source is the file, which must not change meanwhile, and Size its length in bytes.
	Source io.ReaderAt
	Size   int64
	Format Format
	Policy Policy
	// Gate keeps back prices of products that are there already; nil none.
	Gate *Gate
	// Progress, if not nil, is told after each chunk how many lines and bytes are done, of
	// how many bytes. AllOrNothing reads the file twice: the total is then twice the size.
	Progress func(lines, bytes, total int64)
}

// Validate reports what is wrong with the input as *invalid.Error.
func (in ImportInput) Validate() error {
	var f invalid.List
	if in.Format != FormatCSV && in.Format != FormatNDJSON {
		f.Add("format", "must be csv or ndjson")
	}
	if in.Policy != KeepGood && in.Policy != AllOrNothing {
		f.Add("policy", "must be keep_good or all_or_nothing")
	}
	if in.Source == nil || in.Size < 0 {
		f.Add("source", "must be a file")
	}
	return f.Err("import")
}

// ImportStatus is how far an import is.
type ImportStatus string

// The states of an import. A running one is worked on; an interrupted one was, by a process that is gone, and goes on
// when its file is imported again; a failed one applied nothing.
const (
	ImportRunning     ImportStatus = "running"
	ImportInterrupted ImportStatus = "interrupted"
	ImportDone        ImportStatus = "done"
	ImportFailed      ImportStatus = "failed"
)

// An ImportRecord is what is kept of an import.
type ImportRecord struct {
	// Ref is its id and the region where it ran.
	Ref    regions.Ref
	Seller uuid.UUID
	Format Format
	Policy Policy
	Status ImportStatus
	// LinesDone is how many lines of the file have been dealt with.
	LinesDone int64
	// ProductsWritten were added or changed; ProductsUnchanged were as the file says already.
	ProductsWritten   int64
	ProductsUnchanged int64
	// LinesBad is how many lines have a fault.
	LinesBad   int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt *time.Time
}

// A BadLine is what is wrong with a line of a file.
type BadLine struct {
	// Line counts from 1.
	Line int64
	// Field is the member or column; "line" is all of it.
	Field  string
	Reason string
}

// ImportReport is the outcome of an import.
type ImportReport struct {
	ImportRecord
	// Errors are the first of the bad lines, at most ReportedErrors; ListImportErrors has more.
	Errors []BadLine
	// Resumed says that the import went on where an earlier call had stopped.
	Resumed bool
	// Waiting is how many prices the gate kept back, of the lines that this call applied.
	Waiting int
}

const (
	// ReportedErrors is how many bad lines a report has.
	ReportedErrors = 100
	// maxStoredErrors is how many are kept of an import.
	maxStoredErrors = 10_000
)

// Import upserts the products of a file and reports how it went; that lines are bad is part
// of the report, not an error. It returns *invalid.Error for input or a header that is wrong,
// *TooManyLinesError, ErrChangedMeanwhile and ErrImportOvertaken. Whatever else stops it, calling it again with
// the same file goes on, and a file that has been imported is written again only where
// something differs. Two round trips a chunk of up to 200 products, one of which only reads.
func (c *Catalog) Import(ctx context.Context, in ImportInput) (ImportReport, error) {
	if err := in.Validate(); err != nil {
		return ImportReport{}, err
	}
	if _, err := newChunkReader(in); err != nil {
		return ImportReport{}, err
	}
	run, err := c.beginImport(ctx, in)
	if err != nil {
		return ImportReport{}, fmt.Errorf("begin import: %w", err)
	}
	if in.Policy == AllOrNothing {
		err = run.allOrNothing(ctx)
	} else {
		err = run.keepGood(ctx)
	}
	if err != nil {
		return ImportReport{}, fmt.Errorf("import products: %w", err)
	}
	return run.report(ctx)
}

// An importRun is one call of Import at work.
type importRun struct {
	catalog *Catalog
	in      ImportInput
	// row is the import as it was last seen in the database.
	row     ImportRecord
	resumed bool
	// stored is how many bad lines are kept.
	stored int
	// waiting is how many prices the gate kept back.
	waiting int
	// beaten is when the import last said that it is worked on.
	beaten time.Time
	// categories are those known to exist.
	categories map[string]bool
}

// beginImport adds the import's row, or finds the one that an earlier call left running.
func (c *Catalog) beginImport(ctx context.Context, in ImportInput) (*importRun, error) {
	source, err := sourceOf(in)
	if err != nil {
		return nil, err
	}
	run := &importRun{catalog: c, in: in, categories: make(map[string]bool)}
	id := uuid.New()
	err = c.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = seller, $4 = source, $5 = format, $6 = policy
		b.Queue(`
INSERT INTO imports (region, id, seller_id, source, format, policy)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (region, seller_id, source) WHERE status = 'running' DO UPDATE
SET updated_at = now(), alive_until = now() + INTERVAL '1 minute'
RETURNING `+importColumns, c.db.Region(), id, in.Seller, source, in.Format, in.Policy).
			Query(func(rows pgx.Rows) (err error) {
				run.row, err = pgx.CollectExactlyOneRow(rows, scanImport)
				return err
			})
		b.Queue(`
SELECT count(*)
FROM import_errors e
JOIN imports i ON i.region = e.region AND i.id = e.import_id
WHERE i.region = $1 AND i.seller_id = $2 AND i.source = $3 AND i.status = 'running'`,
			c.db.Region(), in.Seller, source).QueryRow(func(row pgx.Row) error { return row.Scan(&run.stored) })
		return nil
	})
	run.resumed = run.row.Ref.ID != id
	if database.Violates(err, "imports_seller_fkey") {
		return nil, ErrNotFound
	}
	return run, err
}

// sourceOf names a file's content together with how it is imported: the same is the same
// import.
func sourceOf(in ImportInput) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", in.Format, in.Policy)
	if _, err := io.Copy(h, io.NewSectionReader(in.Source, 0, in.Size)); err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (run *importRun) report(ctx context.Context) (ImportReport, error) {
	row, err := run.catalog.GetImport(ctx, run.in.Seller, run.row.Ref)
	if err != nil {
		return ImportReport{}, err
	}
	report := ImportReport{ImportRecord: row, Resumed: run.resumed, Waiting: run.waiting}
	if row.LinesBad == 0 {
		return report, nil
	}
	page, err := run.catalog.ListImportErrors(ctx, ImportErrorFilter{
		Seller: run.in.Seller, Import: row.Ref, PageFilter: database.PageFilter[LinePosition]{Limit: ReportedErrors},
	})
	report.Errors = page.Items
	return report, err
}

// Until when an import that is worked on says so: while a file is read, and while all of it is applied in one
// transaction, which touches its row only at the end.
const (
	aliveReading  = time.Minute
	aliveApplying = 15 * time.Minute
	beatEvery     = 15 * time.Second
)

// beat says that the import is worked on, for so long from now.
func (run *importRun) beat(ctx context.Context, alive time.Duration) error {
	run.beaten = time.Now()
	return run.catalog.db.WriteIdempotent(ctx, func(b *database.Batch) error {
		b.Queue(`
UPDATE imports SET alive_until = now() + $3::int8 * INTERVAL '1 second'
WHERE region = $1 AND id = $2 AND status = 'running'`, run.row.Ref.Region, run.row.Ref.ID, int64(alive/time.Second))
		return nil
	})
}

func (run *importRun) progress(lines, bytes, total int64) {
	if run.in.Progress != nil {
		run.in.Progress(lines, bytes, total)
	}
}
