package discovery

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
)

// An Instance is a pod, or another server of a region, as others see it.
type Instance struct {
	// ID is unique among all instances of all regions.
	ID string
	// Region is the name of its region, Zone that of the zone within it.
	Region, Zone string
	// Version of its program.
	Version string
	// URL is where it answers: scheme and host alone.
	URL string
	// Capacity is the number of requests that it serves at the same time; 0 if it does not say.
	Capacity int
	// Weight is its share of the region's requests beside the others, 1 to MaxWeight.
	Weight int
}

// The bounds of an instance.
const (
	MaxWeight     = 100
	DefaultWeight = 10
)

// idPattern matches ids. Consul's DNS and URLs carry them.
var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Validate returns all faults of an instance at once.
func (i Instance) Validate() error {
	var faults []error
	need := func(ok bool, problem string, values ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(problem, values...))
		}
	}
	need(idPattern.MatchString(i.ID), "id %q: use at most 63 of a-z, 0-9 and hyphens", i.ID)
	need(i.Region != "", "region: it is missing")
	need(isOrigin(i.URL), "url %q: give scheme and host alone, like http://10.2.1.5:8080", i.URL)
	need(i.Capacity >= 0, "capacity %d: give 0 or more", i.Capacity)
	need(i.Weight >= 1 && i.Weight <= MaxWeight, "weight %d: give 1 to %d", i.Weight, MaxWeight)
	return errors.Join(faults...)
}

// isOrigin reports whether a text is a URL of scheme and host alone.
func isOrigin(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.User == nil && u.Path == "" &&
		u.RawQuery == "" && u.Fragment == ""
}
