package serve

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"meridian/internal/testkit"
)

// TestCertificateFiles_Change: files that were replaced are read again, and broken ones leave the certificate before.
func TestCertificateFiles_Change(t *testing.T) {
	dir := t.TempDir()
	cert, key := dir+"/cert.pem", dir+"/key.pem"
	write := func(name string, at time.Time) {
		t.Helper()
		for _, file := range []string{"cert", "key"} {
			text := testkit.Must(os.ReadFile("testdata/" + name + "." + file + ".pem"))(t)
			testkit.NoError(t, os.WriteFile(dir+"/"+file+".pem", text, 0o600))
			testkit.NoError(t, os.Chtimes(dir+"/"+file+".pem", at, at))
		}
	}
	began := time.Now()
	write("one", began)
	files := &certificateFiles{Certificate: Certificate{CertFile: cert, KeyFile: key, Log: slog.New(slog.DiscardHandler)}}
	name := func(after time.Duration) string {
		t.Helper()
		now, err := files.read(began.Add(after))
		if now == nil {
			t.Fatal(err)
		}
		return now.Leaf.Subject.CommonName
	}
	if got := name(0); got != "one.example" {
		t.Errorf("at the start it is %s", got)
	}
	write("two", began.Add(time.Second))
	if got := name(time.Second); got != "one.example" {
		t.Errorf("files are looked at too often: it is %s", got)
	}
	if got := name(lookEvery); got != "two.example" {
		t.Errorf("after a change it is %s", got)
	}
	testkit.NoError(t, os.WriteFile(cert, []byte("broken"), 0o600))
	if got := name(2 * lookEvery); got != "two.example" {
		t.Errorf("a broken file leaves %s", got)
	}
}
