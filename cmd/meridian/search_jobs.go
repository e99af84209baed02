package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"meridian/internal/database"
	"meridian/internal/search/indexer"
	"meridian/regions"
)

func newSearchReindexCommand() *cobra.Command {
	var shop searchFlags
	var detach bool
	command := &cobra.Command{
		Use:   "reindex",
		Short: "Rebuild search indexes beside the live ones, and swap them in",
		Long: `Rebuilds the search indexes of a region, or of all regions, while shoppers search the live
ones. Each new index is filled beside the live one, edits go to both, and once it matches
the database it replaces the live one in one step. A rebuild survives a crash of the
process that runs it. The command waits for the end, and exits 1 if an index could not be
built.`,
		Example: `  meridian search reindex --region eu-west
  meridian search reindex --detach --database-url postgres://shop@db.example:26257/shop`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return searchJobs(c, &shop, indexer.Reindex, false, detach, writeReindexed)
		},
	}
	shop.register(command)
	command.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return command
}

func newSearchCompareCommand() *cobra.Command {
	var shop searchFlags
	var dryRun, detach bool
	command := &cobra.Command{
		Use:   "compare",
		Short: "Find and correct differences between the search indexes and the database",
		Long: `Compares every product with its document in the search indexes of a region, or of all
regions, and corrects what differs: products that are missing, that should not be there,
of an older version, or of other content. Products may be edited meanwhile; an edit that
is on its way does not count. Products that were set aside are tried again.

It exits 0 if there was no difference or all were corrected, and 1 if any is left.`,
		Example: `  meridian search compare
  meridian search compare --region us-east --dry-run`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return searchJobs(c, &shop, indexer.Compare, dryRun, detach, writeCompared)
		},
	}
	shop.register(command)
	command.Flags().BoolVar(&dryRun, "dry-run", false, "change nothing; exits 1 if there is a difference")
	command.Flags().BoolVar(&detach, "detach", false, "do not wait for the end")
	return command
}

// searchJobs creates a job for every index of the selected regions. Unless detached, it waits for the jobs and writes
// their results; a result that is not good is an error.
func searchJobs(c *cobra.Command, shop *searchFlags, kind indexer.JobKind, dryRun, detach bool,
	write func(out io.Writer, j indexer.Job) error) error {
	db, names, err := shop.open(c)
	if err != nil {
		return err
	}
	defer db.Close()
	var jobs []indexer.Job
	var errs []error
	for _, region := range names {
		asked, err := indexer.Ask(c.Context(), db, region, kind, dryRun)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", region, err))
		}
		jobs = append(jobs, asked...)
	}
	if detach {
		fmt.Fprintf(c.OutOrStdout(), "Asked for %d; see meridian search status.\n", len(jobs))
		return errors.Join(errs...)
	}
	jobs, err = awaitSearchJobs(c, db, kind, jobs)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	for _, j := range jobs {
		if err := write(c.OutOrStdout(), j); err != nil {
			errs = append(errs, fmt.Errorf("%s, %s: %w", j.Region, j.Replica, err))
		}
	}
	return errors.Join(errs...)
}

const (
	// jobsEvery is how often the progress of jobs is read.
	jobsEvery = 300 * time.Millisecond
	// jobAbandoned is how long a job may report nothing before the command stops waiting: no process runs it.
	jobAbandoned = time.Minute
)

var errJobAbandoned = errors.New("nobody goes on with it; the job stays, and is done when the region's index is fed again (meridian " +
	"search status)")

// awaitSearchJobs waits until all jobs have ended, and returns their final states in the same order.
func awaitSearchJobs(c *cobra.Command, db *database.DB, kind indexer.JobKind, jobs []indexer.Job) ([]indexer.Job, error) {
	bar := newProgress(c.ErrOrStderr(), progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("products"),
		progressbar.OptionSetDescription(string(kind)))
	defer bar.end()
	for {
		if err := refreshSearchJobs(c.Context(), db, jobs); err != nil {
			return nil, err
		}
		var done, total int64
		waiting := false
		for _, j := range jobs {
			done, total = done+int64(j.Done), total+int64(j.Total)
			waiting = waiting || !j.Ended() && j.Error == ""
		}
		if total > 0 { // some job has begun
			bar.report(done, total, fmt.Sprintf("%d of %d products", done, total))
		}
		if !waiting {
			return jobs, nil
		}
		select {
		case <-c.Context().Done():
			return nil, fmt.Errorf("stopped waiting; the %s goes on: see meridian search status", kind)
		case <-time.After(jobsEvery):
		}
	}
}

// refreshSearchJobs reads the jobs that have not ended, one region at a time.
func refreshSearchJobs(ctx context.Context, db *database.DB, jobs []indexer.Job) error {
	open := make(map[string][]uuid.UUID)
	for _, j := range jobs {
		if !j.Ended() {
			open[j.Region] = append(open[j.Region], j.ID)
		}
	}
	for region, ids := range open {
		now, err := indexer.Jobs(ctx, db, region, ids)
		if err != nil {
			return err
		}
		for _, j := range now {
			if !j.Ended() && j.Silent > jobAbandoned {
				j.Error = errJobAbandoned.Error()
			}
			jobs[slices.IndexFunc(jobs, func(old indexer.Job) bool { return old.ID == j.ID })] = j
		}
	}
	return nil
}

// writeReindexed writes the result of a reindex.
func writeReindexed(out io.Writer, j indexer.Job) error {
	if j.Status != indexer.JobDone {
		return errors.New(j.Error)
	}
	fmt.Fprintf(out, "%-14s %s: built anew, %d documents\n", j.Region, j.Replica, j.Done)
	return nil
}

// writeCompared writes the result of a comparison.
func writeCompared(out io.Writer, j indexer.Job) error {
	if j.Status != indexer.JobDone {
		return errors.New(j.Error)
	}
	found := j.Comparison
	fmt.Fprintf(out, "%-14s %s: %d products compared, %d differ, %d mended\n", j.Region, j.Replica, found.Compared, found.Total(),
		found.Mended)
	for _, what := range []indexer.Difference{indexer.Missing, indexer.Extra, indexer.OlderVersion, indexer.OtherContent, indexer.CannotBe} {
		if n := found.Differences[what]; n > 0 {
			fmt.Fprintf(out, "  %d %s\n", n, what)
		}
	}
	for _, e := range found.Examples {
		fmt.Fprintf(out, "    %s  %s", regions.FormatGlobalID(regions.ProductPrefix, e.Product), e.What)
		if e.Reason != "" {
			fmt.Fprintf(out, ": %s", e.Reason)
		}
		fmt.Fprintln(out)
	}
	if found.Left > 0 {
		return fmt.Errorf("%d products differ still", found.Left)
	}
	return nil
}
