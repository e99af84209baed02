package wan

import (
	_ "embed" // the table below
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

//go:embed data/aws_region_latency.csv
var latencyCSV string

// SameRegion is the delay one way between two zones of one region, which the table does not have. AWS says of its zones that
// they are single-digit milliseconds apart; half a millisecond is what is commonly measured.
const SameRegion = 500 * time.Microsecond

// A pair is a direction between two cloud regions.
type pair struct{ from, to string }

// readLatencies decodes the delays one way between cloud regions. The columns are from_region, to_region, one_way_ms, rtt_ms.
func readLatencies(text string) (map[pair]time.Duration, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the delays between regions: %w", err)
	}
	delays := make(map[pair]time.Duration, len(rows))
	for _, row := range rows[1:] {
		ms, err := strconv.Atoi(row[2])
		if err != nil {
			return nil, fmt.Errorf("read the delay from %s to %s: %w", row[0], row[1], err)
		}
		delays[pair{row[0], row[1]}] = time.Duration(ms) * time.Millisecond
	}
	return delays, nil
}

// A Site is a place in the network.
type Site struct {
	// Name of the site, such as that of a region.
	Name string
	// Cloud is the cloud region that the site is in, such as eu-west-1.
	Cloud string
}

// defaultLinks returns a link for each direction between two sites, and from each to itself.
func defaultLinks(sites []Site) (map[pair]Link, error) {
	delays, err := readLatencies(latencyCSV)
	if err != nil {
		return nil, err
	}
	links := make(map[pair]Link, len(sites)*len(sites))
	for _, from := range sites {
		for _, to := range sites {
			delay, ok := delays[pair{from.Cloud, to.Cloud}]
			if from.Cloud == to.Cloud {
				delay, ok = SameRegion, true
			}
			if !ok {
				return nil, fmt.Errorf("the distance from %s to %s is not known: the cloud regions %s and %s have no row in the table",
					from.Name, to.Name, from.Cloud, to.Cloud)
			}
			links[pair{from.Name, to.Name}] = Link{Delay: delay, Jitter: delay / jitterShare}
		}
	}
	return links, nil
}

// jitterShare is the part of a link's delay that its jitter is at first: a fiftieth.
const jitterShare = 50
