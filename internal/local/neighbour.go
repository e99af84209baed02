package local

import (
	"context"
	"fmt"

	"meridian/internal/search"
	"meridian/internal/search/indexer"
)

// neighbour is the search index of a region as the other regions of the process reach it: that of the region's
// current server, if there is one.
type neighbour struct {
	shop         *Shop
	from, region string
}

// neighbours returns the indexes of the other regions, the nearest first.
func (s *Shop) neighbours(region string) []search.Source {
	var sources []search.Source
	for _, other := range s.config.Regions.Failover(region) {
		n := neighbour{s, region, other.Name}
		sources = append(sources, search.Source{Name: other.Name, Engine: search.RemoteEngine{Engine: n}, Degraded: search.RemoteRegion,
			Filled: n.filled})
	}
	return sources
}

// Search asks the region's index.
func (n neighbour) Search(ctx context.Context, q search.Query) (search.Result, error) {
	index, err := n.index(ctx)
	if err != nil {
		return search.Result{}, err
	}
	return index.Search(ctx, q)
}

func (n neighbour) filled(ctx context.Context) (bool, error) {
	index, err := n.index(ctx)
	if err != nil {
		return false, err
	}
	return indexer.Filled(ctx, index)
}

// index returns the region's index after the time that asking it takes.
func (n neighbour) index(ctx context.Context) (search.Index, error) {
	if n.shop.network != nil {
		if err := n.shop.network.RoundTrip(ctx, n.from, n.region); err != nil {
			return nil, fmt.Errorf("%w: region %s does not answer: %w", search.ErrUnavailable, n.region, err)
		}
	}
	index := n.shop.searchIndex(n.region)
	if index == nil {
		return nil, fmt.Errorf("%w: region %s is closed", search.ErrUnavailable, n.region)
	}
	return index, nil
}
