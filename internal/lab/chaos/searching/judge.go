package searching

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search/indexer"
)

// judge waits until the feeds have caught up and compares every index with the database.
func (r *run) judge(ctx context.Context) error {
	r.Tell("waiting until every index has caught up")
	began := time.Now()
	if err := r.caughtUp(ctx); err != nil {
		return err
	}
	r.result.CaughtUp = time.Since(began).Seconds()
	for _, region := range r.Regions.Names() {
		r.Tell("comparing " + region)
		if err := r.compare(ctx, region); err != nil {
			return err
		}
	}
	return nil
}

// caughtUp returns when each region's index follows, and holds everything that was committed before this call.
func (r *run) caughtUp(ctx context.Context) error {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, r.CatchUp)
	defer cancel()
	for {
		replicas, err := indexer.Replicas(ctx, r.db, r.Regions.Names())
		if err != nil {
			return err
		}
		following := make(map[string]bool)
		for _, one := range replicas {
			if one.State == indexer.StateFollowing && one.Lag >= 0 && one.Lag < time.Since(began)-slack {
				following[one.Region] = true
			}
		}
		if len(following) == len(r.Regions.Names()) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not every index has caught up within %s: %+v", r.CatchUp, replicas)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// slack is how old what a feed last told of itself may be.
const slack = 3 * time.Second

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
	for {
		jobs, err := indexer.Jobs(ctx, r.db, region, ids)
		if err != nil {
			return err
		}
		ended := 0
		for _, job := range jobs {
			if job.Status == indexer.JobFailed {
				return fmt.Errorf("compare %s: %s", region, job.Error)
			}
			if job.Ended() {
				ended++
			}
		}
		if ended == len(ids) {
			r.take(region, jobs)
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the comparison of %s has not ended within %s", region, r.CatchUp)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// take notes what comparisons have found.
func (r *run) take(region string, jobs []indexer.Job) {
	for _, job := range jobs {
		r.result.Compared[region] += job.Comparison.Compared
		r.result.Different[region] += job.Comparison.Total()
		for _, one := range job.Comparison.Examples {
			r.result.Examples = append(r.result.Examples, fmt.Sprintf("%s: %s %s %s", region, one.Product, one.What, one.Reason))
		}
	}
}
