package dns

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

// FuzzRespond sends any octets, to a zone that is signed and one that is not. No request may crash the server; every
// response can be read, belongs to the request, fits, and is of this zone; and our reading of a query is miekg/dns's.
func FuzzRespond(f *testing.F) {
	for _, m := range []*dns.Msg{
		new(dns.Msg).SetQuestion("shop.example.", dns.TypeA),
		withSubnet("www.shop.example.", dns.TypeAAAA, "80.128.0.0/24"),
		withSubnet("api.shop.example.", dns.TypeSVCB, "2003:c0::/56"),
		withCookie("0123456789abcdef"),
		new(dns.Msg).SetQuestion("nope.shop.example.", dns.TypeTXT).SetEdns0(4096, true),
		new(dns.Msg).SetQuestion("shop.example.", dns.TypeDNSKEY).SetEdns0(512, true),
		new(dns.Msg).SetIxfr("shop.example.", 1, "ns1.shop.example.", "x."),
		new(dns.Msg).SetUpdate("shop.example."),
		new(dns.Msg).SetNotify("shop.example."),
	} {
		f.Add(testkit.Must(m.Pack())(f), true)
		f.Add(testkit.Must(m.Pack())(f), false)
	}
	f.Add(testkit.Must(hex.DecodeString("00010000000100000000000003777777c00c00010001"))(f), false) // a pointer to itself
	world := fuzzResponders(f)
	from := netip.MustParseAddr(singapore)
	f.Fuzz(func(t *testing.T, packet []byte, tcp bool) {
		for _, r := range world {
			wire := r.respond(packet, from, tcp)
			if wire == nil {
				continue
			}
			checkResponse(t, packet, wire, r.most(), r)
		}
	})
}

// fuzzResponders returns responders of a zone without and with signatures, without limits.
func fuzzResponders(f *testing.F) []*responder {
	dir := f.TempDir()
	key, _, err := GenerateKey("shop.example.", dir)
	testkit.NoError(f, err)
	var all []*responder
	for _, also := range []string{"", "dnssec: {keys: [" + key + "]}\n"} {
		s := testkit.Must(New(Config{
			File: shopFile(f, "latency:", also+"latency:"), Set: shippedSet(f),
			Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		}))(f)
		all = append(all, s.newResponder(s.newCounts()))
	}
	return all
}

// checkResponse checks what holds of every response.
func checkResponse(t *testing.T, packet, wire []byte, most int, r *responder) {
	t.Helper()
	response := new(dns.Msg)
	if err := response.Unpack(wire); err != nil {
		t.Fatalf("%x is answered with %x, which cannot be read: %v", packet, wire, err)
	}
	if !bytes.Equal(packet[:2], wire[:2]) || !response.Response || len(wire) > most || response.RecursionAvailable {
		t.Fatalf("%x is answered with %x", packet, wire)
	}
	for _, rr := range append(response.Answer, response.Ns...) {
		if !dns.IsSubDomain("shop.example.", rr.Header().Name) {
			t.Fatalf("%x is answered with %s", packet, rr)
		}
	}
	request := new(dns.Msg)
	err := request.Unpack(packet)
	if err != nil || response.Rcode == dns.RcodeFormatError || request.Opcode != dns.OpcodeQuery {
		return
	}
	if len(request.Question) == 1 && (len(response.Question) != 1 || request.Question[0] != response.Question[0]) {
		t.Fatalf("%v is answered with %v", request, response)
	}
	opt := request.IsEdns0()
	if (opt != nil) != (response.IsEdns0() != nil) || opt != nil && opt.Version() == 0 && opt.Do() != response.IsEdns0().Do() {
		t.Fatalf("%v is answered with %v", request, response)
	}
	if r.query.kind != dns.TypeNone && len(request.Question) == 1 && r.query.kind != request.Question[0].Qtype {
		t.Fatalf("the type of %v is read as %d", request, r.query.kind)
	}
}
