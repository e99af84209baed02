package dns

import (
	"fmt"
	"strings"

	"meridian/geo"
	"meridian/regions"
)

// Check reads a zone's file without serving it. It returns a summary for people: the zone, its names, and which regions
// its clients would be sent to. The error joins every fault.
func Check(path string, set *regions.Set) (summary string, err error) {
	z, err := readZone(path, set, func(*fingerprint) {})
	if err != nil {
		return "", err
	}
	ranker, err := geo.NewRanker(set)
	if err != nil {
		return "", err
	}
	p := newProber(nil)
	p.follow(z.file)
	v := newView(z, p.states(z.file), ranker, set, z.file.modified)
	var text strings.Builder
	fmt.Fprintf(&text, "zone %s serial %d: %d names, %d keys\n", z.apex, z.soa.Serial, len(z.nodes), len(z.keys))
	for _, home := range set.All() {
		nearest := make(map[string]int)
		for _, country := range home.Countries {
			if first := v.route(place{country: country}).whole.first(); first >= 0 {
				nearest[v.states[first].Region]++
			}
		}
		fmt.Fprintf(&text, "countries homed in %s by nearest region: %v\n", home.Name, nearest)
	}
	return text.String(), nil
}
