package bench

import (
	"context"
	"fmt"
	"time"
)

// ImportFigures are what an import does to searches.
type ImportFigures struct {
	FillFigures
	// Before is of searches while nothing is imported, During while products are imported or indexed. Each shopper waits
	// ThinkSeconds after each answer.
	Before       Latency        `json:"before"`
	During       Latency        `json:"during"`
	Errors       map[string]int `json:"errors"`
	ThinkSeconds float64        `json:"think_seconds"`
	// P99Ratio is the p99 during over that before.
	P99Ratio float64 `json:"p99_ratio"`
}

// searchThink is how long a shopper looks at an answer while an import is measured: without it, shoppers would take all
// of the machine, and what is measured would be how fast they do.
const searchThink = 100 * time.Millisecond

// measureImport has shoppers search before an import, and until all regions find what it brought.
func (r *searchRun) measureImport(ctx context.Context) (*ImportFigures, error) {
	var requests []searchRequest
	for _, k := range searchKinds {
		requests = append(requests, k.requests(r.SearchConfig, r.draw, r.goods.part(0, r.Products))...)
	}
	shoppers := r.newSearchers(r.Clients)
	do := thinking(searchFor(requests))
	closedLoop(ctx, shoppers, r.WarmUp, do)
	r.Tell("searching before the import")
	before, _ := closedLoop(ctx, shoppers, r.Duration, do)
	type filled struct {
		FillFigures
		err error
	}
	importing := make(chan filled, 1)
	go func() {
		f, err := r.fill(ctx, r.Products, r.Products+r.Import)
		importing <- filled{f, err}
	}()
	during := newTally()
	for {
		part, _ := closedLoop(ctx, shoppers, time.Second, do)
		during.add(part)
		select {
		case f := <-importing:
			if f.err != nil {
				return nil, f.err
			}
			figures := &ImportFigures{
				FillFigures: f.FillFigures, Before: newLatency(before.calls["search"]), During: newLatency(during.calls["search"]),
				Errors: during.errors, ThinkSeconds: searchThink.Seconds(),
			}
			if figures.Before.P99 > 0 {
				figures.P99Ratio = figures.During.P99 / figures.Before.P99
			}
			return figures, ctx.Err()
		default:
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("stopped while importing: %w", ctx.Err())
		}
	}
}

// thinking has a shopper wait after each operation.
func thinking(do operation) operation {
	return func(ctx context.Context, s *shopper) error {
		err := do(ctx, s)
		select {
		case <-ctx.Done():
		case <-time.After(searchThink/2 + time.Duration(s.rand.Int64N(int64(searchThink)))):
		}
		return err
	}
}
