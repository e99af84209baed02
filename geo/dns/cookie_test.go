package dns

import (
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

func unhex(t *testing.T, text string) []byte { return testkit.Must(hex.DecodeString(text))(t) }

// The examples of RFC 9018, appendix A.
func TestCookies_RFC9018(t *testing.T) {
	for _, tt := range []struct {
		name, secret, from, sent string
		now                      int64
		valid                    bool
		answer                   string // empty: the same
	}{
		{"A.1: a new client", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100", "2464c4abcf10c957", 1559731985, false,
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480"},
		{"A.2: a new cookie for an old one", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559734385, true,
			"2464c4abcf10c957010000005cf7a871d4a564a1442aca77"},
		{"A.3: a cookie with something reserved", "e5e973e5a6b2a43f48e7dc849e37bfcf", "203.0.113.203",
			"fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 1559727985, true,
			""},
		{"of another address", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.101",
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985, false, "-"},
		{"too old", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 + 3601, false, "-"},
		{"from the future", "e5e973e5a6b2a43f48e7dc849e37bfcf", "198.51.100.100",
			"2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985 - 301, false, "-"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			jar := newCookieJar([16]byte(unhex(t, tt.secret)))
			from, now, sent := netip.MustParseAddr(tt.from), time.Unix(tt.now, 0), unhex(t, tt.sent)
			valid, renew := jar.check(sent, from, now)
			if valid != tt.valid || renew != (tt.answer != "") {
				t.Errorf("valid %t, renewed %t", valid, renew)
			}
			if len(tt.answer) > 1 {
				if got := hex.EncodeToString(jar.append(nil, sent, from, now)); got != tt.answer {
					t.Errorf("answered with %s, want %s", got, tt.answer)
				}
			}
		})
	}
}

// RFC 9018, appendix A.4: IPv6, and a secret that is replaced by another.
func TestCookies_RFC9018_IPv6(t *testing.T) {
	from, now := netip.MustParseAddr("2001:db8:220:1:59de:d0f4:8769:82b8"), time.Unix(1559741961, 0)
	sent := unhex(t, "22681ab97d52c298010000005cf7c57926556bd0934c72f8")
	if valid, _ := newCookieJar([16]byte(unhex(t, "dd3bdf9344b678b185a6f5cb60fca715"))).check(sent, from, now); !valid {
		t.Error("the cookie is not valid under the secret it was made with")
	}
	jar := newCookieJar([16]byte(unhex(t, "445536bcd2513298075a5d379663c962")))
	if valid, renew := jar.check(sent, from, now); valid || !renew {
		t.Error("the cookie is valid under another secret")
	}
	if got := hex.EncodeToString(jar.append(nil, sent, from, now)); got != "22681ab97d52c298010000005cf7c609a6bb79d16625507a" {
		t.Errorf("answered with %s", got)
	}
}

// withCookie returns a query with a cookie, in hexadecimal.
func withCookie(cookie string) *dns.Msg {
	m := new(dns.Msg).SetQuestion("shop.example.", dns.TypeA).SetEdns0(1232, false)
	m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: cookie})
	return m
}

// cookieOf returns the cookie of a response, or "".
func cookieOf(m *dns.Msg) string {
	if opt := m.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if cookie, ok := option.(*dns.EDNS0_COOKIE); ok {
				return cookie.Cookie
			}
		}
	}
	return ""
}

func TestCookie_Respond(t *testing.T) {
	s, _ := newServer(t)
	first := cookieOf(ask(t, s, withCookie("0123456789abcdef"), german))
	if len(first) != 2*cookieBytes || first[:16] != "0123456789abcdef" {
		t.Fatalf("the cookie is %q", first)
	}
	if again := cookieOf(ask(t, s, withCookie(first), german)); again != first {
		t.Errorf("a good cookie is answered with %s", again)
	}
	if other := cookieOf(ask(t, s, withCookie(first), american)); other == first || len(other) != 2*cookieBytes {
		t.Errorf("another's cookie is answered with %q", other)
	}
	for _, wrong := range []string{"01", "0123456789abcdef01", first + first} {
		if got := ask(t, s, withCookie(wrong), german); got.Rcode != dns.RcodeFormatError {
			t.Errorf("a cookie of %d octets is answered with %s", len(wrong)/2, dns.RcodeToString[got.Rcode])
		}
	}
	alone := withCookie("0123456789abcdef")
	alone.Question = nil // RFC 7873, section 5.4
	if got := ask(t, s, alone, german); got.Rcode != dns.RcodeSuccess || len(cookieOf(got)) != 2*cookieBytes {
		t.Errorf("a query for a cookie alone is answered with %v", got)
	}
}
