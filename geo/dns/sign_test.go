package dns

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"meridian/internal/testkit"
)

// signedServer returns a server of a zone that is signed by a key made for it, and the key.
func signedServer(t testing.TB) (*Server, *dns.DNSKEY) {
	t.Helper()
	path, _, err := GenerateKey("shop.example.", t.TempDir())
	testkit.NoError(t, err)
	s, _ := newServer(t, "latency:", "dnssec: {keys: ["+path+"]}\nlatency:")
	return s, s.view.Load().zone.keys[0].record
}

// verify checks that every set of the records is signed by the key, and returns the types of the sets.
func verify(t *testing.T, key *dns.DNSKEY, records []dns.RR) (types []string) {
	t.Helper()
	for len(records) > 0 {
		first := records[0].Header()
		var set []dns.RR
		for len(records) > 0 && records[0].Header().Rrtype == first.Rrtype && records[0].Header().Name == first.Name {
			set, records = append(set, records[0]), records[1:]
		}
		if len(records) == 0 {
			t.Fatalf("%s has no signature", set[0])
		}
		signature, ok := records[0].(*dns.RRSIG)
		if !ok || signature.Verify(key, set) != nil || !signature.ValidityPeriod(time.Now()) {
			t.Fatalf("%v is not signed by %s", set, records[0])
		}
		records = records[1:]
		types = append(types, dns.Type(first.Rrtype).String())
	}
	return types
}

func TestSign(t *testing.T) {
	s, key := signedServer(t)
	for _, tt := range []struct {
		question, kind, code string
		co                   bool
		answer, authority    string
		bitmap               string // of the NSEC record
	}{
		{"shop.example.", "A", "NOERROR", false, "A", "", ""},
		{"www.shop.example.", "AAAA", "NOERROR", false, "CNAME AAAA", "", ""},
		{"cdn.shop.example.", "A", "NOERROR", false, "CNAME", "", ""},
		{"shop.example.", "DNSKEY", "NOERROR", false, "DNSKEY", "", ""},
		{"shop.example.", "ANY", "NOERROR", false, "HINFO", "", ""},
		{"shop.example.", "SRV", "NOERROR", false, "", "SOA NSEC", "A NS SOA MX TXT AAAA RRSIG NSEC DNSKEY HTTPS CAA"},
		{"c.shop.example.", "A", "NOERROR", false, "", "SOA NSEC", "RRSIG NSEC"},
		{"www.shop.example.", "SRV", "NOERROR", false, "CNAME", "SOA NSEC", "A NS SOA MX TXT AAAA RRSIG NSEC DNSKEY HTTPS CAA"},
		{"nope.shop.example.", "A", "NOERROR", false, "", "SOA NSEC", "RRSIG NSEC NXNAME"},
		{"nope.shop.example.", "A", "NXDOMAIN", true, "", "SOA NSEC", "RRSIG NSEC NXNAME"},
		{"gone.shop.example.", "A", "NOERROR", false, "CNAME", "SOA NSEC", "RRSIG NSEC NXNAME"},
		{"gone.shop.example.", "A", "NXDOMAIN", true, "CNAME", "SOA NSEC", "RRSIG NSEC NXNAME"},
		{"cdn.shop.example.", "NSEC", "NOERROR", false, "NSEC", "", ""},
		{"shop.example.", "RRSIG", "REFUSED", false, "", "", ""},
	} {
		t.Run(fmt.Sprintf("%s %s %t", tt.question, tt.kind, tt.co), func(t *testing.T) {
			m := new(dns.Msg).SetQuestion(tt.question, typeOf(t, tt.kind)).SetEdns0(1232, true)
			m.IsEdns0().SetCo(tt.co)
			got := ask(t, s, m, german)
			if dns.RcodeToString[got.Rcode] != tt.code || got.Truncated || !got.IsEdns0().Do() {
				t.Fatalf("answered with %v", got)
			}
			if types := strings.Join(verify(t, key, got.Answer), " "); types != tt.answer {
				t.Errorf("the answer is %q, want %q", types, tt.answer)
			}
			if types := strings.Join(verify(t, key, got.Ns), " "); types != tt.authority {
				t.Errorf("the authority is %q, want %q", types, tt.authority)
			}
			checkDenial(t, got, tt.bitmap)
		})
	}
}

// checkDenial checks the NSEC record of a response, if one is wanted.
func checkDenial(t *testing.T, m *dns.Msg, bitmap string) {
	t.Helper()
	at := slices.IndexFunc(m.Ns, func(rr dns.RR) bool { return rr.Header().Rrtype == dns.TypeNSEC })
	if at < 0 {
		if bitmap != "" {
			t.Error("there is no NSEC record")
		}
		return
	}
	denial := m.Ns[at].(*dns.NSEC)
	var types []string
	for _, kind := range denial.TypeBitMap {
		types = append(types, dns.Type(kind).String())
	}
	if got := strings.Join(types, " "); got != bitmap || denial.NextDomain != `\000.`+denial.Hdr.Name {
		t.Errorf("%s denies up to %s, with %s, want %s", denial.Hdr.Name, denial.NextDomain, got, bitmap)
	}
}

// Who does not ask for signatures gets none.
func TestSign_NotAsked(t *testing.T) {
	s, _ := signedServer(t)
	for _, name := range []string{"shop.example.", "nope.shop.example."} {
		got := ask(t, s, new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false), german)
		for _, rr := range append(got.Answer, got.Ns...) {
			if kind := rr.Header().Rrtype; kind == dns.TypeRRSIG || kind == dns.TypeNSEC {
				t.Errorf("%s is answered with %s", name, rr)
			}
		}
	}
}

// Two kinds of keys: that with the SEP flag signs the keys, the other all else.
func TestSign_TwoKinds(t *testing.T) {
	dir := t.TempDir()
	var list []string
	for _, flags := range []uint16{dns.ZONE | dns.SEP, dns.ZONE} {
		key := &dns.DNSKEY{Hdr: dns.RR_Header{Name: "shop.example.", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET}, Flags: flags,
			Protocol: 3, Algorithm: dns.ED25519}
		private := testkit.Must(key.Generate(256))(t)
		base := filepath.Join(dir, fmt.Sprint(flags))
		testkit.NoError(t, create(base+".private", key.PrivateKeyString(private), 0o600))
		testkit.NoError(t, create(base+".key", key.String(), 0o600))
		list = append(list, base+".key")
	}
	s, _ := newServer(t, "latency:", "dnssec: {keys: ["+strings.Join(list, ", ")+"]}\nlatency:")
	for kind, want := range map[uint16]int{dns.TypeDNSKEY: 0, dns.TypeA: 1} {
		got := ask(t, s, new(dns.Msg).SetQuestion("shop.example.", kind).SetEdns0(1232, true), german)
		verify(t, s.view.Load().zone.keys[want].record, got.Answer)
	}
}

// A view whose signatures are old is replaced.
func TestSign_Renewed(t *testing.T) {
	s, _ := signedServer(t)
	old := s.view.Load()
	s.refresh()
	if s.view.Load() != old {
		t.Error("a new view is replaced")
	}
	old.made = time.Now().Add(-signatureRenew - time.Second)
	s.refresh()
	if s.view.Load() == old {
		t.Error("an old view stays")
	}
}

func TestSuccessor(t *testing.T) {
	s, _ := signedServer(t)
	label := strings.Repeat("a", 63)
	long := label + "." + label + "." + label + "." + strings.Repeat("a", 48) + ".shop.example." // 255 octets
	wire := testkit.Must(wireName(long))(t)
	if len(wire) != maxNameBytes {
		t.Fatalf("the long name has %d octets", len(wire))
	}
	raised := strings.Repeat("a", 62) + "b" + strings.TrimPrefix(long, label)
	for name, want := range map[string]string{"x.shop.example.": `\000.x.shop.example.`, long: raised} {
		if got := s.view.Load().signed.successor(name); got != want {
			t.Errorf("after %s comes %s, want %s", name, got, want)
		}
	}
	got := ask(t, s, new(dns.Msg).SetQuestion(long, dns.TypeA).SetEdns0(1232, true), german)
	if len(got.Ns) != 4 && !got.Truncated {
		t.Errorf("the long name is answered with %v", got)
	}
}

func TestGenerateKey(t *testing.T) {
	dir := t.TempDir()
	path, ds, err := GenerateKey("shop.example.", dir)
	if err != nil || !strings.HasPrefix(filepath.Base(path), "Kshop.example.+013+") || !strings.Contains(ds, "\tDS\t") {
		t.Errorf("%s, %s, %v", path, ds, err)
	}
	for _, zone := range []string{"", ".", "shop.example", "a..b."} {
		if _, _, err := GenerateKey(zone, dir); err == nil || !strings.Contains(err.Error(), "final dot") {
			t.Errorf("zone %q: %v", zone, err)
		}
	}
	if _, _, err := GenerateKey("shop.example.", filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that is not there is taken")
	}
}
