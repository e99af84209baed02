package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/pricing"
	"meridian/internal/search"
	"meridian/internal/search/bleve"
	"meridian/internal/search/indexer"
)

// A searchLimit makes the same searches in this process, without the shop.
type searchLimit struct {
	name, about string
	ask         func(ctx context.Context, q search.Query) (total int, err error)
	close       func() error
}

const (
	limitEngine  = "engine"
	limitLibrary = "library"
)

// operation returns the operation that makes one of the requests.
func (l searchLimit) operation(requests []searchRequest) operation {
	return func(ctx context.Context, v *visitor) error {
		_, err := l.ask(ctx, requests[v.rand.IntN(len(requests))].query)
		return err
	}
}

func closeSearchLimits(limits []searchLimit) {
	for _, l := range limits {
		_ = l.close() // it is in a folder that is removed
	}
}

// openSearchLimits fills an index of the engine, and one of its library, with what the region's own holds: the feed of
// the shop makes the documents.
func (r *searchRun) openSearchLimits(ctx context.Context, report *SearchReport) ([]searchLimit, error) {
	first, err := searchShop(ctx, r.newSearchers(1)[0].Client, "/v1/search?"+url.Values{"limit": {"1"}, "country": {r.draw.country}}.Encode())
	if err != nil {
		return nil, err
	}
	r.draw.market = first.Market
	store, err := bleve.Open(bleve.Config{Dir: filepath.Join(r.Dir, "engine"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	library, err := openLibrary(filepath.Join(r.Dir, "library"), r.draw.market)
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	limits := []searchLimit{
		{limitEngine, "the shop's engine in this process, with the same documents: no HTTP, no prices, no JSON",
			func(ctx context.Context, q search.Query) (int, error) {
				result, err := store.Live().Search(ctx, q)
				return result.Total, err
			}, store.Close},
		{limitLibrary, "the bleve library alone in this process, with the same documents and its own queries, filters, facets and highlights",
			library.ask, library.index.Close},
	}
	r.Tell("filling an index of the engine and one of its library for comparison")
	began := time.Now()
	if err := r.feed(ctx, newRecordingStore(store, library)); err != nil {
		closeSearchLimits(limits)
		return nil, err
	}
	report.LimitFillSeconds = time.Since(began).Seconds()
	return limits, nil
}

// feed has the shop's own feed fill a store, until it has all products.
func (r *searchRun) feed(ctx context.Context, store search.Store) error {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it cannot fail; no quote is signed by it
	prices, err := pricing.New(pricing.Config{DB: r.db, Key: key})
	if err != nil {
		return err
	}
	feed, err := indexer.New(indexer.Config{
		DB: r.db, Prices: prices, Store: store, Replica: "bench", Exclusive: true, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(ctx)
	var feeding sync.WaitGroup
	feeding.Go(func() { feed.Run(running) })
	defer feeding.Wait()
	defer stop()
	for moved, had := time.Now(), 0; ; {
		status := feed.Status()
		switch {
		case status.State == indexer.StateFollowing && status.Documents >= r.Products:
			return nil
		case status.Documents != had:
			had, moved = status.Documents, time.Now()
		case time.Since(moved) > searchableTimeout:
			return fmt.Errorf("the feed stands still: %s", status)
		}
		if !client.Sleep(ctx, searchableEvery) {
			return ctx.Err()
		}
	}
}
