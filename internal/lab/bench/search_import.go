package bench

import (
	"context"
	"fmt"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
)

// ImportFigures tells what an import does to searches.
type ImportFigures struct {
	FillFigures
	// Before measures searches while nothing is imported, During while products are imported or indexed. Each visitor
	// waits ThinkSeconds after each answer.
	Before       report.Latency `json:"before"`
	During       report.Latency `json:"during"`
	Errors       map[string]int `json:"errors"`
	ThinkSeconds float64        `json:"think_seconds"`
	// P99Ratio is the p99 during over that before.
	P99Ratio float64 `json:"p99_ratio"`
}

// searchThink is the pause after each answer while an import is measured: without it, visitors would take all of the
// machine.
const searchThink = 100 * time.Millisecond

// measureImport has visitors search before an import, and until all regions find what it brought.
func (r *searchRun) measureImport(ctx context.Context) (*ImportFigures, error) {
	var requests []searchRequest
	for _, k := range searchKinds {
		requests = append(requests, k.requests(r.SearchConfig, r.draw, r.goods.part(0, r.Products))...)
	}
	visitors := r.newSearchers(r.Clients)
	do := thinking(searchFor(requests))
	if err := r.searchPart(ctx, visitors, r.WarmUp, new(sample), do); err != nil {
		return nil, err
	}
	r.Tell("searching before the import")
	var before, during sample
	if err := r.searchPart(ctx, visitors, r.Duration, &before, do); err != nil {
		return nil, err
	}
	type filled struct {
		FillFigures
		err error
	}
	importing := make(chan filled, 1)
	go func() {
		f, err := r.fill(ctx, r.Products, r.Products+r.Import)
		importing <- filled{f, err}
	}()
	for {
		if err := r.searchPart(ctx, visitors, time.Second, &during, do); err != nil {
			return nil, fmt.Errorf("stopped while importing: %w", err)
		}
		select {
		case f := <-importing:
			if f.err != nil {
				return nil, f.err
			}
			figures := &ImportFigures{
				FillFigures: f.FillFigures, Before: before.searches(), During: during.searches(),
				Errors: during.tally.errors, ThinkSeconds: searchThink.Seconds(),
			}
			if figures.Before.P99 > 0 {
				figures.P99Ratio = figures.During.P99 / figures.Before.P99
			}
			return figures, ctx.Err()
		default:
		}
	}
}

// searches returns the latency of the searches that were answered, without the pauses.
func (s *sample) searches() report.Latency {
	for _, call := range s.tally.calls.List() {
		if call.Name == "search" {
			return call.Latency
		}
	}
	return report.Latency{}
}

// thinking returns the operation with a pause after it.
func thinking(do operation) operation {
	return func(ctx context.Context, v *visitor) error {
		err := do(ctx, v)
		client.Sleep(ctx, searchThink/2+time.Duration(v.rand.Int64N(int64(searchThink))))
		return err
	}
}
