package dns

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// Addresses of clients: the table of prefixes has them in these countries.
const (
	german    = "80.128.0.1"
	american  = "8.8.8.8"
	singapore = "165.21.83.88"
	nowhere   = "10.0.0.1"
)

// records returns the records in short form: type and data, the name in front where it is not the question's.
func records(question string, set []dns.RR) (short []string) {
	for _, rr := range set {
		if rr.Header().Rrtype == dns.TypeOPT {
			continue
		}
		text := strings.TrimPrefix(rr.String(), rr.Header().String())
		text = dns.Type(rr.Header().Rrtype).String() + " " + text
		if rr.Header().Name != question {
			text = rr.Header().Name + " " + text
		}
		short = append(short, text)
	}
	return short
}

const soa = "SOA ns1.shop.example. hostmaster.shop.example. 7 7200 900 1209600 60"

func TestAnswer(t *testing.T) {
	s, _ := newServer(t)
	for _, tt := range []struct {
		name, client, question, kind, code string
		answer, authority, additional      []string
	}{
		{"nearest to Germany", german, "shop.example.", "A", "NOERROR", []string{"A 192.0.2.3", "A 192.0.2.1"}, nil, nil},
		{"nearest to Singapore", singapore, "shop.example.", "A", "NOERROR", []string{"A 192.0.2.4", "A 192.0.2.2"}, nil, nil},
		{"place unknown: the primary region", nowhere, "shop.example.", "A", "NOERROR", []string{"A 192.0.2.1", "A 192.0.2.2"}, nil, nil},
		{"IPv6", german, "shop.example.", "AAAA", "NOERROR", []string{"AAAA 2001:db8:3::1", "AAAA 2001:db8:1::1"}, nil, nil},
		{"HTTPS", german, "shop.example.", "HTTPS", "NOERROR", []string{`HTTPS 1 . alpn="h2,http/1.1" ` +
			`ipv4hint="192.0.2.3,192.0.2.1" ipv6hint="2001:db8:3::1,2001:db8:1::1"`}, nil, nil},
		{"SVCB", german, "api.shop.example.", "SVCB", "NOERROR", []string{`SVCB 1 . alpn="h2" port="8443" ` +
			`ipv4hint="192.0.2.3,192.0.2.1" ipv6hint="2001:db8:3::1,2001:db8:1::1"`}, nil, nil},
		{"CNAME to the nearest", german, "cdn.shop.example.", "A", "NOERROR", []string{"CNAME eu-west.cdn.example.net."}, nil, nil},
		{"CNAME itself", singapore, "cdn.shop.example.", "CNAME", "NOERROR", []string{"CNAME ap-southeast.cdn.example.net."}, nil, nil},
		{"through a CNAME", german, "www.shop.example.", "A", "NOERROR",
			[]string{"CNAME shop.example.", "shop.example. A 192.0.2.3", "shop.example. A 192.0.2.1"}, nil, nil},
		{"through a CNAME, no such type", german, "www.shop.example.", "SRV", "NOERROR",
			[]string{"CNAME shop.example."}, []string{"shop.example. " + soa}, nil},
		{"CNAME out of the zone", german, "away.shop.example.", "A", "NOERROR", []string{"CNAME elsewhere.example.net."}, nil, nil},
		{"CNAME to nothing (RFC 6604)", german, "gone.shop.example.", "A", "NXDOMAIN",
			[]string{"CNAME nowhere.shop.example."}, []string{"shop.example. " + soa}, nil},
		{"in capitals", german, "SHOP.eXample.", "MX", "NOERROR", []string{"MX 10 mail.example.net."}, nil, nil},
		{"SOA", german, "shop.example.", "SOA", "NOERROR", []string{soa}, nil, nil},
		{"NS, with glue", german, "shop.example.", "NS", "NOERROR",
			[]string{"NS ns1.shop.example.", "NS ns2.shop.example."}, nil, []string{"ns1.shop.example. A 192.0.2.53",
				"ns1.shop.example. AAAA 2001:db8::53", "ns2.shop.example. A 198.51.100.53"}},
		{"NODATA (RFC 2308)", german, "shop.example.", "SRV", "NOERROR", nil, []string{soa}, nil},
		{"NODATA of a latency name", german, "shop.example.", "SVCB", "NOERROR", nil, []string{soa}, nil},
		{"empty non-terminal (RFC 8020)", german, "c.shop.example.", "A", "NOERROR", nil, []string{"shop.example. " + soa}, nil},
		{"empty non-terminal above it", german, "b.c.shop.example.", "TXT", "NOERROR", nil, []string{"shop.example. " + soa}, nil},
		{"below it", german, "a.b.c.shop.example.", "TXT", "NOERROR", []string{`TXT "below two empty names"`}, nil, nil},
		{"NXDOMAIN", german, "nope.shop.example.", "A", "NXDOMAIN", nil, []string{"shop.example. " + soa}, nil},
		{"NXDOMAIN below a name", german, "x.www.shop.example.", "A", "NXDOMAIN", nil, []string{"shop.example. " + soa}, nil},
		{"ANY (RFC 8482)", german, "shop.example.", "ANY", "NOERROR", []string{`HINFO "RFC8482" ""`}, nil, nil},
		{"ANY of an empty non-terminal", german, "c.shop.example.", "ANY", "NOERROR", nil, []string{"shop.example. " + soa}, nil},
		{"ANY of nothing", german, "nope.shop.example.", "ANY", "NXDOMAIN", nil, []string{"shop.example. " + soa}, nil},
		{"a type nobody knows", german, "shop.example.", "TYPE65280", "NOERROR", nil, []string{soa}, nil},
		{"no key: not signed", german, "shop.example.", "DNSKEY", "NOERROR", nil, []string{soa}, nil},
		{"no signature: not signed", german, "shop.example.", "RRSIG", "NOERROR", nil, []string{soa}, nil},
		{"another zone", german, "shop.example.net.", "A", "REFUSED", nil, nil, nil},
		{"the zone above", german, "example.", "NS", "REFUSED", nil, nil, nil},
		{"the root", german, ".", "NS", "REFUSED", nil, nil, nil},
		{"a name that ends like the zone", german, "workshop.example.", "A", "REFUSED", nil, nil, nil},
		{"zone transfer", german, "shop.example.", "AXFR", "REFUSED", nil, nil, nil},
		{"incremental zone transfer", german, "shop.example.", "IXFR", "REFUSED", nil, nil, nil},
		{"a type for denials alone (RFC 9824)", german, "shop.example.", "NXNAME", "FORMERR", nil, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion(tt.question, typeOf(t, tt.kind))
			got := ask(t, s, m, tt.client)
			lower := strings.ToLower(tt.question)
			want := []any{tt.code, tt.answer, tt.authority, tt.additional}
			have := []any{dns.RcodeToString[got.Rcode], records(lower, lowerNames(got.Answer)), records(lower, got.Ns),
				records(lower, got.Extra)}
			if diff := cmp.Diff(want, have); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.Question[0] != m.Question[0] || got.Id != m.Id || !got.Response || got.RecursionAvailable || got.Truncated ||
				!got.RecursionDesired {
				t.Errorf("the header is %s, of %v", got.MsgHdr.String(), got.Question)
			}
			if inZone := tt.code == "NOERROR" || tt.code == "NXDOMAIN"; got.Authoritative != inZone {
				t.Errorf("authoritative: %t", got.Authoritative)
			}
		})
	}
}

// lowerNames undoes the case of the question, which the names of answers share.
func lowerNames(set []dns.RR) []dns.RR {
	for _, rr := range set {
		rr.Header().Name = strings.ToLower(rr.Header().Name)
	}
	return set
}

func typeOf(t *testing.T, name string) uint16 {
	t.Helper()
	if kind, ok := dns.StringToType[name]; ok {
		return kind
	}
	var kind uint16
	if _, err := fmt.Sscanf(name, "TYPE%d", &kind); err != nil {
		t.Fatalf("there is no type %s", name)
	}
	return kind
}

func TestAnswer_OtherRequests(t *testing.T) {
	s, _ := newServer(t)
	plain := func() *dns.Msg { return new(dns.Msg).SetQuestion("shop.example.", dns.TypeA) }
	for _, tt := range []struct {
		name   string
		change func(*dns.Msg)
		code   int
	}{
		{"UPDATE", func(m *dns.Msg) { m.SetUpdate("shop.example.") }, dns.RcodeNotImplemented},
		{"NOTIFY", func(m *dns.Msg) { m.SetNotify("shop.example.") }, dns.RcodeNotImplemented},
		{"STATUS", func(m *dns.Msg) { m.Opcode = dns.OpcodeStatus }, dns.RcodeNotImplemented},
		{"class CH", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }, dns.RcodeRefused},
		{"class ANY", func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }, dns.RcodeRefused},
		{"two questions", func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }, dns.RcodeFormatError},
		{"no question", func(m *dns.Msg) { m.Question = nil }, dns.RcodeFormatError},
		{"an answer in the query", func(m *dns.Msg) { m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeA}}} },
			dns.RcodeFormatError},
		{"IXFR with its SOA", func(m *dns.Msg) { m.SetIxfr("shop.example.", 1, "ns1.shop.example.", "x.shop.example.") }, dns.RcodeRefused},
		{"TSIG of an unknown key", func(m *dns.Msg) {
			m.Extra = append(m.Extra, &dns.TSIG{
				Hdr: dns.RR_Header{Name: "k.", Rrtype: dns.TypeTSIG, Class: dns.ClassANY}, Algorithm: dns.HmacSHA256,
			})
		}, dns.RcodeSuccess},
		{"two OPT records (RFC 6891)", func(m *dns.Msg) { m.SetEdns0(1232, false); m.Extra = append(m.Extra, m.Extra[0]) },
			dns.RcodeFormatError},
		{"EDNS version 1 (RFC 6891)", func(m *dns.Msg) { m.SetEdns0(1232, false); m.IsEdns0().SetVersion(1) }, dns.RcodeBadVers},
		{"an option nobody knows", func(m *dns.Msg) {
			m.SetEdns0(1232, false)
			m.IsEdns0().Option = append(m.IsEdns0().Option, &dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})
		}, dns.RcodeSuccess},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := plain()
			tt.change(m)
			got := ask(t, s, m, german)
			// miekg/dns has put the code together with the part that EDNS holds.
			if code := got.Rcode; code != tt.code {
				t.Errorf("answered with %s, want %s", dns.RcodeToString[code], dns.RcodeToString[tt.code])
			}
			if (got.IsEdns0() != nil) != (m.IsEdns0() != nil) && tt.code != dns.RcodeFormatError {
				t.Errorf("EDNS in the query: %t, in the response: %t", m.IsEdns0() != nil, got.IsEdns0() != nil)
			}
		})
	}
}

// What is no request is not answered: two servers would answer each other for ever.
func TestRespond_Silence(t *testing.T) {
	s, _ := newServer(t)
	response := new(dns.Msg).SetQuestion("shop.example.", dns.TypeA)
	response.Response = true
	packed, err := response.Pack()
	if err != nil {
		t.Fatal(err)
	}
	r := s.newResponder(s.newCounts())
	for name, packet := range map[string][]byte{"nothing": nil, "too short": packed[:11], "a response": packed} {
		if got := r.respond(packet, s.view.Load().states[0].Addresses[0], false); got != nil {
			t.Errorf("%s is answered with %x", name, got)
		}
	}
}

func TestAnswer_Sizes(t *testing.T) {
	var long strings.Builder
	for i := range 30 {
		fmt.Fprintf(&long, "  big TXT \"%d %s\"\n", i, strings.Repeat("x", 80))
	}
	s, _ := newServer(t, "  a.b.c", long.String()+"  a.b.c")
	at := start(t, s)
	for _, tt := range []struct {
		name string
		size uint16
		most int
	}{
		{"no EDNS", 0, 512},
		{"a small buffer counts as 512", 100, 512},
		{"what the client takes is not all that is sent", 4096, 1232},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := new(dns.Msg).SetQuestion("big.shop.example.", dns.TypeTXT)
			if tt.size > 0 {
				m.SetEdns0(tt.size, false)
			}
			got := ask(t, s, m, german)
			if !got.Truncated || got.Len() > tt.most || len(got.Answer) > 0 {
				t.Errorf("%d bytes, truncated %t, %d records", got.Len(), got.Truncated, len(got.Answer))
			}
			whole, _, err := (&dns.Client{Net: "tcp"}).Exchange(m, at.String())
			if err != nil || whole.Truncated || len(whole.Answer) != 30 {
				t.Errorf("over TCP: %v, %v", err, whole)
			}
		})
	}
}

// Every refusal, and every negative answer without signatures, is no larger than what a forged query would have to be to
// make it worth the while.
func TestAnswer_NoAmplification(t *testing.T) {
	s, _ := newServer(t)
	for _, name := range []string{"example.net.", "nope.shop.example.", "shop.example."} {
		for _, kind := range []uint16{dns.TypeANY, dns.TypeAXFR, dns.TypeDNSKEY, dns.TypeTXT} {
			m := new(dns.Msg).SetQuestion(name, kind)
			got := ask(t, s, m, german)
			if got.Len() > 4*m.Len() || got.Rcode == dns.RcodeRefused && got.Len() > m.Len() {
				t.Errorf("%s %s: %d bytes are answered with %d", name, dns.Type(kind), m.Len(), got.Len())
			}
		}
	}
}

func TestTypes(t *testing.T) {
	s, _ := newServer(t)
	v := s.view.Load()
	for name, want := range map[string][]uint16{
		"shop.example.":     {dns.TypeA, dns.TypeNS, dns.TypeSOA, dns.TypeMX, dns.TypeTXT, dns.TypeAAAA, dns.TypeHTTPS, dns.TypeCAA},
		"cdn.shop.example.": {dns.TypeCNAME},
		"c.shop.example.":   nil,
	} {
		wire, _ := wireName(name)
		got := v.types(v.zone.nodes[wire])
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// Whoever asks for every type there is, at every name, fills no memory: the types that a name lacks are kept as one.
func TestSections_Bounded(t *testing.T) {
	s, _ := newServer(t)
	v := s.view.Load()
	for _, name := range []string{"shop.example.", "www.shop.example.", "cdn.shop.example.", "c.shop.example.", "gone.shop.example."} {
		for kind := range uint16(2000) {
			ask(t, s, new(dns.Msg).SetQuestion(name, kind), german)
		}
	}
	if kept := len(*v.packed.Load()); kept > 100 {
		t.Errorf("%d sections are kept", kept)
	}
}
