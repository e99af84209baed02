package serve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"meridian/internal/serve"
)

func dial(t *testing.T, url string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.(*net.TCPConn)
}

// ask sends raw text on a connection and returns the answer.
func ask(t *testing.T, c net.Conn, request string) (*http.Response, string) {
	t.Helper()
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

// TestRun_SlowReader: who does not read an answer does not hold the connection, and who reads it slowly gets all of it.
func TestRun_SlowReader(t *testing.T) {
	const size = 8 << 20
	const stall = 300 * time.Millisecond
	cut := make(chan error, 1)
	url, stop, _ := start(t, serve.Server{
		Name: "a server", Connections: serve.Connections{WriteStall: stall},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, err := w.Write(bytes.Repeat([]byte("x"), size))
			cut <- err
		}),
	})
	defer stop()
	c := dial(t, url)
	_ = c.SetReadBuffer(4 << 10)
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-cut:
		if err == nil {
			t.Error("8 MiB that nobody reads were written")
		}
	case <-time.After(20 * stall):
		t.Fatal("the answer still waits to be read")
	}

	slow := dial(t, url)
	if _, err := io.WriteString(slow, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	read, part := 0, make([]byte, 1<<20)
	for began := time.Now(); read < size; time.Sleep(stall / 10) {
		n, err := slow.Read(part)
		read += n
		if err != nil {
			t.Fatalf("cut after %d bytes and %s: %v", read, time.Since(began), err)
		}
	}
	if err := <-cut; err != nil {
		t.Errorf("slowly: %v", err)
	}
}

// TestRun_HandlerDeadline: a handler's own write deadline holds, whatever the client makes room for.
func TestRun_HandlerDeadline(t *testing.T) {
	cut := make(chan error, 1)
	url, stop, _ := start(t, serve.Server{
		Name: "a server",
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
			_, err := w.Write(bytes.Repeat([]byte("x"), 8<<20))
			cut <- err
		}),
	})
	defer stop()
	c := dial(t, url)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	select {
	case err := <-cut:
		if err == nil {
			t.Error("written, beyond the handler's deadline")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the handler's deadline does not count")
	}
}

func TestRun_ConnectionsPerAddress(t *testing.T) {
	const most = 3
	begun, release := make(chan struct{}, most), make(chan struct{})
	server := serve.Server{Name: "a server", Handler: held(begun, release), Connections: serve.Connections{PerAddress: most}}
	url, stop, _ := start(t, server)
	defer stop()
	for range most {
		go get(url)
		<-begun
	}
	refused := dial(t, url)
	_ = refused.SetReadDeadline(time.Now().Add(5 * time.Second))
	answer, err := http.ReadResponse(bufio.NewReader(refused), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(answer.Body)
	if answer.StatusCode != http.StatusTooManyRequests || !strings.Contains(string(body), `"code":"too_many_connections"`) {
		t.Errorf("one more is answered %s %s", answer.Status, body)
	}
	close(release)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		http.DefaultClient.CloseIdleConnections()
		if c := dial(t, url); func() bool {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			all, _ := io.ReadAll(c)
			return strings.HasPrefix(string(all), "HTTP/1.1 200")
		}() {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("places that were left are not given to others")
		}
	}

	server.Connections.Exempt = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "served") })
	url, stop, _ = start(t, server)
	defer stop()
	for range 2 * most {
		if _, body := ask(t, dial(t, url), "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); body != "served" {
			t.Errorf("an exempt address got %q", body)
		}
	}
}

// TestRun_RefusalsAreProblems: what net/http itself refuses is told in the API's form.
func TestRun_RefusalsAreProblems(t *testing.T) {
	url, stop, _ := start(t, serve.Server{Name: "a server", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "text")
	})})
	defer stop()
	for _, test := range []struct {
		name, request string
		status        int
		code          string
	}{
		{"headers too large", "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 40<<10) + "\r\n\r\n", 431, "headers_too_large"},
		{"URL too long", "GET /" + strings.Repeat("x", 40<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431, "headers_too_large"},
		{"no HTTP", "hello\r\n\r\n", 400, "bad_request"},
		{"no host", "GET / HTTP/1.1\r\n\r\n", 400, "bad_request"},
		{"another version", "GET / HTTP/3.7\r\nHost: x\r\n\r\n", 505, "http_version_not_supported"},
		{"unknown encoding", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: br\r\n\r\n", 501, "not_implemented"},
	} {
		answer, body := ask(t, dial(t, url), test.request)
		var problem struct{ Code, RequestID string }
		err := json.Unmarshal([]byte(body), &problem)
		if err != nil || answer.StatusCode != test.status || problem.Code != test.code ||
			answer.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %s %s", test.name, answer.Status, answer.Header.Get("Content-Type"), body)
		}
	}
	answer, body := ask(t, dial(t, url), "GET / HTTP/1.0\r\n\r\n")
	if body != "text" || answer.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("a handler's answer became %v %q", answer.Header, body)
	}
}
