package discovery

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Steadiness says how a Pool follows its source. Zero fields take the default named at each.
type Steadiness struct {
	// PanicPercent is the share of instances below which a region is left to the others, and all instances are used where every
	// region is below it; 50, as in Envoy.
	PanicPercent int
	// ReturnAfter is how long an instance must be healthy again before it is used; 1 s, doubled each time that it goes down
	// within FlapWindow, up to ReturnAtMost.
	ReturnAfter time.Duration
	// ReturnAtMost bounds that; 30 s.
	ReturnAtMost time.Duration
	// FlapWindow is how long it is remembered that an instance went down; 2 min.
	FlapWindow time.Duration
	// VanishedFor is how long an instance that vanished while it was healthy is still used; 10 s.
	VanishedFor time.Duration
}

func (s Steadiness) withDefaults() Steadiness {
	s.PanicPercent = cmp.Or(s.PanicPercent, 50)
	s.ReturnAfter = cmp.Or(s.ReturnAfter, time.Second)
	s.ReturnAtMost = cmp.Or(s.ReturnAtMost, 30*time.Second)
	s.FlapWindow = cmp.Or(s.FlapWindow, 2*time.Minute)
	s.VanishedFor = cmp.Or(s.VanishedFor, 10*time.Second)
	return s
}

// A keeper decides which instances are used, from what a source says of them. It is safe for concurrent use.
type keeper struct {
	steady Steadiness

	mu       sync.Mutex
	regions  map[string]*kept
	controls map[string]Control
}

// kept is what is known of a region.
type kept struct {
	instances map[string]*record
	lost      time.Time // since when the source does not answer; zero while it does
}

// A record is what is known of an instance.
type record struct {
	Instance
	healthy  bool
	back     time.Time   // when it became healthy; zero for one that always was
	fell     []time.Time // when it went down, within the window
	vanished time.Time   // since when the source does not know it; zero while it does
}

// newKeeper returns a keeper that knows some regions, and no instance.
func newKeeper(s Steadiness, regions []string) *keeper {
	k := &keeper{steady: s.withDefaults(), regions: make(map[string]*kept), controls: make(map[string]Control)}
	for _, region := range regions {
		k.regions[region] = &kept{instances: make(map[string]*record)}
		k.controls[region] = undecided
	}
	return k
}

// observe records the source's answer about a region. An answer without any instance is not believed.
func (k *keeper) observe(region string, seen []Sighting, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	of := k.regions[region]
	of.lost = time.Time{}
	if len(seen) == 0 {
		return
	}
	there := make(map[string]bool, len(seen))
	for _, s := range seen {
		there[s.ID] = true
		if known := of.instances[s.ID]; known != nil {
			k.update(known, s, now)
		} else {
			of.instances[s.ID] = &record{Instance: s.Instance, healthy: s.Healthy}
		}
	}
	maps.DeleteFunc(of.instances, func(id string, r *record) bool { return !there[id] && !r.stays(now) })
}

// stays notes that the source does not know the instance, and reports whether it is kept all the same.
func (r *record) stays(now time.Time) bool {
	if r.vanished.IsZero() {
		r.vanished = now
	}
	return r.healthy
}

func (k *keeper) update(known *record, s Sighting, now time.Time) {
	known.fell = slices.DeleteFunc(known.fell, func(at time.Time) bool { return now.Sub(at) > k.steady.FlapWindow })
	switch {
	case known.healthy && !s.Healthy:
		known.fell = append(known.fell, now)
	case !known.healthy && s.Healthy:
		known.back = now
	}
	known.Instance, known.healthy, known.vanished = s.Instance, s.Healthy, time.Time{}
}

// lose records that the source does not answer about a region.
func (k *keeper) lose(region string, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if of := k.regions[region]; of.lost.IsZero() {
		of.lost = now
	}
}

// control records what operators decided.
func (k *keeper) control(controls map[string]Control) {
	k.mu.Lock()
	defer k.mu.Unlock()
	maps.Copy(k.controls, controls)
}

// usable reports whether an instance is healthy, and has been for long enough since it was not.
func (k *keeper) usable(r *record, now time.Time) bool {
	if !r.healthy || r.back.IsZero() {
		return r.healthy
	}
	wait := k.steady.ReturnAfter
	for range len(r.fell) - 1 {
		wait = min(2*wait, k.steady.ReturnAtMost)
	}
	return now.Sub(r.back) >= wait
}

// pool returns what is to be used at a moment.
func (k *keeper) pool(now time.Time) Pool {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := Pool{Regions: make(map[string]Region, len(k.regions))}
	all := make(map[string][]Instance, len(k.regions))
	known, enough := false, false
	for name, of := range k.regions {
		r := Region{Control: k.controls[name]}
		if !of.lost.IsZero() {
			r.Age = now.Sub(of.lost)
		}
		all[name], r.Instances = k.instances(of, now)
		r.Known = len(all[name])
		p.Regions[name] = r
		known = known || r.Known > 0
		enough = enough || r.Known > 0 && 100*len(r.Instances) >= k.steady.PanicPercent*r.Known
	}
	if p.Panicking = known && !enough; p.Panicking {
		p.use(all)
	}
	return p
}

// use replaces the instances that are used.
func (p Pool) use(instances map[string][]Instance) {
	for name, r := range p.Regions {
		r.Instances = instances[name]
		p.Regions[name] = r
	}
}

// instances returns the instances of a region, and those that can be used, in order of id.
func (k *keeper) instances(of *kept, now time.Time) (all, usable []Instance) {
	for _, id := range slices.Sorted(maps.Keys(of.instances)) {
		r := of.instances[id]
		if !r.vanished.IsZero() && now.Sub(r.vanished) > k.steady.VanishedFor {
			delete(of.instances, id)
			continue
		}
		all = append(all, r.Instance)
		if k.usable(r, now) {
			usable = append(usable, r.Instance)
		}
	}
	return all, usable
}
