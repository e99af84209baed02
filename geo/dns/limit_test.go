package dns

import (
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

func TestLimiter(t *testing.T) {
	start := time.Now()
	limit := RateLimit{PerSecond: 3, Slip: 2, Exempt: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}
	for _, tt := range []struct {
		name string
		from []string
		at   []time.Duration
		want []verdict
	}{
		{"a burst, and slips", []string{german}, make([]time.Duration, 7), []verdict{send, send, send, drop, truncate, drop, truncate}},
		{"a network shares one", []string{"80.128.0.1", "80.128.0.9"}, make([]time.Duration, 4), []verdict{send, send, send, drop}},
		{"other networks do not", []string{"80.128.0.1", "80.128.1.1"}, make([]time.Duration, 6), []verdict{send, send, send, send, send, send}},
		{"a /56 of IPv6 shares one", []string{"2001:db8:0:1::1", "2001:db8:0:ff::2"}, make([]time.Duration, 4),
			[]verdict{send, send, send, drop}},
		{"it fills again", []string{german}, []time.Duration{0, 0, 0, 0, 400 * time.Millisecond, 400 * time.Millisecond},
			[]verdict{send, send, send, drop, send, truncate}},
		{"no more than a second's", []string{german}, []time.Duration{0, time.Hour, time.Hour, time.Hour, time.Hour},
			[]verdict{send, send, send, send, drop}},
		{"after more than 49 days", []string{german}, []time.Duration{0, 1200 * time.Hour, 1200 * time.Hour, 1200 * time.Hour, 1200 * time.Hour},
			[]verdict{send, send, send, send, drop}},
		{"exempt", []string{"192.0.2.7"}, make([]time.Duration, 5), []verdict{send, send, send, send, send}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLimiter(start)
			for i, at := range tt.at {
				from := netip.MustParseAddr(tt.from[i%len(tt.from)])
				if got := l.check(limit, from, 0, start.Add(time.Millisecond).Add(at)); got != tt.want[i] {
					t.Errorf("answer %d: %d, want %d", i+1, got, tt.want[i])
				}
			}
		})
	}
}

// Kinds of answers do not share a limit: a flood of names that do not exist leaves the others to be answered.
func TestLimiter_Kinds(t *testing.T) {
	l := newLimiter(time.Now())
	limit := RateLimit{PerSecond: 1, Slip: -1}
	from := netip.MustParseAddr(german)
	for kind := range byte(4) {
		if l.check(limit, from, kind, time.Now()) != send || l.check(limit, from, kind, time.Now()) != drop {
			t.Errorf("kind %d does not have one answer", kind)
		}
	}
}

func TestRespond_Limit(t *testing.T) {
	s, _ := newServer(t, "per_second: -1", "per_second: 1, slip: 1")
	from := netip.MustParseAddr(german)
	r := s.newResponder(s.newCounts())
	respond := func(m *dns.Msg, tcp bool) *dns.Msg {
		response := new(dns.Msg)
		testkit.NoError(t, response.Unpack(r.respond(testkit.Must(m.Pack())(t), from, tcp)))
		return response
	}
	query := withCookie("0123456789abcdef")
	first := respond(query, false)
	if first.Truncated || len(first.Answer) != 2 {
		t.Fatalf("the first is answered with %v", first)
	}
	if slip := respond(query, false); !slip.Truncated || len(slip.Answer) != 0 || slip.Rcode != dns.RcodeSuccess {
		t.Errorf("the second is answered with %v", slip)
	}
	if whole := respond(query, true); whole.Truncated || len(whole.Answer) != 2 {
		t.Errorf("over TCP it is answered with %v", whole)
	}
	if proven := respond(withCookie(cookieOf(first)), false); proven.Truncated || len(proven.Answer) != 2 {
		t.Errorf("with a good cookie it is answered with %v", proven)
	}
}
