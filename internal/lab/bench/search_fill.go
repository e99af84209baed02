package bench

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"meridian/internal/lab/client"
)

// FillFigures tells how products came into the shop and its indexes.
type FillFigures struct {
	Products int `json:"products"`
	// ImportSeconds is how long the seller's import took.
	ImportSeconds float64 `json:"import_seconds"`
	// SearchableSeconds is, by region, when all of it was found, counted from the import's begin.
	SearchableSeconds map[string]float64 `json:"searchable_seconds"`
}

// lastSearchable returns when the last region found all.
func (f FillFigures) lastSearchable() float64 {
	last := 0.0
	for _, seconds := range f.SearchableSeconds {
		last = max(last, seconds)
	}
	return last
}

// fill imports the products of [from, to) and waits until every region finds all of the shop's.
func (r *searchRun) fill(ctx context.Context, from, to int) (FillFigures, error) {
	r.Tell("importing %d products", to-from)
	began := time.Now()
	if err := r.seller.importGoods(ctx, r.goods.part(from, to)); err != nil {
		return FillFigures{}, err
	}
	f := FillFigures{Products: to - from, ImportSeconds: time.Since(began).Seconds(), SearchableSeconds: make(map[string]float64)}
	r.Tell("imported after %.1f s; waiting until every region finds them", f.ImportSeconds)
	found, err := r.awaitSearchable(ctx, to)
	for region, at := range found {
		f.SearchableSeconds[region] = at.Sub(began).Seconds()
	}
	return f, err
}

const (
	// searchableEvery is how often a region is asked how many products it finds.
	searchableEvery = 250 * time.Millisecond
	// searchableTimeout is how long an index may stand still.
	searchableTimeout = 2 * time.Minute
)

// awaitSearchable waits until every region finds so many products, and returns since when each does.
func (r *searchRun) awaitSearchable(ctx context.Context, want int) (map[string]time.Time, error) {
	names := r.Regions.Names()
	since := make([]time.Time, len(names))
	group, ctx := errgroup.WithContext(ctx)
	for i, name := range names {
		group.Go(func() (err error) {
			since[i], err = r.awaitRegion(ctx, name, want)
			return err
		})
	}
	err := group.Wait()
	found := make(map[string]time.Time, len(names))
	for i, name := range names {
		found[name] = since[i]
	}
	return found, err
}

func (r *searchRun) awaitRegion(ctx context.Context, region string, want int) (time.Time, error) {
	api := &client.Client{Base: r.RegionURLs[region], HTTP: client.NewHTTP(1), Attempts: 3}
	found, moved := 0, time.Now()
	for {
		n, err := r.countSearchable(ctx, api)
		now := time.Now()
		switch {
		case err != nil && ctx.Err() == nil && now.Sub(moved) < searchableTimeout:
			// While its index is filled, others may answer for a region.
		case err != nil:
			return now, fmt.Errorf("%s: %w", region, err)
		case n >= want:
			return now, nil
		case n != found:
			found, moved = n, now
		case now.Sub(moved) > searchableTimeout:
			return now, fmt.Errorf("%s finds %d of %d products, and no more come", region, n, want)
		}
		if !client.Sleep(ctx, searchableEvery) {
			return now, ctx.Err()
		}
	}
}

// countSearchable returns how many products a region's index has in the root category.
func (r *searchRun) countSearchable(ctx context.Context, api *client.Client) (int, error) {
	answer, err := searchShop(ctx, api, "/v1/search?"+url.Values{"facets": {"category"}, "limit": {"1"}, "country": {r.draw.country}}.Encode())
	counted := slices.IndexFunc(answer.Facets.Category, func(c facetCount) bool { return c.Code == searchRoot })
	if err != nil || counted < 0 {
		return 0, err
	}
	return answer.Facets.Category[counted].Count, nil
}
