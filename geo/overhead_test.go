package geo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"syscall"
	"testing"
	"time"

	"meridian/internal/testkit"
)

// BenchmarkEdge_Overhead measures what the edge adds to a read that a pod answers from memory, beside a bare
// httputil.ReverseProxy in front of the same pod, by turns. It prints requests a second of each, their ratio, and the CPU that the
// edge adds to a request, which is that of this process with the client and the pod taken off.
func BenchmarkEdge_Overhead(b *testing.B) {
	f := newFleet(b, 2, func(cfg *EdgeConfig) { cfg.HedgePercent = 5 })
	body := make([]byte, 2<<10)
	for _, p := range f.pods {
		p.set(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "public, max-age=60")
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(body)
		})
	}
	edge := httptest.NewServer(f.edge)
	defer edge.Close()
	target := testkit.Must(url.Parse(f.pods["eu-west-1"].url))(b)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = newTransport(f.edge.cfg)
	bare := httptest.NewServer(proxy)
	defer bare.Close()

	var took, cpu [3]time.Duration
	for b.Loop() {
		for n, base := range []string{edge.URL, bare.URL, target.String()} {
			began, spent := time.Now(), processTime(b)
			load(b, base)
			took[n], cpu[n] = took[n]+time.Since(began), cpu[n]+processTime(b)-spent
		}
	}
	requests := float64(b.N * loadClients * loadRequests)
	b.ReportMetric(requests/took[0].Seconds(), "edge/s")
	b.ReportMetric(requests/took[1].Seconds(), "bare/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "of-bare")
	b.ReportMetric(float64((cpu[0]-cpu[2]).Microseconds())/requests, "edge-cpu-µs/op")
	b.ReportMetric(float64((cpu[1]-cpu[2]).Microseconds())/requests, "bare-cpu-µs/op")
}

const loadClients, loadRequests = 16, 500

// load sends requests from several clients on connections that stay open.
func load(b *testing.B, base string) {
	transport := &http.Transport{MaxIdleConnsPerHost: loadClients}
	defer transport.CloseIdleConnections()
	client, ended := &http.Client{Transport: transport}, make(chan error, loadClients)
	for range loadClients {
		go func() {
			var err error
			for n := 0; n < loadRequests && err == nil; n++ {
				var resp *http.Response
				if resp, err = client.Get(base + "/v1/products"); err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close() // it was read
				}
			}
			ended <- err
		}()
	}
	for range loadClients {
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
	}
}

// processTime returns the CPU time of this process.
func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
