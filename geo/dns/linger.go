package dns

import (
	"slices"
	"sync"
	"time"
)

// lingering remembers until when caches may still name regions that are no longer answered.
type lingering struct {
	mu    sync.Mutex
	until map[string]time.Time
}

// note compares two views. The first may be nil.
func (l *lingering) note(old, next *view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.until == nil {
		l.until = make(map[string]time.Time)
	}
	if old != nil {
		for _, name := range old.answered() {
			l.until[name] = next.made.Add(old.zone.file.TTL.Latency)
		}
	}
	for _, name := range next.answered() {
		delete(l.until, name)
	}
}

// left returns how long caches may still name a region that is no longer answered, at most.
func (l *lingering) left(region string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(0, l.until[region].Sub(now))
}

// answered returns the names of the regions that may be answered.
func (v *view) answered() []string {
	var names []string
	for i, serving := range v.serving() {
		if serving {
			names = append(names, v.states[i].Region)
		}
	}
	slices.Sort(names)
	return names
}
