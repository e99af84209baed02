package local

import (
	"context"
	"fmt"
	"strings"
	"time"

	"meridian/internal/search"
	"meridian/internal/search/indexer"
)

// searchIndex returns the index that a region's shoppers search, or nil while the region is lost.
func (s *Shop) searchIndex(region string) search.Index {
	b, ok := s.branches[region]
	if !ok {
		return nil
	}
	p, _ := b.current()
	if p == nil || p.Index == nil {
		return nil
	}
	return p.Index.Live()
}

// How AwaitSearch waits.
const (
	searchEvery    = 200 * time.Millisecond
	searchTold     = 2 * time.Second
	searchPatience = 5 * time.Minute
)

// AwaitSearch waits until the search index of every region is filled, and prints how far they are. If ctx ends, or after
// some minutes, it returns false: until the indexes are filled, searches are answered by the database.
func (s *Shop) AwaitSearch(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, searchPatience)
	defer cancel()
	told := time.Now()
	for {
		filling := s.filling(ctx)
		if len(filling) == 0 {
			return true
		}
		if time.Since(told) >= searchTold {
			told = time.Now()
			fmt.Fprintln(s.config.Out, "Filling the search indexes: "+strings.Join(filling, ", "))
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(searchEvery):
		}
	}
}

// filling returns the regions whose indexes are not filled, with the number of products in them.
func (s *Shop) filling(ctx context.Context) []string {
	var regions []string
	for _, region := range s.config.Regions.Names() {
		index := s.searchIndex(region)
		if index == nil {
			continue
		}
		if filled, err := indexer.Filled(ctx, index); err == nil && filled {
			continue
		}
		state, err := index.State(ctx)
		if err != nil {
			regions = append(regions, region+" (does not answer)")
			continue
		}
		regions = append(regions, fmt.Sprintf("%s %d products", region, state.Documents))
	}
	return regions
}
