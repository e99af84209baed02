package serve

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// A Certificate says where a server's certificate comes from: from files, or from an ACME authority such as Let's Encrypt. The zero
// value is none.
type Certificate struct {
	// CertFile and KeyFile are PEM files: the chain, its leaf first, and the key. They are read again after they change.
	CertFile, KeyFile string
	// Domains are the names that certificates are asked for at the ACME authority, which must be able to reach this server at port
	// 443 (TLS-ALPN-01). By asking for one, the operator accepts the authority's terms.
	Domains []string
	// Email is where the authority writes to about them; it may be empty.
	Email string
	// Directory is the authority's URL; Let's Encrypt's.
	Directory string
	// CacheDir keeps the account's key and the certificates, 0700. Servers of several machines share one, or each asks for its own.
	CacheDir string
	// Log gets a line when files cannot be read; slog's default.
	Log *slog.Logger
}

// Validate reports every fault at once.
func (c Certificate) Validate() error {
	var faults []error
	if (c.CertFile == "") != (c.KeyFile == "") {
		faults = append(faults, errors.New("certificate: give both files, that of the chain and that of the key"))
	}
	if c.CertFile != "" && len(c.Domains) > 0 {
		faults = append(faults, errors.New("certificate: give files, or names for an ACME authority, not both"))
	}
	if len(c.Domains) > 0 && c.CacheDir == "" {
		faults = append(faults, errors.New("certificate: give a folder that keeps what the ACME authority issues: it issues few in a week"))
	}
	return errors.Join(faults...)
}

// Config returns the configuration for a server, nil without a certificate. It fails if the files cannot be read.
func (c Certificate) Config() (*tls.Config, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	switch {
	case c.CertFile != "":
		files := &certificateFiles{Certificate: c}
		if _, err := files.read(time.Now()); err != nil {
			return nil, err
		}
		return &tls.Config{GetCertificate: files.get, MinVersion: tls.VersionTLS12}, nil
	case len(c.Domains) > 0:
		manager := &autocert.Manager{
			Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(c.Domains...), Cache: autocert.DirCache(c.CacheDir),
			Email: c.Email, Client: &acme.Client{DirectoryURL: cmp.Or(c.Directory, acme.LetsEncryptURL)},
		}
		config := manager.TLSConfig()
		config.MinVersion = tls.VersionTLS12
		return config, nil
	}
	return nil, nil
}

// lookEvery is how often files are looked at for a change.
const lookEvery = 10 * time.Second

// certificateFiles is a certificate in files.
type certificateFiles struct {
	Certificate
	mu     sync.Mutex
	now    *tls.Certificate
	of     time.Time // when the newer of the files was changed
	looked time.Time
}

// get returns the certificate for a connection. Files that cannot be read leave the one before.
func (f *certificateFiles) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	now, err := f.read(time.Now())
	if err != nil {
		cmp.Or(f.Log, slog.Default()).Error("the certificate cannot be read; the one before stays", "error", err)
	}
	if now == nil {
		return nil, errors.New("there is no certificate")
	}
	return now, nil
}

// read reads the files if they were changed since.
func (f *certificateFiles) read(now time.Time) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.now != nil && now.Sub(f.looked) < lookEvery {
		return f.now, nil
	}
	f.looked = now
	changed, err := newest(f.CertFile, f.KeyFile)
	if err != nil || changed.Equal(f.of) {
		return f.now, err
	}
	pair, err := tls.LoadX509KeyPair(f.CertFile, f.KeyFile)
	if err != nil {
		return f.now, fmt.Errorf("certificate: %w", err)
	}
	f.now, f.of = &pair, changed
	return f.now, nil
}

// newest returns when the newest of some files was changed.
func newest(files ...string) (at time.Time, err error) {
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return time.Time{}, fmt.Errorf("certificate: %w", err)
		}
		if info.ModTime().After(at) {
			at = info.ModTime()
		}
	}
	return at, nil
}
