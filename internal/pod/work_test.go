package pod

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"meridian/internal/testkit"
	"meridian/regions"
)

// TestJobs_TakeOver: every region is looked after by all the others, and by none as another.
func TestJobs_TakeOver(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	for _, own := range set.Names() {
		pod := &Pod{config: Config{Region: own, Regions: set}}
		var others []string
		for _, j := range pod.jobs() {
			if region, ok := strings.CutPrefix(j.name, "take over from "); ok {
				others = append(others, region)
			}
		}
		if want := slices.DeleteFunc(slices.Clone(set.Names()), func(name string) bool { return name == own }); !slices.Equal(others, want) {
			t.Errorf("%s takes over from %v, want %v", own, others, want)
		}
	}
}

func TestNextWait(t *testing.T) {
	failure := errors.New("no")
	tests := []struct {
		name        string
		every, last time.Duration
		err         error
		want        time.Duration
	}{
		{"idle", time.Second, time.Second, nil, time.Second},
		{"fails once", time.Second, time.Second, failure, 2 * time.Second},
		{"fails again", time.Second, 16 * time.Second, failure, 30 * time.Second},
		{"fails for long", time.Second, 30 * time.Second, failure, 30 * time.Second},
		{"works again", time.Second, 30 * time.Second, nil, time.Second},
		{"a rare job", time.Minute, time.Minute, failure, time.Minute},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := nextWait(test.every, test.last, test.err); got != test.want {
				t.Errorf("waits %s, want %s", got, test.want)
			}
		})
	}
}
