package indexer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"meridian/internal/database"
)

// JobKind is what is asked of an index.
type JobKind string

// The kinds of jobs.
const (
	Reindex JobKind = "reindex" // build it anew, beside the live one
	Compare JobKind = "compare" // find what differs from the database, and mend it
)

// JobStatus is how far a job is.
type JobStatus string

// The states of a job.
const (
	JobPending JobStatus = "pending"
	JobRunning JobStatus = "running"
	JobDone    JobStatus = "done"
	JobFailed  JobStatus = "failed"
)

// A Job is something that an operator asks of one index. The process that feeds the index does it, and goes on with it
// after a kill.
type Job struct {
	Region  string
	ID      uuid.UUID
	Replica string
	Kind    JobKind
	// DryRun of a comparison finds, and changes nothing.
	DryRun bool
	Status JobStatus
	// Done and Total are products; Total is 0 until it is known.
	Done, Total int
	// Comparison is what a comparison has found so far.
	Comparison Comparison
	// Error is why it failed.
	Error string
	// Silent is how long nothing was heard of it.
	Silent time.Duration
}

// Ended reports whether nothing more comes of the job.
func (j Job) Ended() bool { return j.Status == JobDone || j.Status == JobFailed }

// ErrNoReplica is returned for a region none of whose indexes is fed.
var ErrNoReplica = errors.New("no search index is fed there: is the region open, and does it have an engine?")

// Ask asks something of every index of a region, and returns the jobs. It fails with ErrNoReplica. One round trip.
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

// Jobs returns jobs of a region as they are now. One round trip.
func Jobs(ctx context.Context, db *database.DB, region string, ids []uuid.UUID) ([]Job, error) {
	jobs, err := database.List(ctx, db, scanJob, `
SELECT `+jobColumns+`
FROM search_jobs
WHERE region = $1 AND id = ANY($2::uuid[])
ORDER BY replica, id`, region, ids)
	if err != nil {
		return nil, fmt.Errorf("look at search jobs: %w", err)
	}
	return jobs, nil
}

const jobColumns = `region::text, id, replica, kind, dry_run, status, done, total, result, error,
  (extract(epoch FROM now() - updated_at) * 1000000)::int8 AS silent`

func scanJob(row pgx.CollectableRow) (j Job, err error) {
	var result []byte
	var micros int64
	if err := row.Scan(&j.Region, &j.ID, &j.Replica, &j.Kind, &j.DryRun, &j.Status, &j.Done, &j.Total, &result, &j.Error, &micros); err != nil {
		return Job{}, err
	}
	j.Silent = time.Duration(micros) * time.Microsecond
	if err := json.Unmarshal(result, &j.Comparison); err != nil {
		return Job{}, fmt.Errorf("read the result of search job %s: %w", j.ID, err)
	}
	return j, nil
}

// task is a job as it is done: a step after the other, between those of the feed.
type task interface {
	// step does a little. done is true at the end of the job. An error is tried again, but *jobError ends the job.
	step(ctx context.Context) (done bool, err error)
	// progress sets how far it is.
	progress(j *Job)
	state() State
}

// jobError is for what trying again does not mend.
type jobError struct{ error }

// running is the job that is done now.
type running struct {
	job  Job
	task task
	told time.Time
}

// findJob is the index's longest waiting job, or the one that a process before this one had begun; nil for none.
func (x *Indexer) findJob(ctx context.Context) (*running, error) {
	jobs, err := database.List(ctx, x.DB, scanJob, `
SELECT `+jobColumns+`
FROM search_jobs
WHERE region = $1 AND replica = $2 AND status IN ('pending', 'running')
ORDER BY created_at, id
LIMIT 1`, x.DB.Region(), x.Replica)
	if err != nil {
		return nil, fmt.Errorf("look for search jobs: %w", err)
	}
	if len(jobs) == 0 {
		return nil, nil
	}
	r := &running{job: jobs[0]}
	r.job.Status = JobRunning
	if r.job.Kind == Reindex {
		r.task = &reindexing{Indexer: x, id: r.job.ID}
	} else {
		r.task = &comparing{Indexer: x, feed: x.live, mend: !r.job.DryRun, found: r.job.Comparison}
	}
	return r, nil
}

// toldEvery is how often those who wait are told how far a job is.
const toldEvery = 500 * time.Millisecond

// doJob does a step of the job, if there is one. busy is true where it goes on at once.
func (x *Indexer) doJob(ctx context.Context) (busy bool, err error) {
	r := x.job
	if r == nil {
		return false, nil
	}
	done, err := r.task.step(ctx)
	var failed *jobError
	switch {
	case errors.As(err, &failed):
		r.job.Status, r.job.Error = JobFailed, database.Text(failed.Error())
	case err != nil:
		return false, fmt.Errorf("%s: %w", r.job.Kind, err)
	case done:
		r.job.Status = JobDone
	}
	if !r.job.Ended() && time.Since(r.told) < toldEvery {
		return true, nil
	}
	r.task.progress(&r.job)
	if err := x.saveJob(ctx, r.job); err != nil {
		return false, err
	}
	r.told = time.Now()
	if r.job.Ended() {
		x.job, x.looked = nil, time.Time{} // there may be another
	}
	return true, nil
}

func (x *Indexer) saveJob(ctx context.Context, j Job) error {
	result, err := json.Marshal(j.Comparison, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("write the result of a search job: %w", err)
	}
	err = x.DB.WriteIdempotent(ctx, func(b *database.Batch) error {
		// $1 = region, $2 = id, $3 = status, $4 = done, $5 = total, $6 = result, $7 = error
		b.Queue(`
UPDATE search_jobs
SET status = $3, done = $4, total = $5, result = $6::text::jsonb, error = $7, updated_at = now()
WHERE region = $1 AND id = $2`, j.Region, j.ID, j.Status, j.Done, j.Total, string(result), j.Error)
		return nil
	})
	if err != nil {
		return fmt.Errorf("save search job %s: %w", j.ID, err)
	}
	return nil
}
