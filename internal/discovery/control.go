package discovery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
	"unicode/utf8"
)

// A Control is what operators decided about a region.
type Control struct {
	// Drained is true if new requests are sent elsewhere.
	Drained bool `json:"drained,omitempty"`
	// WeightPercent is the part of its own shoppers that the region takes, 0 to 100.
	WeightPercent int `json:"weight_percent"`
	// Version is that of the Controls that last changed it; 0 if nothing ever did.
	Version int64 `json:"version"`
}

// undecided is the Control of a region about which nobody decided anything.
var undecided = Control{WeightPercent: 100}

// Takes reports whether the region takes new requests.
func (c Control) Takes() bool { return !c.Drained && c.WeightPercent > 0 }

// Controls are what operators decided about all regions. They are one document, so that two operators cannot close the last
// two regions at the same time.
type Controls struct {
	// Version is raised by each change. Of two that a cut between the datacenters let differ, the one with the higher Version is
	// in force, and of two with the same, the one that was made later.
	Version int64 `json:"version"`
	// Regions are the regions about which something was decided.
	Regions map[string]Control `json:"regions"`
	// History are the latest changes, the last one first, at most maxHistory.
	History []Change `json:"history"`
}

// A Change says who decided what about a region, when and why.
type Change struct {
	Region string    `json:"region"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	What   string    `json:"what"` // "drain", "undrain" or "weight 20"
	Reason string    `json:"reason"`
}

const (
	maxHistory = 200
	maxText    = 300 // runes of By and of Reason
)

// Validate returns what is wrong with a change of one of some regions, or nil.
func (c Change) Validate(regions []string) error {
	switch {
	case !slices.Contains(regions, c.Region):
		return fmt.Errorf("region %q: use one of %v", c.Region, regions)
	case c.By == "" || utf8.RuneCountInString(c.By) > maxText:
		return fmt.Errorf("by: give who makes the change, in at most %d characters", maxText)
	case c.Reason == "" || utf8.RuneCountInString(c.Reason) > maxText:
		return fmt.Errorf("reason: say why, in at most %d characters", maxText)
	}
	return nil
}

// Of returns the Control of a region.
func (c Controls) Of(region string) Control {
	if control, decided := c.Regions[region]; decided {
		return control
	}
	return undecided
}

// newer reports whether c is in force rather than other.
func (c Controls) newer(other Controls) bool {
	return c.Version > other.Version || c.Version == other.Version && c.changedAt().After(other.changedAt())
}

func (c Controls) changedAt() time.Time {
	if len(c.History) == 0 {
		return time.Time{}
	}
	return c.History[0].At
}

// ErrNothingOpen is returned for a change after which no region would take requests.
var ErrNothingOpen = errors.New("no region would take requests any more")

// after returns the Controls after a change, or ErrNothingOpen.
func (c Controls) after(change Change, set func(*Control), regions []string, force bool) (Controls, error) {
	control := c.Of(change.Region)
	set(&control)
	control.Version = c.Version + 1
	next := Controls{Version: c.Version + 1, Regions: maps.Clone(c.Regions), History: append([]Change{change}, c.History...)}
	if next.Regions == nil {
		next.Regions = make(map[string]Control)
	}
	next.Regions[change.Region] = control
	next.History = next.History[:min(len(next.History), maxHistory)]
	if !force && !slices.ContainsFunc(regions, func(region string) bool { return next.Of(region).Takes() }) {
		return Controls{}, ErrNothingOpen
	}
	return next, nil
}
