package dns

import "sync/atomic"

// counts are a responder's counters. Each responder has its own, so that they share no cache line, and metrics add them up
// when they are read.
type counts struct {
	answers [2][24]atomic.Uint64 // over UDP and TCP, by code
	dropped [3]atomic.Uint64
	first   [maxRegions + 1]atomic.Uint64 // by the slot of the region named first; the last is for none, and others
	bases   [2][2]atomic.Uint64           // by subnet or resolver, place known or not
}

// The indexes of counts.dropped.
const (
	droppedNoRequest = iota
	droppedByLimit
	truncatedByLimit
)

func (c *counts) answer(tcp bool, rcode int) {
	transport := 0
	if tcp {
		transport = 1
	}
	c.answers[transport][min(rcode, len(c.answers[0])-1)].Add(1)
}

func (c *counts) located(bySubnet, known bool, first int) {
	by, is := 0, 0
	if bySubnet {
		by = 1
	}
	if known {
		is = 1
	}
	c.bases[by][is].Add(1)
	c.first[first].Add(1)
}
