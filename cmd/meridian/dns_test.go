package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"meridian/internal/testkit"
)

const shopZone = "../../geo/dns/testdata/shop.yaml"

func TestDNSCheck(t *testing.T) {
	code, stdout, stderr := meridianCommand(t, "dns", "check", "--config", shopZone)
	if code != 0 || !strings.Contains(stdout, "zone shop.example. serial 7") || !strings.Contains(stdout, "eu-west") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

func TestDNS_CookieSecret(t *testing.T) {
	t.Setenv("MERIDIAN_DNS_COOKIE_SECRET", "hunter2")
	code, _, stderr := meridianCommand(t, "dns", "--config", shopZone)
	if code != exitUsage || !strings.Contains(stderr, "openssl rand -hex 16") || strings.Contains(stderr, "hunter2") {
		t.Errorf("exit code %d, %s", code, stderr)
	}
}

func TestDNSKeygen(t *testing.T) {
	dir := t.TempDir()
	code, stdout, stderr := meridianCommand(t, "dns", "keygen", "--zone", "shop.example.", "--directory", dir)
	keys := testkit.Must(filepath.Glob(filepath.Join(dir, "Kshop.example.+013+*.key")))(t)
	if code != 0 || len(keys) != 1 || !strings.Contains(stdout, keys[0]) || !strings.Contains(stdout, "\tDS\t") {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}

// The server reads its file again on SIGHUP, where other commands end.
func TestDNS_Hangup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := testkit.Must(os.ReadFile(shopZone))(t)
	testkit.NoError(t, os.WriteFile(path, text, 0o600))
	listener := testkit.Listen(t)
	address := listener.Addr().String()
	testkit.NoError(t, listener.Close())
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"dns", "--config", path, "--listen", address}, new(bytes.Buffer), new(bytes.Buffer))
	}()
	serial := func() uint32 {
		response, err := miekg.Exchange(new(miekg.Msg).SetQuestion("shop.example.", miekg.TypeSOA), address)
		if err != nil || len(response.Answer) == 0 {
			return 0
		}
		return response.Answer[0].(*miekg.SOA).Serial
	}
	testkit.Eventually(t, "the server answers", func() bool { return serial() == 7 })
	testkit.NoError(t, os.WriteFile(path, bytes.Replace(text, []byte("serial: 7"), []byte("serial: 8"), 1), 0o600))
	testkit.NoError(t, syscall.Kill(os.Getpid(), syscall.SIGHUP))
	testkit.Eventually(t, "the new file is in force", func() bool { return serial() == 8 })
	stop()
	select {
	case code := <-ended:
		if code != 0 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(testkit.Patience):
		t.Error("it does not end")
	}
}
