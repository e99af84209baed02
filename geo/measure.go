package geo

import (
	_ "embed" // the tables below
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"meridian/regions"
)

//go:embed data/country_to_region_rtt_p95.csv
var roundTripsCSV string

//go:embed data/centroids.csv
var centroidsCSV string

// Where nothing was measured, a round trip takes estimateBase and estimatePerKM for each kilometre of great circle.
// The two are the least-squares line through the 118 measurements between whole countries and regions (a test draws
// it again): 14.6 ms and 15.8 ms per 1000 km, about one and a half times what light in fibre needs.
const (
	estimateBase  = 14_576_000 * time.Nanosecond
	estimatePerKM = 15_768 * time.Nanosecond
)

// sameMetro is the round trip assumed where users and region share a city, which the measurements leave out.
const sameMetro = 2 * time.Millisecond

// A point is a place in degrees north and east.
type point struct{ latitude, longitude float64 }

// An origin is where requests come from: a country, or a zone of one.
type origin struct {
	country string
	zone    Zone
}

// measurements holds round trips by origin and cloud region, such as "eu-west-1".
type measurements map[origin]map[string]time.Duration

// readMeasurements decodes the measured round trips. The columns are country_iso2, zone, a note, and one for each
// cloud region: rtt_eu_west_1_ms.
func readMeasurements(text string) (measurements, error) {
	rows, err := readCSV(text)
	if err != nil {
		return nil, fmt.Errorf("reading the measured round trips: %w", err)
	}
	measured := make(measurements, len(rows))
	for _, row := range rows[1:] {
		from := origin{country: row[0], zone: Zone(row[1])}
		measured[from] = make(map[string]time.Duration)
		for i, column := range rows[0][3:] {
			to := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(column, "rtt_"), "_ms"), "_", "-")
			measured[from][to] = sameMetro
			if cell := row[3+i]; cell != "" {
				ms, err := strconv.Atoi(cell)
				if err != nil {
					return nil, fmt.Errorf("reading the measured round trip from %s to %s: %w", from.country, to, err)
				}
				measured[from][to] = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return measured, nil
}

// addWholeCountries adds the mean of the zones for each country that is measured by zones, as the best guess for a
// client whose zone is unknown.
func (m measurements) addWholeCountries() {
	sums := make(measurements)
	zones := make(map[string]int)
	for from, trips := range m {
		if from.zone == "" {
			continue
		}
		whole := origin{country: from.country}
		if sums[whole] == nil {
			sums[whole] = make(map[string]time.Duration)
		}
		zones[from.country]++
		for to, trip := range trips {
			sums[whole][to] += trip
		}
	}
	for whole, trips := range sums {
		for to := range trips {
			trips[to] /= time.Duration(zones[whole.country])
		}
		m[whole] = trips
	}
}

// readCentroids decodes a point for each country.
func readCentroids(text string) (map[string]point, error) {
	rows, err := readCSV(text)
	if err != nil {
		return nil, fmt.Errorf("reading the centroids: %w", err)
	}
	points := make(map[string]point, len(rows))
	for _, row := range rows[1:] {
		latitude, errLat := strconv.ParseFloat(row[1], 64)
		longitude, errLon := strconv.ParseFloat(row[2], 64)
		if errLat != nil || errLon != nil {
			return nil, fmt.Errorf("reading the centroids: %s has none", row[0])
		}
		points[row[0]] = point{latitude, longitude}
	}
	return points, nil
}

// readCSV decodes a table with a header and at least one row.
func readCSV(text string) ([][]string, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err == nil && len(rows) < 2 {
		err = io.ErrUnexpectedEOF
	}
	return rows, err
}

// estimate returns the round trip expected for the distance, in whole milliseconds.
func estimate(from point, to regions.Region) time.Duration {
	km := regions.DistanceKM(from.latitude, from.longitude, to.Latitude, to.Longitude)
	return (estimateBase + time.Duration(math.Round(km))*estimatePerKM).Round(time.Millisecond)
}
