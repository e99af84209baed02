package indexer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// JobKind is the kind of a job.
type JobKind string

// The kinds of jobs.
const (
	Reindex JobKind = "reindex" // build a new index beside the live one
	Compare JobKind = "compare" // find and correct differences from the database
)

// JobStatus is the status of a job.
type JobStatus string

// The statuses of a job.
const (
	JobPending JobStatus = "pending"
	JobRunning JobStatus = "running"
	JobDone    JobStatus = "done"
	JobFailed  JobStatus = "failed"
)

// A Job is an operator's task for one index. The process that feeds the index runs it, and resumes it after a kill.
type Job struct {
	Region  string
	ID      uuid.UUID
	Replica string
	Kind    JobKind
	// DryRun makes a comparison change nothing.
	DryRun bool
	Status JobStatus
	// Done and Total are numbers of products; Total is 0 until known.
	Done, Total int
	// Comparison is the result of a comparison so far.
	Comparison Comparison
	// Error is why the job failed.
	Error string
	// Silent is the time since the job last reported its progress.
	Silent time.Duration
}

// Ended reports whether the job is done or failed.
func (j Job) Ended() bool { return j.Status == JobDone || j.Status == JobFailed }

// ErrNoReplica is returned for a region without an index that is being fed.
var ErrNoReplica = errors.New("no search index is fed there: is the region open, and does it have an engine?")

// Ask creates a job for every index of a region that is being fed, and returns the jobs. It fails with ErrNoReplica if
// there is none. One round trip.
func Ask(ctx context.Context, db *database.DB, region string, kind JobKind, dryRun bool) ([]Job, error) {
	var jobs []Job
	err := db.Write(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = kind, $3 = dry run
		b.Queue(`
INSERT INTO search_jobs (region, id, replica, kind, dry_run)
SELECT region, gen_random_uuid(), id, $2::text, $3::bool
FROM search_replicas
WHERE region = $1 AND held_until > now()
RETURNING `+jobColumns, region, kind, dryRun).Query(database.Collect(&jobs, scanJob))
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask for a %s: %w", kind, err)
	case len(jobs) == 0:
		return nil, ErrNoReplica
	}
	return jobs, nil
}

// Jobs returns the current state of a region's jobs. One round trip.
func Jobs(ctx context.Context, db *database.DB, region string, ids []uuid.UUID) ([]Job, error) {
	jobs, err := database.List(ctx, db, scanJob, `
SELECT `+jobColumns+`
FROM search_jobs
WHERE region = $1 AND id = ANY($2::uuid[])
ORDER BY replica, id`, region, ids)
	if err != nil {
		return nil, fmt.Errorf("list search jobs: %w", err)
	}
	return jobs, nil
}

const jobColumns = `region::text, id, replica, kind, dry_run, status, done, total, result, error,
  (extract(epoch FROM now() - updated_at) * 1000000)::int8 * 1000 AS silent`

var scanJob = pgx.RowToStructByPos[Job]

// A task does the work of a job in small steps.
type task interface {
	// step returns true at the end of the job. It is repeated after an error, except that *jobError ends the job.
	step(ctx context.Context) (done bool, err error)
	// progress sets the job's progress.
	progress(j *Job)
	state() State
}

// errWaiting is returned by a step of a task that has nothing to do yet.
var errWaiting = errors.New("the job waits for the feed")

// A jobError is an error that trying again does not remove.
type jobError struct{ error }

// running is the current job.
type running struct {
	job   Job
	task  task
	saved time.Time
}

// findJob returns the oldest pending or running job of the index, or nil.
func (x *Indexer) findJob(ctx context.Context) (*running, error) {
	jobs, err := database.List(ctx, x.DB, scanJob, `
SELECT `+jobColumns+`
FROM search_jobs
WHERE region = $1 AND replica = $2 AND status IN ('pending', 'running')
ORDER BY created_at, id
LIMIT 1`, x.DB.Region(), x.Replica)
	if err != nil {
		return nil, fmt.Errorf("find search jobs: %w", err)
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	r := &running{job: jobs[0]}
	r.job.Status = JobRunning
	if r.job.Kind == Reindex {
		r.task = &reindexing{Indexer: x, id: r.job.ID}
	} else {
		r.task = &comparingLive{comparing{Indexer: x, mend: !r.job.DryRun, found: r.job.Comparison}}
	}
	state := r.task.state()
	x.working.Store(&state)
	return r, nil
}

// saveEvery is how often the progress of a job is stored.
const saveEvery = 500 * time.Millisecond

// doJob runs a step of the current job, if there is one. It returns true if the job continues at once.
func (x *Indexer) doJob(ctx context.Context) (busy bool, err error) {
	r := x.job
	if r == nil {
		return false, nil
	}
	done, err := r.task.step(ctx)
	var failed *jobError
	switch {
	case errors.Is(err, errWaiting):
		return false, nil
	case errors.As(err, &failed):
		r.job.Status, r.job.Error = JobFailed, database.Text(failed.Error())
	case err != nil:
		return false, fmt.Errorf("%s: %w", r.job.Kind, err)
	case done:
		r.job.Status = JobDone
	}
	if !r.job.Ended() && time.Since(r.saved) < saveEvery {
		return true, nil
	}
	r.task.progress(&r.job)
	if err := x.saveJob(ctx, r.job); err != nil {
		return false, err
	}
	r.saved = time.Now()
	if r.job.Ended() {
		x.job = nil
		x.working.Store(nil)
	}
	return true, nil
}

func (x *Indexer) saveJob(ctx context.Context, j Job) error {
	err := x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = status, $4 = done, $5 = total, $6 = result, $7 = error
		b.Queue(`
UPDATE search_jobs
SET status = $3, done = $4, total = $5, result = $6, error = $7, updated_at = now()
WHERE region = $1 AND id = $2`, j.Region, j.ID, j.Status, j.Done, j.Total, j.Comparison, j.Error)
		return nil
	})
	if err != nil {
		return fmt.Errorf("save search job %s: %w", j.ID, err)
	}
	return nil
}
