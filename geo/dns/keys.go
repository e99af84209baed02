package dns

import (
	"crypto"
	"fmt"
	"os"
	"strings"

	"github.com/miekg/dns"
)

// A signingKey is a key of the zone with its private half.
type signingKey struct {
	record *dns.DNSKEY
	signer crypto.Signer
}

// readKeys reads the keys by which the zone is signed, and adds them to it.
func (b *builder) readKeys() {
	if len(b.file.DNSSEC.Keys) > maxKeys {
		b.fault("dnssec.keys: %d are more than %d", len(b.file.DNSSEC.Keys), maxKeys)
		return
	}
	for i, name := range b.file.DNSSEC.Keys {
		key, err := b.readKey(b.file.path(name))
		if err != nil {
			b.fault("dnssec.keys[%d]: %w", i, err)
			continue
		}
		b.zone.keys = append(b.zone.keys, key)
		b.add(key.record)
	}
}

// maxKeys leaves room for a rollover of two keys and bounds the answer that holds them.
const maxKeys = 4

// readKey reads a K….key file and the .private file beside it.
func (b *builder) readKey(path string) (signingKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return signingKey{}, err
	}
	rr, err := dns.NewRR(string(text))
	if err != nil {
		return signingKey{}, err
	}
	record, ok := rr.(*dns.DNSKEY)
	if !ok || dns.CanonicalName(record.Hdr.Name) != b.zone.apex || record.Flags&dns.ZONE == 0 {
		return signingKey{}, fmt.Errorf("%s holds no key of %s: make one with meridian dns keygen", path, b.zone.apex)
	}
	record.Hdr = b.header(b.zone.apex, dns.TypeDNSKEY, b.staticTTL())
	private, err := os.Open(strings.TrimSuffix(path, ".key") + ".private")
	if err != nil {
		return signingKey{}, err
	}
	defer private.Close()
	key, err := record.ReadPrivateKey(private, path)
	if err != nil {
		return signingKey{}, fmt.Errorf("the private half of %s: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return signingKey{}, fmt.Errorf("%s: its algorithm is not supported: use ECDSAP256SHA256 or ED25519", path)
	}
	return signingKey{record: record, signer: signer}, nil
}
