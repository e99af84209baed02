package geo

import (
	"io/fs"
	"math"
	"os"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
	"meridian/regions"
)

func TestOrder(t *testing.T) {
	ranker := newRanker(t, shippedSet(t))
	tests := []struct {
		name, country string
		zone          Zone
		want          []string
	}{
		{"measured", "DE", "", []string{"eu-west", "us-east", "us-west", "ap-southeast"}},
		{"measured, in the region's own city", "IE", "", []string{"eu-west", "us-east", "us-west", "ap-southeast"}},
		{"measured, not the home region", "MX", "", []string{"us-east", "us-west", "eu-west", "ap-southeast"}},
		{"two measured alike", "IN", "", []string{"ap-southeast", "eu-west", "us-west", "us-east"}},
		{"the United States as a whole", "US", "", []string{"us-east", "us-west", "eu-west", "ap-southeast"}},
		{"their east", "US", ZoneEast, []string{"us-east", "eu-west", "us-west", "ap-southeast"}},
		{"their west", "US", ZoneWest, []string{"us-west", "us-east", "eu-west", "ap-southeast"}},
		{"a zone that does not exist", "US", "North", []string{"us-east", "us-west", "eu-west", "ap-southeast"}},
		{"a zone of a country without zones", "DE", ZoneWest, []string{"eu-west", "us-east", "us-west", "ap-southeast"}},
		{"by distance", "KE", "", []string{"eu-west", "ap-southeast", "us-east", "us-west"}},
		{"no coordinates: home and its failover", "CX", "", []string{"ap-southeast", "us-west", "us-east", "eu-west"}},
		{"unknown: primary and its failover", "", "", []string{"us-east", "us-west", "eu-west", "ap-southeast"}},
		{"not a country", "XX", "", []string{"us-east", "us-west", "eu-west", "ap-southeast"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ranker.Order(tt.country, tt.zone)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%+v", diff, ranker.Rank(tt.country, tt.zone))
			}
		})
	}
}

// Whoever asks gets every region once, the nearest first, equals in the failover order of the home region, and the
// same again the next time.
func TestRank_Properties(t *testing.T) {
	set := shippedSet(t)
	ranker, again := newRanker(t, set), newRanker(t, set)
	countries := []string{"", "XX"}
	for _, r := range set.All() {
		countries = append(countries, r.Countries...)
	}
	rapid.Check(t, func(t *rapid.T) {
		country := rapid.SampledFrom(countries).Draw(t, "country")
		zone := rapid.SampledFrom([]Zone{"", ZoneEast, ZoneCentral, ZoneSouth, ZoneWest, "North"}).Draw(t, "zone")
		ranked := ranker.Rank(country, zone)
		order := ranker.Order(country, zone)
		if diff := cmp.Diff(ranked, again.Rank(country, zone)); diff != "" {
			t.Fatalf("two rankers differ:\n%s", diff)
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(set.Names())), slices.Sorted(slices.Values(order))); diff != "" {
			t.Fatalf("not every region once:\n%s", diff)
		}
		home, ok := set.HomeOf(country)
		if !ok {
			home = set.Primary()
		}
		failover := append([]string{home.Name}, home.Failover...)
		for i := 1; i < len(ranked); i++ {
			a, b := ranked[i-1], ranked[i]
			if a.RTT > b.RTT {
				t.Fatalf("%+v before %+v", a, b)
			}
			if a.RTT == b.RTT && slices.Index(failover, a.Region) > slices.Index(failover, b.Region) {
				t.Fatalf("%s before %s, but failover is %v", a.Region, b.Region, failover)
			}
			if a.Region != order[i-1] {
				t.Fatalf("Order says %s, Rank %s", order[i-1], a.Region)
			}
		}
	})
}

func TestRank_Basis(t *testing.T) {
	ranker := newRanker(t, shippedSet(t))
	tests := []struct {
		country string
		zone    Zone
		want    Ranked
	}{
		{"DE", "", Ranked{"eu-west", 28 * time.Millisecond, Measured}},
		{"SG", "", Ranked{"ap-southeast", 2 * time.Millisecond, Measured}},
		{"US", ZoneWest, Ranked{"us-west", 26 * time.Millisecond, Measured}},
		{"US", "", Ranked{"us-east", 39 * time.Millisecond, Measured}}, // (2 + 35 + 47 + 72) / 4
		{"CX", "", Ranked{"ap-southeast", 0, Unknown}},
		{"", "", Ranked{"us-east", 0, Unknown}},
	}
	for _, tt := range tests {
		if got := ranker.Rank(tt.country, tt.zone)[0]; got != tt.want {
			t.Errorf("%s %s: %+v, want %+v", tt.country, tt.zone, got, tt.want)
		}
	}
	if got := ranker.Rank("KE", "")[0]; got.Basis != Estimated || got.RTT < 50*time.Millisecond || got.RTT > 250*time.Millisecond {
		t.Errorf("KE: %+v", got)
	}
}

// The line of the estimate is the least-squares fit of all measurements between whole countries and regions.
func TestEstimateIsTheFitOfTheMeasurements(t *testing.T) {
	measured := testkit.Must(readMeasurements(roundTripsCSV))(t)
	centroids := testkit.Must(readCentroids(centroidsCSV))(t)
	var n, sumX, sumY, sumXX, sumXY float64
	for from, trips := range measured {
		at := centroids[from.country]
		for _, region := range shippedSet(t).All() {
			trip := trips[region.Cloud.Region]
			if from.zone != "" || trip == sameMetro {
				continue
			}
			x := regions.DistanceKM(at.latitude, at.longitude, region.Latitude, region.Longitude)
			y := float64(trip)
			n, sumX, sumY, sumXX, sumXY = n+1, sumX+x, sumY+y, sumXX+x*x, sumXY+x*y
		}
	}
	slope := (n*sumXY - sumX*sumY) / (n*sumXX - sumX*sumX)
	base := (sumY - slope*sumX) / n
	if n != 118 || math.Abs(slope-float64(estimatePerKM)) > 1 || math.Abs(base-float64(estimateBase)) > 1000 {
		t.Errorf("the fit of %v measurements is %.0f ns and %.0f ns/km, the constants are %d and %d",
			n, base, slope, estimateBase, estimatePerKM)
	}
}

// A new region has no measurements: it takes its place by distance.
func TestOrder_FifthRegion(t *testing.T) {
	files := fstest.MapFS{"ap-south.yaml": &fstest.MapFile{Data: []byte(`
name: ap-south
code: apo
title: AP South (Mumbai)
cloud: {provider: aws, region: ap-south-1}
latitude: 19.08
longitude: 72.88
super_region: ap
residency: default
failover: [ap-southeast]
services: [api]
currencies: [INR]
languages: [en-IN]
warehouses:
  - {code: apo-1, title: Pune, country: "IN", latitude: 18.52, longitude: 73.86}
`)}}
	shipped := os.DirFS("../regions")
	names := testkit.Must(fs.Glob(shipped, "*.yaml"))(t)
	for _, name := range names {
		text := testkit.Must(fs.ReadFile(shipped, name))(t)
		files[name] = &fstest.MapFile{Data: text}
	}
	set := testkit.Must(regions.Load(files))(t)
	ranker := newRanker(t, set)
	if got := ranker.Order("IN", "")[0]; got != "ap-south" {
		t.Errorf("India is sent to %s", got)
	}
	if got := ranker.Order("SG", "")[:2]; !slices.Equal(got, []string{"ap-southeast", "ap-south"}) {
		t.Errorf("Singapore is sent to %v", got)
	}
}

func newRanker(t testing.TB, set *regions.Set) *Ranker {
	t.Helper()
	ranker := testkit.Must(NewRanker(set))(t)
	return ranker
}

func BenchmarkOrder(b *testing.B) {
	ranker := newRanker(b, shippedSet(b))
	b.ReportAllocs()
	for b.Loop() {
		if len(ranker.Order("DE", "")) == 0 {
			b.Fatal("nothing")
		}
	}
}
