package predict

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meridian/internal/api"
	"meridian/internal/testkit"
	"meridian/regions"
)

const ms = time.Millisecond

func newModel(t testing.TB) Model {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return Model{World: testkit.Must(NewWorld(set))(t), MaxOffset: DefaultMaxOffset}
}

// The round trips that the cases below are worked out by: us-east to us-west 78 ms, to eu-west 66, to ap-southeast 210;
// us-west to eu-west 118, to ap-southeast 84 + 81 = 165; eu-west to ap-southeast 180; within a region 1.
func TestWorld(t *testing.T) {
	w := newModel(t).World
	for _, c := range []struct {
		from, to string
		want     time.Duration
	}{
		{"us-east", "us-east", ms}, {"us-east", "us-west", 78 * ms}, {"us-east", "eu-west", 66 * ms}, {"us-east", "ap-southeast", 210 * ms},
		{"us-west", "eu-west", 118 * ms}, {"us-west", "ap-southeast", 165 * ms}, {"eu-west", "ap-southeast", 180 * ms},
	} {
		if there, back := w.RTT(c.from, c.to), w.RTT(c.to, c.from); there != c.want || back != c.want {
			t.Errorf("%s and %s: %s, %s back, want %s", c.from, c.to, there, back, c.want)
		}
	}
	for from, want := range map[string][2]string{
		"us-east": {"eu-west", "ap-southeast"}, "us-west": {"us-east", "ap-southeast"}, "eu-west": {"us-east", "ap-southeast"},
		"ap-southeast": {"us-west", "us-east"},
	} {
		if got := [2]string{w.NearestOther(from), w.Farthest(from)}; got != want {
			t.Errorf("nearest to and farthest from %s: %v, want %v", from, got, want)
		}
	}
}

var (
	readGlobal = Operation{Method: "GET", Cost: Cost{Trips: 1, Local: 2}}
	readHome   = Operation{Method: "GET", Cost: Cost{Trips: 1, Home: 6}}
	readAll    = Operation{Method: "GET", Cost: Cost{Trips: 1, Everywhere: 1}}
	writeHome  = Operation{Method: "POST", Path: "/v1/carts/{cart_id}/lines", Cost: Cost{Trips: 1, Home: 3, Commits: 1}}
	writeHere  = Operation{Method: "POST", Path: "/v1/sessions", Cost: Cost{Trips: 2, Home: 5, Commits: 1}}
	writeOwn   = Operation{
		Method: "POST", Path: "/v1/orders", bearer: true, Cost: Cost{Trips: 2, Local: 1, Home: 13, Everywhere: 1, Commits: 1},
	}
	writeAll = Operation{Method: "PUT", Path: "/v1/seller/products/{product_id}", Cost: Cost{Trips: 1, Primary: 2, GlobalCommits: 1}}
)

// TestCall: cases worked out by hand. A sum is shopper to edge, edge to pod, round trips, statements, commits.
func TestCall(t *testing.T) {
	m := newModel(t)
	for _, c := range []struct {
		name       string
		operation  Operation
		from, home string
		survival   Survival
		want       time.Duration
	}{
		{"a GLOBAL read is local", readGlobal, "eu-west", "ap-southeast", SurviveRegion, (1 + 1 + 1 + 2) * ms},
		{"a read at home", readHome, "eu-west", "eu-west", SurviveRegion, (1 + 1 + 1 + 6) * ms},
		{"a read does not follow its rows", readHome, "eu-west", "us-east", SurviveZone, (1 + 1 + 1 + 6*66) * ms},
		{"a read of all regions waits for the farthest", readAll, "us-west", "us-west", SurviveZone, (1 + 1 + 1 + 165) * ms},
		{"a write at home, zone", writeHome, "eu-west", "eu-west", SurviveZone, (1 + 1 + 1 + 3 + 1 + 1) * ms},
		{"a write at home, region", writeHome, "eu-west", "eu-west", SurviveRegion, (1 + 1 + 1 + 3 + 1 + 66) * ms},
		{"a write follows its cart", writeHome, "us-west", "ap-southeast", SurviveRegion, (1 + 165 + 1 + 3 + 1 + 165) * ms},
		{"a sign-in names no home", writeHere, "us-west", "ap-southeast", SurviveZone, (1 + 1 + 2 + 5*165 + 165 + 1) * ms},
		{"a checkout at home", writeOwn, "eu-west", "eu-west", SurviveRegion, (1 + 1 + 2 + 1 + 13 + 180 + 1 + 66) * ms},
		{"a checkout follows its customer", writeOwn, "eu-west", "us-east", SurviveZone, (1 + 66 + 2 + 1 + 13 + 210 + 1 + 1) * ms},
		{"a GLOBAL write, zone", writeAll, "eu-west", "eu-west", SurviveZone, (1 + 1 + 1 + 2*66 + 66 + 800) * ms},
		{"a GLOBAL write's quorum is quicker than its wait", writeAll, "us-east", "us-east", SurviveRegion, (1 + 1 + 1 + 2 + 1 + 800) * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := m.Call(c.operation, m.World.ShopperAt(c.from), c.home, c.survival); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// TestPredict_Single: with everything in the primary region all that is far is the shopper, and no table is GLOBAL.
func TestPredict_Single(t *testing.T) {
	m := newModel(t)
	for _, c := range []struct {
		name      string
		operation Operation
		from      string
		want      time.Duration
	}{
		{"a read, far", readHome, "ap-southeast", (210 + 1 + 1 + 6) * ms},
		{"a read, near", readHome, "us-east", (1 + 1 + 1 + 6) * ms},
		{"a checkout", writeOwn, "eu-west", (66 + 1 + 2 + 15 + 2) * ms},
		{"a change of the catalogue", writeAll, "eu-west", (66 + 1 + 1 + 2 + 2) * ms},
	} {
		if got := m.Predict(c.operation, m.World.ShopperAt(c.from)).Single; got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// anOperation draws an operation. A homed one commits once at most, and has to do with its rows' home alone.
func anOperation(homed bool) *rapid.Generator[Operation] {
	return rapid.Custom(func(t *rapid.T) Operation {
		count := func(name string) int { return rapid.IntRange(0, 20).Draw(t, name) }
		o := Operation{
			Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"), bearer: rapid.Bool().Draw(t, "bearer"),
			Cost: Cost{Trips: count("trips"), Local: count("local"), Home: count("home"), Commits: rapid.IntRange(0, 1).Draw(t, "commits")},
		}
		if !homed {
			o.Cost.Commits = count("commits")
			o.Cost.Everywhere, o.Cost.Primary, o.Cost.GlobalCommits = count("everywhere"), count("primary"), count("global commits")
		}
		return o
	})
}

// TestCall_Properties: a nearer home is never slower, for what commits once and has to do with its rows' home alone. What
// commits often, reads all regions or writes GLOBAL tables may do so more quickly at a home that is further from the shopper
// and nearer to the others. Surviving a zone is never slower than surviving a region, and one more statement never quicker.
func TestCall_Properties(t *testing.T) {
	m := newModel(t)
	places := append(m.World.Names(), "DE", "BR", "JP", "US-West")
	rapid.Check(t, func(t *rapid.T) {
		shopper, err := m.World.Shopper(rapid.SampledFrom(places).Draw(t, "from"))
		if err != nil {
			t.Fatal(err)
		}
		one, other := rapid.SampledFrom(m.World.Names()).Draw(t, "home"), rapid.SampledFrom(m.World.Names()).Draw(t, "other home")
		if m.World.RTT(shopper.Edge, one) > m.World.RTT(shopper.Edge, other) {
			one, other = other, one
		}
		o, survival := anOperation(true).Draw(t, "homed"), rapid.SampledFrom(Survivals).Draw(t, "survival")
		if near, far := m.Call(o, shopper, one, survival), m.Call(o, shopper, other, survival); near > far {
			t.Errorf("%+v from %s takes %s at home in %s, %s in %s", o, shopper.Name, near, one, far, other)
		}
		o = anOperation(false).Draw(t, "any")
		zone, region := m.Call(o, shopper, one, SurviveZone), m.Call(o, shopper, one, SurviveRegion)
		if zone > region {
			t.Errorf("%+v from %s takes %s to survive a zone, %s a region", o, shopper.Name, zone, region)
		}
		o.Cost.Home++
		if more := m.Call(o, shopper, one, SurviveZone); more <= zone {
			t.Errorf("%+v takes %s, with a statement less %s", o, more, zone)
		}
	})
}

// TestOperations: every operation of the document has a cost, within the round trips that it is held to.
func TestOperations(t *testing.T) {
	all := testkit.Must(Operations(testkit.Must(api.Document())(t)))(t)
	ids := make(map[string]Operation)
	for _, o := range all {
		ids[o.ID] = o
		if o.Most >= 0 && o.Cost.Trips > o.Most {
			t.Errorf("%s takes %d round trips here, and at most %d by the document", o.ID, o.Cost.Trips, o.Most)
		}
		c := o.Cost
		if c.Trips == 0 && c != (Cost{}) || c.Trips > 0 && c.Statements() == 0 {
			t.Errorf("%s: %+v cannot be: statements come with round trips", o.ID, c)
		}
		if writes := c.Commits + c.GlobalCommits; o.Method == "GET" && writes > 0 || o.Method != "GET" && writes == 0 && o.ID != "quotePrices" {
			t.Errorf("%s %s has %d commits", o.Method, o.ID, writes)
		}
	}
	for _, step := range Journey {
		if _, ok := ids[step.Operation]; !ok {
			t.Errorf("%s is no operation", step.Operation)
		}
	}
	for id, want := range map[string]bool{
		"getCart": false, "addCartLine": true, "placeOrder": true, "signIn": false, "registerAccount": false,
	} {
		if got := ids[id].FollowsHome(); got != want {
			t.Errorf("%s follows its rows: %v, want %v", id, got, want)
		}
	}
}

// TestOperations_Unknown: an operation without a cost, and a cost without an operation, are errors that name it.
func TestOperations_Unknown(t *testing.T) {
	_, err := Operations([]byte(`{"paths":{"/v1/new":{"get":{"operationId":"getNew","tags":["new"],"x-round-trips":1}}}}`))
	for _, want := range []string{"getNew", "placeOrder, which is no operation"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, want a word on %s", err, want)
		}
	}
	for _, text := range []string{"", "operation,trips\n", costsHeader + "a,1,2,3,4,5,6,x\n", costsHeader + "a,1,2,3,4,5,6,-1\n",
		costsHeader + "a,1,2,3,4,5,6,7\na,1,2,3,4,5,6,7\n"} {
		if _, err := readCosts(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

var costsHeader = strings.Join(costColumns, ",") + "\n"

// TestShopper: places are known by name, and others are refused with those there are.
func TestShopper(t *testing.T) {
	w := newModel(t).World
	for name, edge := range map[string]string{
		"eu-west": "eu-west", "DE": "eu-west", "SG": "ap-southeast", "US-West": "us-west", "US-East": "us-east", "BR": "us-east",
	} {
		s := testkit.Must(w.Shopper(name))(t)
		if s.Edge != edge || s.RTT(edge) < Local {
			t.Errorf("%s is next to %s at %s, want %s", name, s.Edge, s.RTT(s.Edge), edge)
		}
		for _, region := range w.Names() {
			if s.RTT(region) < s.RTT(s.Edge) {
				t.Errorf("%s is nearer to %s than to %s", name, region, s.Edge)
			}
		}
	}
	for _, name := range []string{"", "mars", "XX", "US-North", "DE-West", "eu"} {
		if _, err := w.Shopper(name); err == nil || !strings.Contains(err.Error(), "eu-west") {
			t.Errorf("%q: %v, want an error with the regions", name, err)
		}
	}
}

// TestMeasurement_Judge: a quarter of what was predicted, and 5 ms by which the CPU's part differs.
func TestMeasurement_Judge(t *testing.T) {
	for _, c := range []struct {
		predicted, measured, cpu time.Duration
		ratio                    float64
		off                      bool
	}{
		{100 * ms, 100 * ms, 0, 1, false}, {100 * ms, 130 * ms, 0, 1.3, false}, {100 * ms, 131 * ms, 0, 1.31, true},
		{100 * ms, 70 * ms, 0, 0.7, false}, {100 * ms, 69 * ms, 0, 0.69, true}, {100 * ms, 150 * ms, 20 * ms, 1.3, false},
		{100 * ms, 151 * ms, 20 * ms, 1.31, true}, {ms, 18 * ms, 17 * ms, 1, false},
	} {
		m := Measurement{predicted: c.predicted, measured: c.measured}
		m.judge(c.cpu)
		if m.Off != c.off || m.Ratio != c.ratio {
			t.Errorf("predicted %s, measured %s, CPU %s: ratio %v, off %v; want %v, %v",
				c.predicted, c.measured, c.cpu, m.Ratio, m.Off, c.ratio, c.off)
		}
	}
}

// TestEmbedded: one PostgreSQL is asked by batches, and a checkout asks the payment provider, too.
func TestEmbedded(t *testing.T) {
	m := newModel(t)
	checkout := writeOwn
	checkout.ID = "placeOrder"
	for region, want := range map[string]time.Duration{"us-east": 3 * ms, "eu-west": 3 * 66 * ms, "ap-southeast": 3 * 210 * ms} {
		if got := m.Embedded(checkout, region); got != want {
			t.Errorf("a checkout in %s takes %s, want %s", region, got, want)
		}
	}
	if got := m.Embedded(readHome, "us-west"); got != 78*ms {
		t.Errorf("a read in us-west takes %s, want 78ms", got)
	}
}

// TestMeasure_Refusals: a pod that is missing is named, and a shop that answers nothing is reported.
func TestMeasure_Refusals(t *testing.T) {
	m := newModel(t)
	if _, err := m.Measure(t.Context(), map[string]string{"us-east": "http://127.0.0.1:1"}, nil, 1); err == nil ||
		!strings.Contains(err.Error(), "ap-southeast") {
		t.Errorf("without three pods: %v", err)
	}
	pods := make(map[string]string)
	for _, region := range m.World.Names() {
		pods[region] = "http://127.0.0.1:1"
	}
	if _, err := m.Measure(t.Context(), pods, nil, 1); err == nil || errors.Is(err, t.Context().Err()) {
		t.Errorf("without a shop: %v", err)
	}
}
