package dns

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
	"github.com/miekg/dns"

	"meridian/geo"
	"meridian/internal/testkit"
)

// maxMindFile writes a file in MaxMind's format: networks, each with a country and a state.
func maxMindFile(t *testing.T, networks map[string][2]string) string {
	t.Helper()
	tree := testkit.Must(mmdbwriter.New(mmdbwriter.Options{DatabaseType: "Test-City", RecordSize: 24, IncludeReservedNetworks: true}))(t)
	for network, where := range networks {
		record := mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(where[0])}}
		if where[1] != "" {
			record["subdivisions"] = mmdbtype.Slice{mmdbtype.Map{"iso_code": mmdbtype.String(where[1])}}
		}
		_, block, err := net.ParseCIDR(network)
		testkit.NoError(t, err)
		testkit.NoError(t, tree.Insert(block, record))
	}
	path := filepath.Join(t.TempDir(), "places.mmdb")
	file := testkit.Must(os.Create(path))(t)
	testkit.Must(tree.WriteTo(file))(t)
	testkit.NoError(t, file.Close())
	return path
}

func TestLocate_MaxMind(t *testing.T) {
	path := maxMindFile(t, map[string][2]string{
		"80.128.0.0/12":   {"SG", ""},
		"8.8.8.0/24":      {"US", "CA"},
		"2003:c0::/26":    {"US", "NY"},
		"198.51.100.0/25": {"", ""},
	})
	s, _ := newServer(t, "latency:", "maxmind: "+path+"\nlatency:")
	for _, tt := range []struct {
		name, addr string
		want       place
		bits       int
	}{
		{"against the table", "80.128.0.1", place{country: "SG"}, 12},
		{"a state", "8.8.8.8", place{"US", geo.ZoneWest}, 24},
		{"IPv6", "2003:c0::1", place{"US", geo.ZoneEast}, 26},
		{"a record without a country: the table", "198.51.100.1", place{}, 25},
		{"not in the file: the table, and both their blocks", "80.159.0.1", place{country: "DE"}, 12},
	} {
		t.Run(tt.name, func(t *testing.T) {
			where, bits := s.view.Load().zone.place.locate(netip.MustParseAddr(tt.addr))
			if where != tt.want || bits != tt.bits {
				t.Errorf("in %v, of a /%d, want %v, /%d", where, bits, tt.want, tt.bits)
			}
		})
	}
	got := ask(t, s, withSubnet("shop.example.", dns.TypeA, "8.8.8.0/24"), nowhere)
	if first := got.Answer[0].(*dns.A).A.String(); first != "192.0.2.2" || subnetOf(got).SourceScope != 24 {
		t.Errorf("a client in California is answered with %v", got)
	}
}
