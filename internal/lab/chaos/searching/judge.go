package searching

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/lab/client"
	"meridian/internal/search/indexer"
)

// judge waits until the feeds have caught up and compares every index with the database.
func (r *run) judge(ctx context.Context) error {
	r.Tell("waiting until every index has caught up")
	began := time.Now()
	if err := r.awaitFeeds(ctx); err != nil {
		return err
	}
	r.result.CaughtUp = time.Since(began).Seconds()
	for _, region := range r.Regions.Names() {
		r.Tell("comparing " + region)
		if err := r.compare(ctx, region); err != nil {
			return fmt.Errorf("compare %s: %w", region, err)
		}
	}
	return nil
}

const (
	// slack is how old a feed's last report of itself may be.
	slack = 3 * time.Second
	// pollEvery is the pause between two looks at the feeds or their jobs.
	pollEvery = 100 * time.Millisecond
)

// awaitFeeds waits until each region's index follows, and holds everything that was committed before this call. It fails
// when that takes longer than CatchUp.
func (r *run) awaitFeeds(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.CatchUp)
	defer cancel()
	var replicas []indexer.Replica
	err := client.Poll(ctx, pollEvery, func() (bool, error) {
		now, err := indexer.Replicas(ctx, r.db, r.Regions.Names())
		if err != nil {
			return false, err
		}
		replicas = now
		following := make(map[string]bool)
		for _, replica := range replicas {
			if replica.State == indexer.StateFollowing && replica.Lag >= 0 && replica.Lag < time.Since(began)-slack {
				following[replica.Region] = true
			}
		}
		return len(following) == len(r.Regions.Names()), nil
	})
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("not every index has caught up within %s: %+v: %w", r.CatchUp, replicas, ctx.Err())
	}
	return err
}

// compare compares a region's indexes with the database, without mending.
func (r *run) compare(ctx context.Context, region string) error {
	asked, err := indexer.Ask(ctx, r.db, region, indexer.Compare, true)
	if err != nil {
		return err
	}
	var ids []uuid.UUID
	for _, job := range asked {
		ids = append(ids, job.ID)
	}
	ctx, cancel := context.WithTimeout(ctx, r.CatchUp)
	defer cancel()
	var jobs []indexer.Job
	err = client.Poll(ctx, pollEvery, func() (bool, error) {
		ended := 0
		if jobs, err = indexer.Jobs(ctx, r.db, region, ids); err != nil {
			return false, err
		}
		for _, job := range jobs {
			if job.Status == indexer.JobFailed {
				return false, fmt.Errorf("job %s: %s", job.ID, job.Error)
			}
			if job.Ended() {
				ended++
			}
		}
		return ended == len(ids), nil
	})
	if err != nil {
		return err
	}
	for _, job := range jobs {
		r.result.Compared[region] += job.Comparison.Compared
		r.result.Different[region] += job.Comparison.Total()
		for _, example := range job.Comparison.Examples {
			r.result.Examples = append(r.result.Examples, fmt.Sprintf("%s: %s %s %s", region, example.Product, example.What, example.Reason))
		}
	}
	return nil
}
