package local

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"meridian/internal/lab/wan"
)

// providerSite is where the payment provider is: near the primary region, and not lost with it.
const providerSite = "provider"

// openNetwork puts the distances between the regions, if they are asked for.
func (s *Shop) openNetwork() (err error) {
	if !s.config.WAN {
		return nil
	}
	var sites []wan.Site
	for _, region := range s.config.Regions.All() {
		sites = append(sites, wan.Site{Name: region.Name, Cloud: region.Cloud.Region})
	}
	sites = append(sites, wan.Site{Name: providerSite, Cloud: s.config.Regions.Primary().Cloud.Region})
	s.network, err = wan.New(sites)
	return err
}

// paths are the URLs at which the parts of the shop reach each other: the parts' own, or with distances those of links.
type paths struct {
	database map[string]string            // from each region
	sandbox  map[string]string            // from each region
	webhooks map[string]string            // to each region, from the provider
	pods     map[string]map[string]string // from each region's edge to each region
	meili    map[string]string            // from each region to its own
}

// findPaths returns the paths. The servers must be known.
func (s *Shop) findPaths() (p paths, err error) {
	p = paths{
		database: make(map[string]string), sandbox: make(map[string]string), webhooks: make(map[string]string),
		pods: make(map[string]map[string]string), meili: make(map[string]string),
	}
	for _, region := range s.config.Regions.Names() {
		if p.database[region], err = s.databasePath(region); err != nil {
			return p, err
		}
		if p.sandbox[region], err = s.path(region, providerSite, urlOf(s.listeners.sandbox)); err != nil {
			return p, err
		}
		if p.webhooks[region], err = s.path(providerSite, region, s.RegionURL(region)); err != nil {
			return p, err
		}
		if address, ok := s.config.MeiliURLs[region]; ok {
			if p.meili[region], err = s.path(region, region, address); err != nil {
				return p, err
			}
		}
	}
	for _, from := range s.config.edgeRegions() {
		p.pods[from] = make(map[string]string)
		for _, to := range s.config.Regions.Names() {
			if p.pods[from][to], err = s.path(from, to, s.RegionURL(to)); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// path returns the URL at which a server is reached from a site. A server with TLS is reached directly, because its
// certificate is for its own name.
func (s *Shop) path(from, to, address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the address of a server in %s: %w", to, err)
	}
	if s.network == nil || u.Scheme == "https" {
		return address, nil
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "80")
	}
	if u.Host, err = s.network.Expose(from, to, host); err != nil {
		return "", err
	}
	return u.String(), nil
}

// databasePath returns the URL at which the database is reached from a region. The nearest server is asked first: where the
// other region does not answer, waiting for it would cost each new connection connectSeconds.
func (s *Shop) databasePath(region string) (string, error) {
	if s.network == nil {
		return s.engine.url(region), nil
	}
	var addresses []string
	for _, server := range s.nearestFirst(region) {
		address, err := s.network.Expose(region, server.site, server.address)
		if err != nil {
			return "", err
		}
		addresses = append(addresses, address)
	}
	return databaseAt(s.engine.url(region), addresses...)
}

// nearestFirst returns the database's servers by their distance from a region.
func (s *Shop) nearestFirst(region string) []server {
	return slices.SortedFunc(slices.Values(s.engine.servers), func(a, b server) int {
		toA, _ := s.network.Base(region, a.site) // regions are sites
		toB, _ := s.network.Base(region, b.site)
		return cmp.Compare(toA.Delay, toB.Delay)
	})
}

// connectSeconds bounds how long one of several servers is waited for, so that the others have their turn.
const connectSeconds = "5"

// databaseAt returns a connection URL with other servers. Of several, connections go to the one that takes writes.
func databaseAt(address string, servers ...string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("the address of the database: %w", err)
	}
	var hosts, ports []string
	for _, server := range servers {
		host, port, err := net.SplitHostPort(server)
		if err != nil {
			return "", fmt.Errorf("the address of the database: %w", err)
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	query := u.Query()
	query.Set("host", strings.Join(hosts, ","))
	query.Set("port", strings.Join(ports, ","))
	if len(servers) > 1 {
		query.Set("target_session_attrs", "read-write")
		query.Set("connect_timeout", connectSeconds)
	}
	u.Host, u.RawQuery = "", query.Encode()
	return u.String(), nil
}

// givenServer returns where a database is that was there already: in the primary region.
func givenServer(c Config) ([]server, error) {
	parsed, err := pgx.ParseConfig(c.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("--database-url: %w", err)
	}
	if strings.HasPrefix(parsed.Host, "/") {
		return nil, fmt.Errorf("--database-url: with --wan the database must be reached by TCP, and %s is a folder", parsed.Host)
	}
	address := net.JoinHostPort(parsed.Host, fmt.Sprint(parsed.Port))
	return []server{{site: c.Regions.Primary().Name, address: address}}, nil
}
