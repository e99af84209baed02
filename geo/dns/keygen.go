package dns

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/miekg/dns"
)

// GenerateKey makes a key for ECDSA P-256 with SHA-256 (RFC 6605) that signs the keys and all other records of the zone,
// and writes it to the folder as K….key and K….private, which only its owner may read. It returns the path of the .key
// file and the DS record for the parent zone, with SHA-256. It overwrites nothing.
func GenerateKey(zone, folder string) (path, ds string, err error) {
	if _, ok := dns.IsDomainName(zone); !ok || !strings.HasSuffix(zone, ".") || zone == "." {
		return "", "", fmt.Errorf("zone %q is not a full name: write it with its final dot, as \"shop.example.\"", zone)
	}
	key := &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: dns.CanonicalName(zone), Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: dns.ZONE | dns.SEP, Protocol: 3, Algorithm: dns.ECDSAP256SHA256,
	}
	private, err := key.Generate(256)
	if err != nil {
		return "", "", fmt.Errorf("making a key: %w", err)
	}
	base := filepath.Join(folder, fmt.Sprintf("K%s+%03d+%05d", key.Hdr.Name, key.Algorithm, key.KeyTag()))
	if err := create(base+".private", key.PrivateKeyString(private), 0o600); err != nil {
		return "", "", fmt.Errorf("writing the key: %w", err)
	}
	if err := create(base+".key", key.String()+"\n", 0o644); err != nil {
		return "", "", errors.Join(fmt.Errorf("writing the key: %w", err), os.Remove(base+".private"))
	}
	return base + ".key", key.ToDS(dns.SHA256).String(), nil
}

// create writes a file that must not exist.
func create(path, text string, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}
