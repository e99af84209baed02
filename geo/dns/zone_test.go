package dns

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/testkit"
)

// Every fault of a file is told with its field, all of them at once, and nothing is served from it.
func TestZone_Faults(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes []string
		want    []string
	}{
		{"unknown field", []string{"soa:", "sao:"}, []string{"sao"}},
		{"a field twice", []string{"soa:", "soa: {serial: 8}\nsoa:"}, []string{"soa"}},
		{"not a zone", []string{"zone: shop.example.", "zone: shop.example"}, []string{"zone:", "final dot"}},
		{"the root", []string{"zone: shop.example.", "zone: ."}, []string{"zone:"}},
		{"a name without its final dot", []string{"name: api", "name: api.shop.example"}, []string{"latency[1].name", "final dot"}},
		{"no addresses of a nameserver", []string{"addresses: [198.51.100.53]", "addresses: []"}, []string{"nameservers[1].addresses"}},
		{"addresses of another's nameserver", []string{"name: ns2", "name: ns2.example.net."}, []string{"nameservers[1].addresses"}},
		{"outside, twice, a wildcard", []string{"name: api", "name: api.example.net.", "name: cdn", `name: "*"`},
			[]string{"latency[1].name", "latency[2].name"}},
		{"listed twice", []string{"name: api", "name: cdn"}, []string{"latency[2].name", "twice"}},
		{"the zone as a CNAME", []string{`name: "@"`, `name: "@"` + "\n    answer: cname"}, []string{"latency[0].answer"}},
		{"an answer nobody knows", []string{"answer: cname", "answer: mx"}, []string{"latency[2].answer", `"mx"`}},
		{"numbers out of bounds", []string{"latency:",
			"ttl: {latency: 2h, negative: -1s}\nmin_addresses: 99\nlatency:", "per_second: -1", "slip: 1000"},
			[]string{"ttl.latency", "ttl.negative", "min_addresses", "rate_limit.slip"}},
		{"records that do not parse", []string{"  a.b.c TXT", "  a.b.c NOTYPE"}, []string{"records:", "NOTYPE"}},
		{"a record outside", []string{"  a.b.c TXT", "  example.net. TXT"}, []string{"records:", "outside"}},
		{"a wildcard", []string{"  a.b.c TXT", "  * TXT"}, []string{"records:", "wildcard"}},
		{"a delegation", []string{"  a.b.c TXT", "  sub NS elsewhere.example.net.\n  a.b.c TXT"}, []string{"records:", "delegation"}},
		{"a second SOA", []string{"  a.b.c TXT", "  @ NS elsewhere.example.net.\n  a.b.c TXT"}, []string{"records:", "nameservers"}},
		{"a signature", []string{"  a.b.c TXT", "  @ NSEC @ A\n  a.b.c TXT"}, []string{"records:", "dnssec.keys"}},
		{"another class", []string{"  a.b.c TXT", "  a.b.c CH TXT"}, []string{"records:", "class IN"}},
		{"an include", []string{"  a.b.c TXT", "  $INCLUDE /etc/hostname\n  a.b.c TXT"}, []string{"records:", "INCLUDE"}},
		{"a CNAME beside others", []string{"  a.b.c TXT", "  www TXT x\n  a.b.c TXT"}, []string{"records:", "www.shop.example."}},
		{"a CNAME in a circle", []string{"  a.b.c TXT", "  c1 CNAME c2\n  c2 CNAME c1\n  a.b.c TXT"}, []string{"records:", "circle"}},
		{"an address of a latency name", []string{"  a.b.c TXT", "  api A 192.0.2.9\n  a.b.c TXT"}, []string{"records:", "latency"}},
		{"several TTLs in a set", []string{"  a.b.c TXT", "  s 60 TXT x\n  s 70 TXT y\n  a.b.c TXT"}, []string{"records:", "TTLs"}},
		{"no such region", []string{"name: us-east", "name: mars"}, []string{"regions[0].name", "mars", "eu-west"}},
		{"a region twice", []string{"name: us-east", "name: us-west"}, []string{"regions[1].name"}},
		{"a region without IPv6", []string{`192.0.2.1, "2001:db8:1::1"`, "192.0.2.1"}, []string{"regions:", "IPv6"}},
		{"a region without a target", []string{", target: use.cdn.example.net.", ""}, []string{"regions:", "target"}},
		{"an address that nobody can reach", []string{"192.0.2.1, ", "0.0.0.0, "}, []string{"regions[0].addresses"}},
		{"a bad probe and weight", []string{"target: use", "weight: 101, probe: here, target: use"},
			[]string{"regions[0].weight", "regions[0].probe"}},
		{"no MaxMind file", []string{"latency:", "maxmind: none.mmdb\nlatency:"}, []string{"maxmind", "none.mmdb"}},
		{"no key", []string{"latency:", "dnssec: {keys: [none.key]}\nlatency:"}, []string{"dnssec.keys[0]"}},
		{"bad measurements", []string{"latency:", "measurements: [edge]\nlatency:"}, []string{"measurements[0]", "https://"}},
		{"several faults at once", []string{"serial: 7", "serial: 7, retry: 1s", "name: us-east", "name: mars", "  a.b.c TXT", "  * TXT"},
			[]string{"soa.retry", "mars", "wildcard"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := shopFile(t, tt.changes...)
			_, err := New(Config{File: path, Set: shippedSet(t)})
			if err == nil {
				t.Fatal("the file is taken")
			}
			for _, want := range append(tt.want, path) {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("nothing says %q in:\n%v", want, err)
				}
			}
		})
	}
}

func TestZone_NoFile(t *testing.T) {
	_, err := New(Config{File: filepath.Join(t.TempDir(), "none.yaml"), Set: shippedSet(t)})
	if err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("without a file: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	testkit.NoError(t, os.WriteFile(large, make([]byte, maxFileBytes+1), 0o600))
	if _, err := New(Config{File: large, Set: shippedSet(t)}); err == nil || !strings.Contains(err.Error(), "4 MiB") {
		t.Errorf("with a large file: %v", err)
	}
}

// JSON is YAML.
func TestZone_JSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.json")
	testkit.NoError(t, os.WriteFile(path, []byte(`{"zone":"shop.example.","nameservers":[{"name":"ns1.example.net."}],
		"latency":[{"name":"www"}],"regions":[{"name":"eu-west","addresses":["192.0.2.3"]}]}`), 0o600))
	summary, err := Check(path, shippedSet(t))
	if err != nil || !strings.Contains(summary, "zone shop.example. serial") {
		t.Errorf("%v: %s", err, summary)
	}
}

// The example of the documentation is a good file.
func TestZone_Documented(t *testing.T) {
	page := string(testkit.Must(os.ReadFile("../../docs/dns.md"))(t))
	_, example, _ := strings.Cut(page, "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	path := filepath.Join(t.TempDir(), "shop.yaml")
	testkit.NoError(t, os.WriteFile(path, []byte(example), 0o600))
	if summary, err := Check(path, shippedSet(t)); err != nil || !found || !strings.Contains(summary, "zone shop.example. serial") {
		t.Errorf("%v: %s", err, summary)
	}
}
