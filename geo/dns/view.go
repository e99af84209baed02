package dns

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/regions"
)

// A view is a zone with the states of the regions and their order for every place. It never changes, apart from the
// sections that it keeps. Each answer is given from one view.
type view struct {
	zone    *zone
	states  []RegionState
	seeds   []uint64
	slots   []int // of the regions' counters
	routes  map[place]*route
	signed  *signatures // nil for a zone that is not signed
	missing *section    // of a name that does not exist, without signatures
	made    time.Time

	packed atomic.Pointer[map[sectionKey]*section]
	mu     sync.Mutex // for writing packed
}

// newView returns the view of a zone at a time. There must be at most maxRegions states.
func newView(z *zone, states []RegionState, ranker *geo.Ranker, set *regions.Set, now time.Time) *view {
	v := &view{zone: z, states: states, routes: make(map[place]*route), made: now}
	for _, state := range states {
		v.seeds = append(v.seeds, seed(state.Region))
		v.slots = append(v.slots, slot(set, state.Region))
	}
	v.packed.Store(&map[sectionKey]*section{})
	v.addRoutes(ranker, set)
	if len(z.keys) > 0 {
		v.signed = newSignatures(z, now)
	}
	v.missing = packBehind(z.apex, answer{rcode: dns.RcodeNameError, authority: []dns.RR{z.soa}}, false)
	return v
}

// slot returns the index of a region's counter, which is the same whichever regions there are states of.
func slot(set *regions.Set, region string) int {
	if at := slices.Index(set.Names(), region); at >= 0 && at < maxRegions {
		return at
	}
	return maxRegions
}

// A sectionKey identifies what a section answers.
type sectionKey struct {
	at    *node
	kind  uint16
	asked signing
	order order
}

// A section is the part of a response behind the question, packed. Its names point into the question, so that it belongs
// behind questions for one name.
type section struct {
	body                           []byte
	answers, authority, additional uint16
	rcode                          int
	nodata                         bool
}

// maxSections bounds the sections a view keeps. There are as many as names, types and orders of regions; only weights
// can make many orders.
const maxSections = 4096

// section returns the section that answers a name and type with the regions in the order.
func (v *view) section(key sectionKey) *section {
	if found, ok := (*v.packed.Load())[key]; ok {
		return found
	}
	made := packBehind(key.at.name, v.sign(v.answer(key.at, key.kind, key.order), key.asked), true)
	v.keep(key, made)
	return made
}

// keep adds a section to those that are kept. Readers take no lock: they have the old map or the new one.
func (v *view) keep(key sectionKey, made *section) {
	v.mu.Lock()
	defer v.mu.Unlock()
	old := *v.packed.Load()
	if len(old) >= maxSections {
		return
	}
	next := maps.Clone(old)
	next[key] = made
	v.packed.Store(&next)
}

// packBehind packs an answer as it stands behind a question for the name. Without compression it may stand behind any.
func packBehind(name string, a answer, compress bool) *section {
	m := &dns.Msg{Compress: compress, Question: []dns.Question{{Name: name, Qtype: dns.TypeA, Qclass: dns.ClassINET}}}
	m.Answer, m.Ns, m.Extra = a.records, a.authority, a.additional
	whole, err := m.Pack()
	if err != nil { // more than 64 KiB; a resolver then asks another server
		return &section{rcode: dns.RcodeServerFailure}
	}
	wire, _ := wireName(name) // Pack has done the same
	return &section{
		body: whole[headerBytes+len(wire)+questionTail:], rcode: a.rcode, nodata: len(a.records) == 0,
		answers: uint16(len(a.records)), authority: uint16(len(a.authority)), additional: uint16(len(a.additional)),
	}
}
