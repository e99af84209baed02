package dns

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"meridian/regions"

	"github.com/goccy/go-yaml"
)

// A File is the zone's file: YAML, or JSON, which is a part of YAML. Names are written as in zone files: with a final dot,
// or relative to the zone; @ is the zone itself. Fields that are left out take the default named at each.
type File struct {
	// Zone is the name of the zone, such as shop.example. with its final dot.
	Zone string `yaml:"zone"`
	// Nameservers are the zone's NS records, at least one.
	Nameservers []Nameserver `yaml:"nameservers"`
	// SOA is the start of authority.
	SOA SOA `yaml:"soa"`
	// TTL says how long answers may be cached.
	TTL TTL `yaml:"ttl"`
	// Latency are the names that are answered with the nearest regions, at least one.
	Latency []LatencyName `yaml:"latency"`
	// Records are all others, in the syntax of zone files (RFC 1035, section 5).
	Records string `yaml:"records"`
	// Regions are the regions that may be answered. They are ignored where the program gives the states of regions itself.
	Regions []FileRegion `yaml:"regions"`
	// MinAddresses is how many addresses an answer has where there are so many: regions are added, the nearest first, until
	// it has them; 2.
	MinAddresses int `yaml:"min_addresses"`
	// Probes says how the regions are probed.
	Probes Probes `yaml:"probes"`
	// MaxMind is the path of a file in MaxMind's format with country.iso_code, which locates clients in place of the table
	// that is compiled in. Relative paths begin at the zone's file; none.
	MaxMind string `yaml:"maxmind"`
	// DNSSEC says how the zone is signed.
	DNSSEC DNSSEC `yaml:"dnssec"`
	// RateLimit bounds the answers for each network of clients.
	RateLimit RateLimit `yaml:"rate_limit"`
	// Measurements are URLs of GET /v1/geo/measurements, at most 16, asked every minute for the round trips that clients saw;
	// none.
	Measurements []string `yaml:"measurements"`

	dir      string    // the folder it lies in
	modified time.Time // the file's time
}

// A fingerprint is the hash of a file's content.
type fingerprint = [sha256.Size]byte

// A Nameserver is an NS record, with addresses if its name is inside the zone.
type Nameserver struct {
	Name      string       `yaml:"name"`
	Addresses []netip.Addr `yaml:"addresses"`
}

// SOA holds the start of authority's fields.
type SOA struct {
	// MName is the primary server; the first of the nameservers.
	MName string `yaml:"mname"`
	// RName is the mailbox of who is responsible; hostmaster in the zone.
	RName string `yaml:"rname"`
	// Serial is the zone's version; the file's time in seconds since 1970.
	Serial uint32 `yaml:"serial"`
	// Refresh, Retry and Expire are for secondary servers, of which there are none; 2h, 15m and 336h.
	Refresh time.Duration `yaml:"refresh"`
	Retry   time.Duration `yaml:"retry"`
	Expire  time.Duration `yaml:"expire"`
}

// TTL holds how long answers may be cached. They are rounded down to seconds.
type TTL struct {
	// Latency is that of what depends on regions; 30s.
	Latency time.Duration `yaml:"latency"`
	// Static is that of other records that name none; 1h.
	Static time.Duration `yaml:"static"`
	// Negative is that of answers that a name or type does not exist (RFC 2308); 1m.
	Negative time.Duration `yaml:"negative"`
}

// A LatencyName is a name that is answered with the nearest regions.
type LatencyName struct {
	// Name is the name; names with underscores at the front, such as _8443._https.api, are for SVCB.
	Name string `yaml:"name"`
	// Answer is "addresses" (A and AAAA) or "cname" (the region's target); addresses.
	Answer string `yaml:"answer"`
	// HTTPS and SVCB add a record of that type, with the addresses as hints (RFC 9460); none.
	HTTPS *Service `yaml:"https"`
	SVCB  *Service `yaml:"svcb"`
}

// A Service holds the parameters of an HTTPS or SVCB record.
type Service struct {
	// ALPN are the protocols, such as h2.
	ALPN []string `yaml:"alpn"`
	// Port is the port; 0 leaves it out.
	Port uint16 `yaml:"port"`
}

// A FileRegion is a region with its addresses.
type FileRegion struct {
	// Name is one of the shop's regions.
	Name string `yaml:"name"`
	// Addresses and Target are those of RegionState.
	Addresses []netip.Addr `yaml:"addresses"`
	Target    string       `yaml:"target"`
	// Probe is the URL that answers 200 while the region can serve; without one it is taken to be healthy.
	Probe string `yaml:"probe"`
	// Weight is that of RegionState; 100.
	Weight *int `yaml:"weight"`
	// Drain takes the region out of answers.
	Drain bool `yaml:"drain"`
}

// Probes says how regions are probed.
type Probes struct {
	// Interval between two probes of a region; 2s.
	Interval time.Duration `yaml:"interval"`
	// Timeout of a probe; 2s.
	Timeout time.Duration `yaml:"timeout"`
	// DownAfter failed probes in a row mark a region down; 2. One that succeeds marks it up.
	DownAfter int `yaml:"down_after"`
}

// DNSSEC says how the zone is signed.
type DNSSEC struct {
	// Keys are the paths of K….key files as BIND's dnssec-keygen and `meridian dns keygen` write them, each with its
	// .private beside it. Relative paths begin at the zone's file. None leaves the zone unsigned.
	Keys []string `yaml:"keys"`
}

// RateLimit bounds the answers that one network (a /24 or a /56) gets over UDP without a valid cookie.
type RateLimit struct {
	// PerSecond is how many answers of one kind it gets in a second; 500. -1 sets no limit.
	PerSecond int `yaml:"per_second"`
	// Slip is of how many answers above the limit one is sent, truncated, so that an honest client comes back over TCP; 2.
	// -1 sends none.
	Slip int `yaml:"slip"`
	// Exempt are networks without a limit; none.
	Exempt []netip.Prefix `yaml:"exempt"`
}

// readFile decodes a zone's file, without checking it. An unknown or repeated field is an error. Seen is told what was read,
// faulty or not.
func readFile(path string, seen func(*fingerprint)) (*File, error) {
	text, modified, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	seen(&sum)
	file := &File{dir: filepath.Dir(path), modified: modified}
	if err := yaml.UnmarshalWithOptions(text, file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("%s: decoding it: %w", path, err)
	}
	file.setDefaults()
	return file, nil
}

// readZone reads and checks a zone's file.
func readZone(path string, set *regions.Set, seen func(*fingerprint)) (*zone, error) {
	file, err := readFile(path, seen)
	if err != nil {
		return nil, err
	}
	z, err := newZone(file, set)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return z, nil
}

// readBounded reads a file of at most maxFileBytes.
func readBounded(path string) (text []byte, modified time.Time, err error) {
	opened, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the zone's file: %w", err)
	}
	defer opened.Close()
	info, err := opened.Stat()
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("reading the zone's file: %w", err)
	}
	text, err = io.ReadAll(io.LimitReader(opened, maxFileBytes+1))
	if err == nil && len(text) > maxFileBytes {
		err = errors.New("it is longer than 4 MiB")
	}
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("%s: %w", path, err)
	}
	return text, info.ModTime(), nil
}

// path returns a path that the file names.
func (f *File) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(f.dir, name)
}

// setDefaults fills the fields that were left out.
func (f *File) setDefaults() {
	for _, one := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&f.SOA.Refresh, 2 * time.Hour}, {&f.SOA.Retry, 15 * time.Minute}, {&f.SOA.Expire, 336 * time.Hour},
		{&f.TTL.Latency, 30 * time.Second}, {&f.TTL.Static, time.Hour}, {&f.TTL.Negative, time.Minute},
		{&f.Probes.Interval, 2 * time.Second}, {&f.Probes.Timeout, 2 * time.Second},
	} {
		if *one.field == 0 {
			*one.field = one.value
		}
	}
	for _, one := range []struct {
		field *int
		value int
	}{{&f.MinAddresses, 2}, {&f.Probes.DownAfter, 2}, {&f.RateLimit.PerSecond, 500}, {&f.RateLimit.Slip, 2}} {
		if *one.field == 0 {
			*one.field = one.value
		}
	}
	if f.SOA.MName == "" && len(f.Nameservers) > 0 {
		f.SOA.MName = f.Nameservers[0].Name
	}
	if f.SOA.RName == "" {
		f.SOA.RName = "hostmaster"
	}
	for i := range f.Latency {
		if f.Latency[i].Answer == "" {
			f.Latency[i].Answer = "addresses"
		}
	}
	if f.SOA.Serial == 0 {
		f.SOA.Serial = uint32(f.modified.Unix()) // which wraps in 2106, as serials may (RFC 1982)
	}
}
