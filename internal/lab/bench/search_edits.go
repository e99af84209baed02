package bench

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
	"meridian/internal/lab/report"
)

// EditFigures tells how soon edits are found.
type EditFigures struct {
	PerSecond int     `json:"per_second"`
	Seconds   float64 `json:"seconds"`
	Edits     int     `json:"edits"`
	// Own is the time until the edit is found in the region where it was made, Every in the last of all regions. Both
	// count from the answer to the seller's call, and are at most PollSeconds too long.
	Own         report.Latency `json:"own_region"`
	Every       report.Latency `json:"every_region"`
	PollSeconds float64        `json:"poll_seconds"`
	// Unseen counts edits that a region did not find within a minute of the last.
	Unseen int `json:"unseen"`
}

const (
	// editsOfMark is the number of edits that share a brand, by which they are searched for.
	editsOfMark = 20
	// lookEvery is the pause between two searches for edits that a region has not shown.
	lookEvery = 50 * time.Millisecond
	// unseenAfter bounds the search after the last edit.
	unseenAfter = time.Minute
)

// edits records when each edit was made, and when each region showed it first.
type edits struct {
	mu      sync.Mutex
	made    map[string]time.Time            // by the product's id; when it was answered
	marks   map[string]int                  // by mark, edits that were made
	shown   map[string]map[string]time.Time // by region, then by the product's id
	markOf  map[string]string
	pending map[string]map[string]int // by region, then by mark, edits that are made and not shown
}

func newEdits(regions []string) *edits {
	e := &edits{made: make(map[string]time.Time), marks: make(map[string]int), shown: make(map[string]map[string]time.Time),
		markOf: make(map[string]string), pending: make(map[string]map[string]int)}
	for _, region := range regions {
		e.shown[region], e.pending[region] = make(map[string]time.Time), make(map[string]int)
	}
	return e
}

// measureEdits edits products at a steady rate and searches for the edits in every region.
func (r *searchRun) measureEdits(ctx context.Context) (*EditFigures, error) {
	n := min(int(r.EditFor.Seconds()*float64(r.Edits)), r.Products)
	products, err := r.seller.list(ctx, n)
	if err != nil {
		return nil, err
	}
	goods := make(map[string]searchGood, r.Products)
	for _, good := range r.goods.part(0, r.Products) {
		goods[good.Key] = good
	}
	r.Tell("editing %d products, %d a second", len(products), r.Edits)
	e := newEdits(r.Regions.Names())
	watching, stop := context.WithCancel(ctx)
	defer stop()
	watchers, watchCtx := errgroup.WithContext(watching)
	for _, region := range r.Regions.Names() {
		watchers.Go(func() error { return r.watchEdits(watchCtx, region, e) })
	}
	began := time.Now()
	err = r.makeEdits(ctx, products, goods, e)
	took := time.Since(began)
	for deadline := time.Now().Add(unseenAfter); err == nil && e.left() > 0 && time.Now().Before(deadline) && watchCtx.Err() == nil; {
		time.Sleep(lookEvery)
	}
	stop()
	if watchErr := watchers.Wait(); err == nil && ctx.Err() == nil {
		err = watchErr
	}
	if err != nil {
		return nil, err
	}
	figures := e.figures(r.Region)
	figures.PerSecond, figures.Seconds = r.Edits, took.Seconds()
	return &figures, ctx.Err()
}

// makeEdits changes the brand of one product after the other, at the configured rate.
func (r *searchRun) makeEdits(ctx context.Context, products []listed, goods map[string]searchGood, e *edits) error {
	group, ctx := errgroup.WithContext(ctx)
	tick := time.NewTicker(time.Second / time.Duration(r.Edits))
	defer tick.Stop()
	for i, p := range products {
		select {
		case <-ctx.Done():
			return group.Wait()
		case <-tick.C:
		}
		good := goods[p.Key]
		good.Brand = fmt.Sprintf("Edited %d", i/editsOfMark)
		group.Go(func() error {
			if err := r.seller.replace(ctx, p, good); err != nil {
				return err
			}
			e.make(p.ID, good.Brand, time.Now())
			return nil
		})
	}
	return group.Wait()
}

// watchEdits searches a region for edits that it has not shown yet, until ctx ends.
func (r *searchRun) watchEdits(ctx context.Context, region string, e *edits) error {
	api := &client.Client{Base: r.RegionURLs[region], HTTP: client.NewHTTP(1), Attempts: 3}
	for {
		for _, mark := range e.waiting(region) {
			query := url.Values{"brand": {mark}, "limit": {"100"}, "country": {r.draw.country}}
			answer, err := searchShop(ctx, api, "/v1/search?"+query.Encode())
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return fmt.Errorf("%s: %w", region, err)
			}
			if answer.Loosened == "" {
				e.show(region, answer, time.Now())
			}
		}
		if !client.Sleep(ctx, lookEvery) {
			return nil
		}
	}
}

func (e *edits) make(id, mark string, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made[id], e.markOf[id] = at, mark
	for region, marks := range e.pending {
		if _, early := e.shown[region][id]; !early {
			marks[mark]++
		}
	}
}

// waiting returns the marks of edits that a region has not shown.
func (e *edits) waiting(region string) []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Sorted(maps.Keys(e.pending[region]))
}

func (e *edits) show(region string, answer searchAnswer, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, hit := range answer.Hits {
		if _, before := e.shown[region][hit.ID]; before {
			continue
		}
		e.shown[region][hit.ID] = at
		mark, made := e.markOf[hit.ID]
		if !made {
			continue // its answer is on the way still
		}
		if e.pending[region][mark]--; e.pending[region][mark] == 0 {
			delete(e.pending[region], mark)
		}
	}
}

// left returns how many marks regions have not shown.
func (e *edits) left() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, marks := range e.pending {
		n += len(marks)
	}
	return n
}

func (e *edits) figures(own string) EditFigures {
	e.mu.Lock()
	defer e.mu.Unlock()
	var inOwn, inEvery report.Times
	f := EditFigures{Edits: len(e.made), PollSeconds: lookEvery.Seconds()}
	for id, made := range e.made {
		last, everywhere := made, true
		for _, shown := range e.shown {
			at, ok := shown[id]
			if everywhere = everywhere && ok; at.After(last) {
				last = at
			}
		}
		if at, ok := e.shown[own][id]; ok {
			inOwn.Add(at.Sub(made))
		}
		if !everywhere {
			f.Unseen++
			continue
		}
		inEvery.Add(last.Sub(made))
	}
	f.Own, f.Every = inOwn.Latency(), inEvery.Latency()
	return f
}
