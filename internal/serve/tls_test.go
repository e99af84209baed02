package serve_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meridian/internal/serve"
	"meridian/internal/testkit"
)

// writeCertificate writes a self-signed certificate with a name, and returns the files.
func writeCertificate(t *testing.T, dir, name string) (cert, key string) {
	t.Helper()
	secret := testkit.Must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der := testkit.Must(x509.CreateCertificate(rand.Reader, template, template, &secret.PublicKey, secret))(t)
	encoded := testkit.Must(x509.MarshalPKCS8PrivateKey(secret))(t)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	testkit.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	testkit.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o600))
	return cert, key
}

// TestRun_TLS: a server with files speaks TLS 1.2 and newer and HTTP/2, and refuses what is older.
func TestRun_TLS(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir(), "shop.example")
	config := testkit.Must(serve.Certificate{CertFile: cert, KeyFile: key}.Config())(t)
	url, stop, _ := start(t, serve.Server{
		Name: "a server", TLS: config,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
	})
	defer stop()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(testkit.Must(os.ReadFile(cert))(t))
	ask := func(newest uint16) (string, error) {
		transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{
			RootCAs: roots, ServerName: "shop.example", MinVersion: tls.VersionTLS10, MaxVersion: newest,
		}}
		defer transport.CloseIdleConnections()
		resp, err := (&http.Client{Transport: transport}).Get("https" + strings.TrimPrefix(url, "http"))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		if got, err := ask(version); err != nil || got != "HTTP/2.0" {
			t.Errorf("%s: %q, %v", tls.VersionName(version), got, err)
		}
	}
	if _, err := ask(tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

func TestCertificate_Validate(t *testing.T) {
	for want, c := range map[string]serve.Certificate{
		"both files":    {CertFile: "x"},
		"not both":      {CertFile: "x", KeyFile: "y", Domains: []string{"shop.example"}, CacheDir: "z"},
		"give a folder": {Domains: []string{"shop.example"}},
		"no such file":  {CertFile: "missing.pem", KeyFile: "missing.key"},
	} {
		if _, err := c.Config(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q in it", c, err, want)
		}
	}
	if config, err := (serve.Certificate{}).Config(); config != nil || err != nil {
		t.Errorf("without a certificate: %v, %v", config, err)
	}
}
