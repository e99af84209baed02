package discovery

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var begun = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

func instance(n int) Instance {
	return Instance{ID: fmt.Sprint("pod-", n), Region: "eu-west", URL: fmt.Sprintf("http://10.0.0.%d:8080", n), Weight: DefaultWeight}
}

func ids(p Pool) []string {
	var all []string
	for _, i := range p.Regions["eu-west"].Instances {
		all = append(all, i.ID)
	}
	return all
}

// an answer of a source: which pods of eu-west it knows, and when it says so.
type answer struct {
	at            time.Duration
	healthy, sick []int
}

// of returns an answer after some seconds.
func of(seconds int, healthy, sick []int) answer {
	return answer{time.Duration(seconds) * time.Second, healthy, sick}
}

func (a answer) sightings() (seen []Sighting) {
	for _, n := range a.healthy {
		seen = append(seen, Sighting{instance(n), true})
	}
	for _, n := range a.sick {
		seen = append(seen, Sighting{instance(n), false})
	}
	return seen
}

func TestKeeper(t *testing.T) {
	both, first, second := []int{1, 2}, []int{1}, []int{2}
	used := []string{"pod-1", "pod-2"}
	for name, tt := range map[string]struct {
		answers []answer
		at      int // seconds
		others  bool
		want    []string
		panics  bool
	}{
		"at once":             {answers: []answer{of(0, both, nil)}, want: used},
		"gone at once":        {answers: []answer{of(0, both, nil), of(1, first, second)}, at: 1, want: []string{"pod-1"}},
		"left":                {answers: []answer{of(0, both, nil), of(1, second, first), of(2, second, nil)}, at: 2, want: []string{"pod-2"}},
		"vanished, kept":      {answers: []answer{of(0, both, nil), of(1, second, nil)}, at: 11, want: used},
		"vanished for good":   {answers: []answer{of(0, both, nil), of(1, second, nil)}, at: 12, want: []string{"pod-2"}},
		"vanished, back":      {answers: []answer{of(0, both, nil), of(1, second, nil), of(3, both, nil)}, at: 60, want: used},
		"nothing is believed": {answers: []answer{of(0, both, nil), of(1, nil, nil)}, at: 60, want: used},
		"too few":             {answers: []answer{of(0, first, []int{2, 3})}, want: []string{"pod-1", "pod-2", "pod-3"}, panics: true},
		"too few, others":     {answers: []answer{of(0, first, []int{2, 3})}, others: true, want: []string{"pod-1"}},
		"none":                {answers: []answer{of(0, nil, both)}, want: used, panics: true},
		"none, others":        {answers: []answer{of(0, nil, both)}, others: true},
		"half":                {answers: []answer{of(0, first, second)}, want: []string{"pod-1"}},
		"back, not yet":       {answers: []answer{of(0, both, nil), of(10, first, second), of(20, both, nil)}, at: 20, want: []string{"pod-1"}},
		"back":                {answers: []answer{of(0, both, nil), of(10, first, second), of(20, both, nil)}, at: 21, want: used},
		"back, after two falls": {
			answers: []answer{of(0, both, nil), of(10, first, second), of(20, both, nil), of(21, first, second), of(22, both, nil)},
			at:      23, want: []string{"pod-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := newKeeper(Steadiness{}, []string{"eu-west", "us-east"})
			if tt.others {
				k.observe("us-east", []Sighting{{Instance{ID: "other", Region: "us-east"}, true}}, begun)
			}
			for _, a := range tt.answers {
				k.observe("eu-west", a.sightings(), begun.Add(a.at))
			}
			p := k.pool(begun.Add(time.Duration(tt.at) * time.Second))
			if got := ids(p); !slices.Equal(got, tt.want) || p.Panicking != tt.panics {
				t.Errorf("used are %v, panicking %t; want %v, %t", got, p.Panicking, tt.want, tt.panics)
			}
		})
	}
}

func TestKeeper_Age(t *testing.T) {
	k := newKeeper(Steadiness{}, []string{"eu-west"})
	k.observe("eu-west", []Sighting{{instance(1), true}}, begun)
	age := func(after time.Duration) time.Duration { return k.pool(begun.Add(after)).Regions["eu-west"].Age }
	if got := age(time.Minute); got != 0 {
		t.Errorf("a source that answers is %v old", got)
	}
	k.lose("eu-west", begun.Add(time.Minute))
	k.lose("eu-west", begun.Add(2*time.Minute))
	if got := age(3 * time.Minute); got != 2*time.Minute {
		t.Errorf("a source that has not answered for 2 minutes is %v old", got)
	}
	k.observe("eu-west", nil, begun.Add(4*time.Minute))
	if got := age(5 * time.Minute); got != 0 {
		t.Errorf("a source that answers again is %v old", got)
	}
}

// TestKeeper_NeverEmpty: whatever a source answers, while no other region has a pod this one keeps one if it ever had one.
func TestKeeper_NeverEmpty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k, now, known := newKeeper(Steadiness{}, []string{"eu-west"}), begun, false
		for range rapid.IntRange(1, 30).Draw(t, "answers") {
			var seen []Sighting
			for n := range rapid.IntRange(0, 4).Draw(t, "pods") {
				seen = append(seen, Sighting{instance(n + 1), rapid.Bool().Draw(t, "healthy")})
			}
			now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			k.observe("eu-west", seen, now)
			known = known || len(seen) > 0
			if used := ids(k.pool(now)); known && len(used) == 0 {
				t.Fatalf("no pod is used after %v", seen)
			}
		}
	})
}
