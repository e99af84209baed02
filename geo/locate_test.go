package geo

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"meridian/internal/testkit"
	"meridian/regions"
)

const (
	britishAddr  = "81.2.69.160"
	japaneseAddr = "133.1.0.1"
	proxyAddr    = "10.0.0.7"
)

func TestLocate(t *testing.T) {
	cfg := LocatorConfig{
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		CountryHeaders: []string{"CF-IPCountry", "CloudFront-Viewer-Country"},
		StateHeaders:   []string{"CloudFront-Viewer-Country-Region"},
		DefaultCountry: "SG",
	}
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	tests := []struct {
		name   string
		peer   string
		header http.Header
		want   Location
	}{
		{"by its own address", britishAddr + ":5000", nil,
			Location{Country: "GB", Addr: netip.MustParseAddr(britishAddr), Source: FromAddress}},
		{"header of somebody untrusted", britishAddr + ":5000", header("CF-IPCountry", "JP", "X-Forwarded-For", japaneseAddr),
			Location{Country: "GB", Addr: netip.MustParseAddr(britishAddr), Source: FromAddress}},
		{"header of a trusted proxy", proxyAddr + ":80", header("CF-IPCountry", "jp ", "X-Forwarded-For", britishAddr),
			Location{Country: "JP", Addr: netip.MustParseAddr(britishAddr), Source: FromHeader}},
		{"second header", proxyAddr + ":80", header("CloudFront-Viewer-Country", "FR", "X-Forwarded-For", britishAddr),
			Location{Country: "FR", Addr: netip.MustParseAddr(britishAddr), Source: FromHeader}},
		{"header that says unknown", proxyAddr + ":80", header("CF-IPCountry", "XX", "X-Forwarded-For", britishAddr),
			Location{Country: "GB", Addr: netip.MustParseAddr(britishAddr), Source: FromAddress}},
		{"header that says Tor", proxyAddr + ":80", header("CF-IPCountry", "T1", "X-Forwarded-For", "10.9.9.9"),
			Location{Country: "SG", Addr: netip.MustParseAddr("10.9.9.9"), Source: FromDefault}},
		{"state", proxyAddr + ":80", header("CF-IPCountry", "US", "CloudFront-Viewer-Country-Region", "CA"),
			Location{Country: "US", Zone: ZoneWest, Addr: netip.MustParseAddr(proxyAddr), Source: FromHeader}},
		{"state with its country", proxyAddr + ":80", header("CF-IPCountry", "US", "CloudFront-Viewer-Country-Region", "us-tx"),
			Location{Country: "US", Zone: ZoneSouth, Addr: netip.MustParseAddr(proxyAddr), Source: FromHeader}},
		{"state of another country", proxyAddr + ":80", header("CF-IPCountry", "AU", "CloudFront-Viewer-Country-Region", "WA"),
			Location{Country: "AU", Addr: netip.MustParseAddr(proxyAddr), Source: FromHeader}},
		{"nothing tells", "127.0.0.1:5000", nil,
			Location{Country: "SG", Addr: netip.MustParseAddr("127.0.0.1"), Source: FromDefault}},
		{"no address", "@", header("CF-IPCountry", "JP"), Location{Country: "SG", Source: FromDefault}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			locator := newLocator(t, cfg)
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr, r.Header = tt.peer, tt.header
			if got := locator.Locate(r); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestClientAddr(t *testing.T) {
	locator := newLocator(t, LocatorConfig{TrustedProxies: []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
	}})
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no header", "10.0.0.1:80", nil, "10.0.0.1"},
		{"untrusted peer", "192.0.2.1:80", []string{"203.0.113.9"}, "192.0.2.1"},
		{"one hop", "10.0.0.1:80", []string{"203.0.113.9"}, "203.0.113.9"},
		{"the client lied", "10.0.0.1:80", []string{"198.51.100.1, 203.0.113.9"}, "203.0.113.9"},
		{"several trusted hops", "10.0.0.1:80", []string{"198.51.100.1, 203.0.113.9, 10.0.0.3,10.0.0.2"}, "203.0.113.9"},
		{"in several lines", "10.0.0.1:80", []string{"198.51.100.1", "203.0.113.9", "10.0.0.2"}, "203.0.113.9"},
		{"trusted all along", "10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"with a port", "10.0.0.1:80", []string{"203.0.113.9:4711"}, "203.0.113.9"},
		{"IPv6", "[fd00::1]:80", []string{"2001:db8::9"}, "2001:db8::9"},
		{"IPv6 in brackets", "10.0.0.1:80", []string{"[2001:db8::9]"}, "2001:db8::9"},
		{"IPv6 with a port", "10.0.0.1:80", []string{"[2001:db8::9]:4711"}, "2001:db8::9"},
		{"IPv4 written as IPv6", "[::ffff:10.0.0.1]:80", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{"no address on the right", "10.0.0.1:80", []string{"203.0.113.9, unknown"}, "10.0.0.1"},
		{"no address behind a trusted hop", "10.0.0.1:80", []string{"203.0.113.9, , 10.0.0.2"}, "10.0.0.2"},
		{"zone", "[fe80::1%eth0]:80", nil, "fe80::1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-For"] = tt.forwarded
			if got := locator.ClientAddr(r).String(); got != tt.want {
				t.Errorf("client = %s, want %s", got, tt.want)
			}
		})
	}
}

// Whatever a client writes in front of the address that a trusted proxy saw, it stays that address.
func FuzzClientAddr(f *testing.F) {
	locator := newLocator(f, LocatorConfig{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, seed := range []string{"", "198.51.100.1", "10.0.0.9", ",,,", "[::1", "203.0.113.9\x00", "a, b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, written string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:80"
		r.Header.Set("X-Forwarded-For", written+", 203.0.113.9")
		if got := locator.ClientAddr(r).String(); got != "203.0.113.9" {
			t.Errorf("with %q it is %s", written, got)
		}
	})
}

func TestLocatorConfig_Validate(t *testing.T) {
	err := LocatorConfig{
		TrustedProxies: []netip.Prefix{{}}, CountryHeaders: []string{" "}, DefaultCountry: "UK",
	}.Validate(shippedSet(t))
	for _, want := range []string{"trusted proxies", "name is empty", `"UK"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("nothing says %q in: %v", want, err)
		}
	}
	err = LocatorConfig{CountryHeaders: []string{"CF-IPCountry"}}.Validate(shippedSet(t))
	if err == nil || !strings.Contains(err.Error(), "nobody is trusted") {
		t.Errorf("a header that nobody may set: %v", err)
	}
	if err := (LocatorConfig{}).Validate(shippedSet(t)); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func shippedSet(t testing.TB) *regions.Set {
	t.Helper()
	set := testkit.Must(regions.Shipped())(t)
	return set
}

func newLocator(t testing.TB, cfg LocatorConfig) *Locator {
	t.Helper()
	locator := testkit.Must(NewLocator(cfg, shippedSet(t)))(t)
	return locator
}

func unpack(t testing.TB, packed []byte) string {
	t.Helper()
	unpacked := testkit.Must(gzip.NewReader(bytes.NewReader(packed)))(t)
	text := testkit.Must(io.ReadAll(unpacked))(t)
	return string(text)
}
