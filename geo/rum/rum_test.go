package rum

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"meridian/geo"
	"meridian/internal/testkit"
	"meridian/regions"
)

// address returns the address of a client in a network of its own.
func address(network int) netip.Addr {
	octets := binary.BigEndian.AppendUint32(nil, uint32(80<<24+network<<8+7))
	addr, _ := netip.AddrFromSlice(octets)
	return addr
}

// newCollector returns a collector that wants five networks, and its clock.
func newCollector() (*Collector, *testkit.Clock) {
	clock := testkit.ClockOfToday()
	return NewCollector(Config{MinNetworks: 5, MaxNetworks: 1000, Now: clock.Now}), clock
}

// millis returns the one figure there is, or 0.
func millis(t *testing.T, c *Collector) float64 {
	t.Helper()
	figures := c.Figures()
	if len(figures) > 1 {
		t.Fatalf("there are %v", figures)
	}
	for _, f := range figures {
		return f.RTTMillis
	}
	return 0
}

func TestCollector(t *testing.T) {
	const period = time.Hour
	for _, tt := range []struct {
		name string
		do   func(add func(network int, millis int), clock *testkit.Clock)
		want float64
	}{
		{"the median of networks", func(add func(int, int), _ *testkit.Clock) {
			for i, rtt := range []int{10, 20, 30, 40, 50} {
				add(i, rtt)
			}
		}, 30},
		{"too few networks", func(add func(int, int), _ *testkit.Clock) {
			for i := range 4 {
				add(i, 10)
			}
		}, 0},
		{"one network posts a lot", func(add func(int, int), _ *testkit.Clock) {
			for i := range 5 {
				add(i, 10)
			}
			for range 10_000 {
				add(0, 9000)
			}
		}, 10},
		{"outliers", func(add func(int, int), _ *testkit.Clock) {
			for i := range 7 {
				add(i, 10)
			}
			for i := 7; i < 13; i++ {
				add(i, 10_000)
			}
		}, 10},
		{"a new figure counts as much as all before", func(add func(int, int), clock *testkit.Clock) {
			for i := range 5 {
				add(i, 10)
			}
			clock.Advance(period)
			for i := range 5 {
				add(i, 30)
			}
		}, 20},
		{"a period without enough votes leaves it", func(add func(int, int), clock *testkit.Clock) {
			for i := range 5 {
				add(i, 10)
			}
			clock.Advance(period)
			add(0, 30)
		}, 10},
		{"a figure that is not renewed", func(add func(int, int), clock *testkit.Clock) {
			for i := range 5 {
				add(i, 10)
			}
			clock.Advance(period)
			add(0, 10)
			clock.Advance(24 * period)
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, clock := newCollector()
			tt.do(func(network, millis int) {
				c.Add("DE", "eu-west", address(network), time.Duration(millis)*time.Millisecond)
			}, clock)
			clock.Advance(period)
			if got := millis(t, c); got != tt.want {
				t.Errorf("the figure is %v ms, want %v", got, tt.want)
			}
		})
	}
}

// Before its period has ended, a measurement shows nowhere; afterwards, nothing of it is left but the figure.
func TestCollector_Keeps(t *testing.T) {
	c, clock := newCollector()
	for i := range 50 {
		c.Add("DE", "eu-west", address(i), 10*time.Millisecond)
	}
	if got := c.Figures(); len(got) != 0 {
		t.Errorf("in its period it shows %v", got)
	}
	seed := c.seed
	clock.Advance(time.Hour)
	if got := millis(t, c); got != 10 {
		t.Errorf("the figure is %v", got)
	}
	if len(c.votes)+len(c.known) != 0 || c.seed == seed {
		t.Error("votes or their key outlive the period")
	}
}

// Fewer than half of the networks cannot move the figure out of what the others measured, whatever they send.
func TestCollector_Steering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, clock := newCollector()
		honest := rapid.IntRange(5, 40).Draw(t, "honest")
		others := rapid.IntRange(0, honest-1).Draw(t, "others")
		least, most := math.Inf(1), 0.
		for i := range honest {
			rtt := rapid.IntRange(10, 60).Draw(t, "rtt")
			least, most = min(least, float64(rtt)), max(most, float64(rtt))
			c.Add("DE", "eu-west", address(i), time.Duration(rtt)*time.Millisecond)
		}
		for i := range others {
			for range rapid.IntRange(1, 20).Draw(t, "posts") {
				c.Add("DE", "eu-west", address(1000+i), time.Duration(rapid.IntRange(1, 10_000).Draw(t, "any"))*time.Millisecond)
			}
		}
		clock.Advance(time.Hour)
		if got := c.Figures()[0].RTTMillis; got < least || got > most {
			t.Fatalf("%d of %d networks move the figure to %v, out of %v to %v", others, honest+others, got, least, most)
		}
	})
}

func TestCollector_Bounds(t *testing.T) {
	c, _ := newCollector()
	for i := range 5000 {
		for range 20 {
			c.Add("DE", "eu-west", address(i), time.Millisecond)
		}
	}
	c.Add("DE", "eu-west", netip.Addr{}, time.Millisecond)
	if len(c.known) != 1000 || len(c.votes) != 1000 {
		t.Errorf("%d networks and %d votes are kept", len(c.known), len(c.votes))
	}
	for _, samples := range c.votes {
		if len(samples) > maxSamples {
			t.Fatalf("a network has %d samples", len(samples))
		}
	}
}

func newHandler(t *testing.T) (*Handler, *testkit.Clock) {
	c, clock := newCollector()
	set := testkit.Must(regions.Shipped())(t)
	return &Handler{Collector: c, Regions: set, Locate: func(r *http.Request) geo.Location {
		var network int
		if _, err := fmt.Sscan(r.Header.Get("X-Network"), &network); err != nil {
			return geo.Location{Country: "FR", Addr: address(0), Source: geo.FromDefault}
		}
		return geo.Location{Country: "DE", Addr: address(network), Source: geo.FromAddress}
	}}, clock
}

func TestHandler_Refuses(t *testing.T) {
	h, clock := newHandler(t)
	const good = `{"measurements":[{"region":"eu-west","rtt_ms":12.5}]}`
	for _, tt := range []struct {
		name, method, query, kind, body string
		status                          int
		want                            string
	}{
		{"good", "POST", "", "application/json", good, 204, ""},
		{"a beacon", "POST", "", "text/plain;charset=UTF-8", good, 204, ""},
		{"an unknown field", "POST", "", "application/json", `{"measurements":[{"region":"eu-west","rtt_ms":1,"addr":"x"}]}`, 400, "addr"},
		{"no such region", "POST", "", "application/json", `{"measurements":[{"region":"mars","rtt_ms":1}]}`, 400, "measurements[0].region"},
		{"no time", "POST", "", "application/json", `{"measurements":[{"region":"eu-west"}]}`, 400, "rtt_ms"},
		{"too long a time", "POST", "", "application/json", `{"measurements":[{"region":"eu-west","rtt_ms":1e9}]}`, 400, "rtt_ms"},
		{"none", "POST", "", "application/json", `{"measurements":[]}`, 400, "measurements"},
		{"too many", "POST", "", "application/json", `{"measurements":[` + strings.Repeat(`{},`, 16) + `{}]}`, 400, "measurements"},
		{"two objects", "POST", "", "application/json", good + good, 400, "one object"},
		{"no JSON", "POST", "", "application/json", "x", 400, "measurements"},
		{"a long body", "POST", "", "application/json", good[:1] + strings.Repeat(" ", maxBodyBytes) + good[1:], 413, "2048"},
		{"a form", "POST", "", "application/x-www-form-urlencoded", good, 415, "application/json"},
		{"a query", "POST", "?a=b", "application/json", good, 400, "query"},
		{"a query to GET", "GET", "?a=b", "", "", 400, "query"},
		{"another method", "PUT", "", "application/json", good, 405, "POST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(tt.method, Path+tt.query, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.kind)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%d, %s", w.Code, w.Body)
			}
		})
	}
	clock.Advance(time.Hour)
	if len(h.Collector.known)+len(h.Collector.Figures()) != 0 {
		t.Error("clients that cannot be located, or what is refused, leave something")
	}
}

// What clients post comes out as an observation at the other end.
func TestHandler_Fetch(t *testing.T) {
	h, clock := newHandler(t)
	server := httptest.NewServer(h)
	defer server.Close()
	var posts sync.WaitGroup
	for i := range 20 {
		posts.Go(func() {
			req, _ := http.NewRequest("POST", server.URL+Path, strings.NewReader(`{"measurements":[{"region":"eu-west","rtt_ms":12.5}]}`))
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("X-Network", fmt.Sprint(i))
			resp, err := http.DefaultClient.Do(req)
			if err != nil || resp.StatusCode != http.StatusNoContent {
				t.Errorf("posting: %v, %v", err, resp)
				return
			}
			resp.Body.Close()
		})
	}
	posts.Wait()
	clock.Advance(time.Hour)
	figures, err := Fetch(t.Context(), http.DefaultClient, server.URL+Path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Figure{{Country: "DE", Region: "eu-west", RTTMillis: 12.5, Networks: 20}}, figures); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFetch_Faults(t *testing.T) {
	for name, body := range map[string]string{"no JSON": "x", "not found": ""} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if body == "" {
				w.WriteHeader(http.StatusNotFound)
			}
			fmt.Fprint(w, body)
		}))
		if figures, err := Fetch(t.Context(), http.DefaultClient, server.URL); err == nil {
			t.Errorf("%s: %v", name, figures)
		}
		server.Close()
	}
}

func TestMerge(t *testing.T) {
	got := Merge(
		[]Figure{{"DE", "eu-west", 10, 30, 0}, {"FR", "eu-west", 10, 30, 86401}},
		[]Figure{{"DE", "eu-west", 20, 10, 0}, {"DE", "us-east", 90, 10, 0}},
	)
	want := []geo.Observation{
		{Country: "DE", Region: "eu-west", RTT: 12500 * time.Microsecond},
		{Country: "DE", Region: "us-east", RTT: 90 * time.Millisecond},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
