package geo

import (
	"cmp"
	"hash/maphash"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// A reason says why a region got a request. It is answered in headerEdgeReason and counted.
type reason string

const (
	reasonNearest  reason = "nearest"  // it is the nearest to the client
	reasonHome     reason = "home"     // the row, or the customer, is at home there
	reasonAsked    reason = "asked"    // a trusted proxy asked for it
	reasonShare    reason = "share"    // nearer ones take a part of their shoppers alone
	reasonDrained  reason = "drained"  // a nearer one is drained
	reasonDown     reason = "down"     // a nearer one has no usable pod
	reasonOverflow reason = "overflow" // another one is full
	reasonFailover reason = "failover" // another one failed
	reasonHedge    reason = "hedge"    // another one was slow
	reasonStale    reason = "stale"    // none answered: this was answered before
)

// A stop is a region on a journey, with why it is where it is.
type stop struct {
	*upstream
	why  reason
	last bool // it is drained: better than none
}

// plan returns the regions to try, in order.
func (e *Edge) plan(r *http.Request, j *journey) []stop {
	p := planner{edge: e, kind: j.kind}
	if e.locator.FromTrusted(r) {
		p.add(r.Header.Get(headerRegion), reasonAsked)
	}
	if !j.read {
		p.add(cmp.Or(e.regionOfPath(r.URL.Path), e.regionOfToken(r)), reasonHome)
	}
	p.addNearest(e.order(j.loc), e.placeOf(j.loc.Addr))
	return append(p.plan, p.drained...)
}

// order returns the regions, the nearest to the client first.
func (e *Edge) order(loc Location) []string {
	if loc.Country != "" {
		return e.ranker.Order(loc.Country, loc.Zone)
	}
	return e.defaultOrder
}

// placeOf returns a number from 0 to 1 that is always the same for a client, so that it stays in one region while that takes a part
// of its shoppers.
func (e *Edge) placeOf(addr netip.Addr) float64 {
	if !addr.IsValid() {
		return rand.Float64()
	}
	return float64(maphash.Comparable(e.seed, addr)>>11) / (1 << 53)
}

// A planner orders the regions for one request.
type planner struct {
	edge          *Edge
	kind          int
	plan, drained []stop
}

func (p *planner) has(u *upstream) bool {
	is := func(s stop) bool { return s.upstream == u }
	return slices.ContainsFunc(p.plan, is) || slices.ContainsFunc(p.drained, is)
}

// add appends a region if it can be asked.
func (p *planner) add(region string, why reason) {
	u, ok := p.edge.upstreams[region]
	switch {
	case !ok || p.has(u) || !u.usable(p.kind):
	case !u.now.Load().control.Takes():
		p.drained = append(p.drained, stop{upstream: u, why: reasonDown, last: true})
	default:
		p.plan = append(p.plan, stop{upstream: u, why: why})
	}
}

// addNearest appends the regions by distance, and those that take a part of their shoppers alone only for clients within it. For
// others the regions by planned shares come first.
func (p *planner) addNearest(order []string, place float64) {
	why := reasonNearest
	var partly []string
	for n, region := range order {
		u := p.edge.upstreams[region]
		now := u.now.Load()
		takes := float64(now.control.WeightPercent) / 100 * u.ramp(p.edge.cfg)
		switch {
		case !u.usable(p.kind):
			why = reasonDown
		case !now.control.Takes():
			why = reasonDrained
		case place >= takes && len(p.plan) == 0:
			partly, why = append(partly, region), reasonShare
			p.addByShare(order[n+1:], (place-takes)/(1-takes))
			continue
		}
		p.add(region, why)
	}
	for _, region := range partly {
		p.add(region, reasonShare)
	}
}

// ramp returns the part of its shoppers that the region is given since it came back: that of the pod that is furthest.
func (u *upstream) ramp(cfg EdgeConfig) float64 { return ramp(u.now.Load().since, cfg.SlowStart) }

// addByShare appends one of the regions, drawn by the planned shares.
func (p *planner) addByShare(among []string, place float64) {
	open := make([]*upstream, 0, len(among))
	for _, region := range among {
		if u := p.edge.upstreams[region]; u.usable(p.kind) && u.now.Load().control.Takes() && u.now.Load().control.WeightPercent == 100 {
			open = append(open, u)
		}
	}
	if u := drawByShare(open, place); u != nil {
		p.add(u.region, reasonShare)
	}
}

// drawByShare draws one of the regions, by a number from 0 to 1, in proportion to their planned shares; nil of none.
func drawByShare(among []*upstream, place float64) *upstream {
	sum := 0
	for _, u := range among {
		sum += max(1, u.share)
	}
	at := int(place * float64(sum))
	for _, u := range among {
		if at -= max(1, u.share); at < 0 {
			return u
		}
	}
	return nil
}

// overflow brings the region that a request spills over to, drawn by the planned shares, to the front of those that are left.
func (j *journey) overflow(left []stop) {
	open := make([]*upstream, 0, len(left))
	for _, s := range left {
		if s.usable(j.kind) && s.limit.room(j.priority) && !s.last {
			open = append(open, s.upstream)
		}
	}
	u := drawByShare(open, rand.Float64())
	if at := slices.IndexFunc(left, func(s stop) bool { return s.upstream == u }); at > 0 {
		chosen := left[at]
		copy(left[1:at+1], left[:at])
		left[0] = chosen
	}
	for n := range left {
		left[n].why = reasonOverflow
	}
}

// kindOf returns which of EdgeConfig.Breakers a request belongs to, counted from 1, or 0.
func (e *Edge) kindOf(r *http.Request) int {
	for n, b := range e.cfg.Breakers {
		if strings.HasSuffix(r.URL.Path, b.Path) {
			return n + 1
		}
	}
	return 0
}
