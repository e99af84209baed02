package local

import (
	"net/url"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"meridian/internal/testkit"
	"meridian/regions"
)

// TestDatabaseAt: the servers are replaced and all else is kept; of several, the one that takes writes is asked for.
func TestDatabaseAt(t *testing.T) {
	const given = "postgresql://shop:p%40ss@db.example:5432/shop?sslmode=disable"
	for _, c := range []struct {
		name    string
		servers []string
		hosts   []string
		ports   []uint16
	}{
		{"one", []string{"127.0.0.1:1001"}, []string{"127.0.0.1"}, []uint16{1001}},
		{"two", []string{"127.0.0.1:1001", "127.0.0.1:1002"}, []string{"127.0.0.1", "127.0.0.1"}, []uint16{1001, 1002}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := testkit.Must(pgx.ParseConfig(testkit.Must(databaseAt(given, c.servers...))(t)))(t)
			if got.User != "shop" || got.Password != "p@ss" || got.Database != "shop" || got.TLSConfig != nil {
				t.Errorf("as %s with %q to %s, TLS %v", got.User, got.Password, got.Database, got.TLSConfig)
			}
			if (got.ValidateConnect != nil) != (len(c.servers) > 1) {
				t.Error("the server that takes writes must be asked for where there are several, and only there")
			}
			if got.Host != c.hosts[0] || got.Port != c.ports[0] || len(got.Fallbacks) != len(c.servers)-1 {
				t.Fatalf("%s:%d with %d others", got.Host, got.Port, len(got.Fallbacks))
			}
			for i, other := range got.Fallbacks {
				if other.Host != c.hosts[i+1] || other.Port != c.ports[i+1] {
					t.Errorf("then %s:%d", other.Host, other.Port)
				}
			}
		})
	}
}

// TestPath: http servers are reached through a link, those with certificates directly, and everything directly without
// distances.
func TestPath(t *testing.T) {
	s := &Shop{config: Config{Regions: testkit.Must(regions.Shipped())(t)}}
	const plain, secure = "http://127.0.0.1:7700/base", "https://meili.example"
	if got := testkit.Must(s.path("eu-west", "eu-west", plain))(t); got != plain {
		t.Errorf("without distances %s is reached at %s", plain, got)
	}
	s.config.WAN = true
	testkit.NoError(t, s.openNetwork())
	t.Cleanup(func() { testkit.NoError(t, s.network.Close()) })
	got := testkit.Must(url.Parse(testkit.Must(s.path("eu-west", "eu-west", plain))(t)))(t)
	if got.Port() == "7700" || got.Hostname() != loopback || got.Path != "/base" {
		t.Errorf("%s is reached at %s", plain, got)
	}
	if again := testkit.Must(s.path("eu-west", "eu-west", plain))(t); again != got.String() {
		t.Errorf("the second time at %s, the first at %s", again, got)
	}
	if got := testkit.Must(s.path("eu-west", "eu-west", secure))(t); got != secure {
		t.Errorf("%s is reached at %s", secure, got)
	}
	s.engine = &engine{servers: []server{{"us-east", "127.0.0.1:1"}, {"eu-west", "127.0.0.1:2"}}}
	for region, want := range map[string]string{"us-west": "us-east", "us-east": "us-east", "eu-west": "eu-west", "ap-southeast": "eu-west"} {
		if got := s.nearestFirst(region)[0].site; got != want {
			t.Errorf("%s asks %s first, want %s", region, got, want)
		}
	}
}

// TestGivenServer: the server is read out of the URL, and a folder is refused.
func TestGivenServer(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	got := testkit.Must(givenServer(Config{Regions: set, DatabaseURL: "postgres://shop@db.example/shop"}))(t)
	if len(got) != 1 || got[0] != (server{"us-east", "db.example:5432"}) {
		t.Errorf("the server is %+v", got)
	}
	_, err := givenServer(Config{Regions: set, DatabaseURL: "postgres:///shop?host=/var/run/postgresql"})
	if err == nil || !strings.Contains(err.Error(), "--wan") {
		t.Errorf("a folder: %v", err)
	}
}
