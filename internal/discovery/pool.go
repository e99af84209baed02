package discovery

import (
	"maps"
	"slices"
	"time"
)

// A Pool is what is known of every region.
type Pool struct {
	// Regions are the regions, by name.
	Regions map[string]Region
	// Panicking is true while all instances are used, since too few are healthy in every region.
	Panicking bool
}

// A Region is what is known of one region.
type Region struct {
	// Instances are those that requests may be sent to, in order of id.
	Instances []Instance
	// Known is the number of all instances, those that cannot serve included.
	Known int
	// Control is what operators decided.
	Control Control
	// Age is for how long the source has not answered; 0 while it does.
	Age time.Duration
}

// same reports whether two pools would be used alike: their ages may differ.
func (p Pool) same(other Pool) bool {
	return p.Panicking == other.Panicking && maps.EqualFunc(p.Regions, other.Regions, func(a, b Region) bool {
		return a.Known == b.Known && a.Control.Version == b.Control.Version && slices.Equal(a.Instances, b.Instances)
	})
}

// A Sighting is what a source says of an instance.
type Sighting struct {
	Instance
	// Healthy is true if it can serve.
	Healthy bool
}
