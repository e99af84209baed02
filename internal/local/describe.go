package local

import (
	"fmt"
	"path/filepath"
)

// Describe prints the addresses of the shop's parts, and whether the search indexes are filled.
func (s *Shop) Describe(filled bool) {
	out := s.config.Out
	fmt.Fprintf(out, "\nMeridian is open, on %s:\n\n", s.engine.name)
	if !filled {
		fmt.Fprint(out, "  The search indexes are not filled yet: until then the database answers searches, without facets.\n\n")
	}
	fmt.Fprintf(out, "  %-14s %s    API documents at /docs\n", "shoppers", s.EdgeURL())
	for _, e := range s.edges[1:] {
		fmt.Fprintf(out, "  %-14s %s    edge near %s\n", "", urlOf(s.listeners.edges[e.region]), e.region)
	}
	for _, region := range s.config.Regions.All() {
		fmt.Fprintf(out, "  %-14s %s    %s\n", region.Name, s.RegionURL(region.Name), region.Title)
	}
	fmt.Fprintf(out, "  %-14s %s    test cards\n", "sandbox", urlOf(s.listeners.sandbox))
	fmt.Fprintf(out, "  %-14s %s, password in %s\n\n", "operator", operatorEmail, filepath.Join(s.config.Dir, secretsFile))
	s.describeNetwork()
	fmt.Fprintln(out, "Ctrl-C closes it. The data stays in "+s.config.Dir+".")
}

// describeNetwork prints the distances, if there are any.
func (s *Shop) describeNetwork() {
	if s.network == nil {
		return
	}
	fmt.Fprintf(s.config.Out, "Round trips, without jitter; the provider takes the payments:\n\n%s\n\n", s.network.Matrix())
	fmt.Fprintf(s.config.Out, "Change them from a second terminal: meridian lab --help\n\n")
}
