package geo

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/internal/testkit"
)

func TestRanker_Corrected(t *testing.T) {
	ranker := testkit.Must(NewRanker(shippedSet(t)))(t)
	shipped := make(map[string]time.Duration)
	for _, one := range ranker.Rank("DE", "") {
		shipped[one.Region] = one.RTT
	}
	first, second := ranker.Order("DE", "")[0], ranker.Order("DE", "")[1]
	observe := func(region string, rtt time.Duration) Observation { return Observation{"DE", region, rtt} }
	for _, tt := range []struct {
		name     string
		observed []Observation
		want     map[string]time.Duration // of the two
	}{
		{"nothing", nil, map[string]time.Duration{first: shipped[first], second: shipped[second]}},
		{"one region alone: it may be the last mile", []Observation{observe(first, time.Second)},
			map[string]time.Duration{first: shipped[first], second: shipped[second]}},
		{"a last mile that both share", []Observation{observe(first, shipped[first]+40*time.Millisecond),
			observe(second, shipped[second]+40*time.Millisecond)},
			map[string]time.Duration{first: shipped[first], second: shipped[second]}},
		{"the nearest is slower than we thought", []Observation{observe(first, shipped[first]*3/2), observe(second, shipped[second])},
			map[string]time.Duration{first: shipped[first] * 3 / 2, second: shipped[second]}},
		{"no more than twice", []Observation{observe(first, time.Minute), observe(second, shipped[second])},
			map[string]time.Duration{first: 2 * shipped[first], second: shipped[second]}},
		{"no less than half", []Observation{observe(first, shipped[first]), observe(second, time.Nanosecond)},
			map[string]time.Duration{first: shipped[first], second: shipped[second] / 2}},
		{"another country", []Observation{{"SG", first, time.Second}, {"SG", second, time.Second}},
			map[string]time.Duration{first: shipped[first], second: shipped[second]}},
		{"a region that is not there", []Observation{observe("mars", 1), observe(second, 1)},
			map[string]time.Duration{first: shipped[first], second: shipped[second]}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := make(map[string]time.Duration)
			for _, one := range ranker.Corrected(tt.observed).Rank("DE", "") {
				if one.Region == first || one.Region == second {
					got[one.Region] = one.RTT.Round(time.Microsecond)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff(shipped[first], ranker.Rank("DE", "")[0].RTT); diff != "" {
		t.Errorf("the ranker itself has changed:\n%s", diff)
	}
}

// Whatever is observed: every region keeps a place, in order, within the bounds; other countries are as they were.
func TestRanker_Corrected_Property(t *testing.T) {
	set := shippedSet(t)
	ranker := testkit.Must(NewRanker(set))(t)
	rapid.Check(t, func(t *rapid.T) {
		var observed []Observation
		for range rapid.IntRange(0, 8).Draw(t, "observations") {
			observed = append(observed, Observation{
				rapid.SampledFrom([]string{"US", "DE", "SG"}).Draw(t, "country"), rapid.SampledFrom(set.Names()).Draw(t, "region"),
				time.Duration(rapid.Int64Range(-1e9, 1e11).Draw(t, "RTT")),
			})
		}
		corrected := ranker.Corrected(observed)
		for from, was := range ranker.ranks {
			is := corrected.Rank(from.country, from.zone)
			if len(is) != len(was) || !slices.IsSortedFunc(is, compareNearest) {
				t.Fatalf("%v is ranked %v", from, is)
			}
			for _, one := range was {
				at := slices.IndexFunc(is, func(r Ranked) bool { return r.Region == one.Region })
				if at < 0 || is[at].RTT > 2*one.RTT || is[at].RTT < one.RTT/2-1 {
					t.Fatalf("%v is ranked %v, was %v", from, is, was)
				}
			}
			if from.country == "FR" && !slices.Equal(is, was) {
				t.Fatalf("France is ranked %v", is)
			}
		}
	})
}
