package rum

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"meridian/geo"
)

// maxListBytes bounds a list of figures: 250 countries, and as many as sixteen regions.
const maxListBytes = 1 << 20

// Fetch reads the figures of a collector at a URL that ends in Path.
func Fetch(ctx context.Context, client *http.Client, url string) ([]Figure, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetching figures: %w", err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("fetching figures: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching figures from %s: it answers %s", url, resp.Status)
	}
	var all list
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxListBytes)).Decode(&all); err != nil {
		return nil, fmt.Errorf("fetching figures from %s: %w", url, err)
	}
	all.Figures = slices.DeleteFunc(all.Figures, func(f Figure) bool {
		return !(f.RTTMillis > 0 && f.RTTMillis <= maxMillis) || f.Networks <= 0
	})
	return all.Figures, nil
}

// Merge returns one observation for each country and region that some collector has a figure of: the mean by the number of
// networks. Figures older than a day count for nothing. The order is by country and region.
func Merge(lists ...[]Figure) []geo.Observation {
	type sum struct{ millis, networks float64 }
	sums := make(map[target]sum)
	for _, figures := range lists {
		for _, f := range figures {
			if time.Duration(f.AgeSeconds)*time.Second > keepFor {
				continue
			}
			of := target{f.Country, f.Region}
			sums[of] = sum{sums[of].millis + f.RTTMillis*float64(f.Networks), sums[of].networks + float64(f.Networks)}
		}
	}
	all := make([]geo.Observation, 0, len(sums))
	for of, s := range sums {
		rtt := time.Duration(s.millis / s.networks * float64(time.Millisecond))
		all = append(all, geo.Observation{Country: of.country, Region: of.region, RTT: rtt})
	}
	slices.SortFunc(all, func(a, b geo.Observation) int {
		return slices.Compare([]string{a.Country, a.Region}, []string{b.Country, b.Region})
	})
	return all
}
