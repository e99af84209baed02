package predict

import "time"

// Survival is what the database is set to survive.
type Survival string

// The survival goals of CockroachDB.
const (
	// SurviveZone keeps a row's quorum within its home region, which may be lost with it.
	SurviveZone Survival = "zone"
	// SurviveRegion keeps a row's quorum in two regions: each commit waits for the nearest other one.
	SurviveRegion Survival = "region"
)

// Survivals are the survival goals, the faster one first.
var Survivals = []Survival{SurviveZone, SurviveRegion}

// DefaultMaxOffset is CockroachDB's own --max-offset. Its documentation advises 250 ms where there are GLOBAL tables.
const DefaultMaxOffset = 500 * time.Millisecond

// propagation is what a GLOBAL table's writes lie ahead of the present besides the clocks' offset: half of a round trip of
// 150 ms and the 200 ms between two closed timestamps, and a margin of 25 ms. CockroachDB's package kvserver/closedts computes
// so; with the offset of 500 ms it is the 800 ms that its documentation names.
const propagation = 300 * time.Millisecond

// A Model is what latencies are computed from.
type Model struct {
	World *World
	// MaxOffset is the cluster's --max-offset, by which a write to a GLOBAL table waits.
	MaxOffset time.Duration
}

// A Prediction is what one call of an operation takes a shopper.
type Prediction struct {
	// Single is how long it takes with all of the shop in the primary region.
	Single time.Duration
	// Near is how long it takes where the rows are at home in the region nearest to the shopper, and Far where they are in
	// the region farthest from that one. They are the same for rows that have no home.
	Near, Far map[Survival]time.Duration
	// FarHome is the home of Far.
	FarHome string
}

// Predict returns what an operation takes a shopper.
func (m Model) Predict(o Operation, s Shopper) Prediction {
	p := Prediction{
		Single:  m.single(o, s),
		Near:    make(map[Survival]time.Duration),
		Far:     make(map[Survival]time.Duration),
		FarHome: m.World.Farthest(s.Edge),
	}
	for _, survival := range Survivals {
		p.Near[survival] = m.Call(o, s, s.Edge, survival)
		p.Far[survival] = m.Call(o, s, p.FarHome, survival)
	}
	return p
}

// Call returns how long an operation takes a shopper whose rows are at home in a region.
func (m Model) Call(o Operation, s Shopper, home string, survival Survival) time.Duration {
	pod := s.Edge
	if o.FollowsHome() {
		pod = home
	}
	return s.RTT(s.Edge) + m.World.RTT(s.Edge, pod) + m.database(o.Cost, pod, home, survival)
}

// database returns how long a pod waits for the database.
func (m Model) database(c Cost, pod, home string, survival Survival) time.Duration {
	w := m.World
	toRows := w.RTT(pod, home)
	total := times(c.Trips+c.Local, Local) + times(c.Home, toRows) + times(c.Everywhere, w.RTT(pod, w.Farthest(pod)))
	total += times(c.Primary, w.RTT(pod, w.primary)) + times(c.Commits, toRows+m.quorum(home, survival))
	return total + times(c.GlobalCommits, w.RTT(pod, w.primary)+max(m.MaxOffset+propagation, m.quorum(w.primary, survival)))
}

// quorum returns how long a commit waits for the copies of rows.
func (m Model) quorum(home string, survival Survival) time.Duration {
	if survival == SurviveZone {
		return Local
	}
	return m.World.RTT(home, m.World.NearestOther(home))
}

// single returns how long it takes with everything in the primary region. No table is GLOBAL there.
func (m Model) single(o Operation, s Shopper) time.Duration {
	c := o.Cost
	return s.RTT(m.World.primary) + Local + times(c.Trips+c.Statements()+2*(c.Commits+c.GlobalCommits), Local)
}

func times(n int, d time.Duration) time.Duration { return time.Duration(n) * d }
