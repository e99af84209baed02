package local

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"meridian/internal/testkit"
)

// TestCache puts nginx as a shared cache in front of the edge. Shoppers of the same country share what it keeps; shoppers of
// another get their own currency, with or without a CDN's header.
func TestCache(t *testing.T) {
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		t.Skip("nginx is not installed: apt-get install nginx-light")
	}
	s := openShop(t, nil)
	s.sell(t, "CACHED")
	front := startCache(t, nginx, s.EdgeURL())
	for _, test := range []struct {
		name, query, country, language string
		currency, cache                string
	}{
		{"Germany fills it", "", "DE", "de", "EUR", "MISS"},
		{"Germany again", "", "DE", "de", "EUR", "HIT"},
		{"Japan does not get Germany's", "", "JP", "de", "JPY", "MISS"},
		{"Japan again", "", "JP", "de", "JPY", "HIT"},
		{"another language", "", "DE", "ja", "EUR", "MISS"},
		{"a country that the CDN does not know is found by the address, and kept for nobody", "", "XX", "de", "USD", "MISS"},
		{"nor for the next", "", "XX", "de", "USD", "MISS"},
		{"no country", "", "", "de", "USD", "MISS"},
		{"no country again", "", "", "de", "USD", "MISS"},
		{"Germany still", "", "DE", "de", "EUR", "HIT"},
		{"the query names the country", "&country=JP", "DE", "de", "JPY", "MISS"},
		{"so that countries share it", "&country=JP", "US", "de", "JPY", "HIT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := testkit.Must(http.NewRequestWithContext(t.Context(), "GET", front+"/v1/products?category=t"+test.query, nil))(t)
			req.Header.Set("Accept-Language", test.language)
			if test.country != "" {
				req.Header.Set("CF-IPCountry", test.country)
			}
			resp := testkit.Must(http.DefaultClient.Do(req))(t)
			defer func() { _ = resp.Body.Close() }()
			var page struct {
				Products []struct {
					SKUs []struct {
						Price struct{ Currency string } `json:"price"`
					} `json:"skus"`
				} `json:"products"`
			}
			testkit.NoError(t, json.NewDecoder(resp.Body).Decode(&page))
			if len(page.Products) != 1 || len(page.Products[0].SKUs) != 1 {
				t.Fatalf("the page is %+v", page)
			}
			got := [2]string{page.Products[0].SKUs[0].Price.Currency, resp.Header.Get("X-Cache")}
			if want := [2]string{test.currency, test.cache}; got != want {
				t.Errorf("answered %v, want %v; Vary: %q, Cache-Control: %q", got, want, resp.Header.Values("Vary"),
					resp.Header.Get("Cache-Control"))
			}
		})
	}
}

// startCache runs nginx in front of an address until the test ends, and returns its URL.
func startCache(t *testing.T, nginx, target string) string {
	t.Helper()
	l := testkit.Listen(t)
	addr := l.Addr().String()
	testkit.NoError(t, l.Close())
	dir := t.TempDir()
	testkit.NoError(t, os.Chmod(dir, 0o755))
	config := fmt.Sprintf(`daemon off;
error_log stderr error;
pid %[1]s/pid;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  proxy_cache_path %[1]s/cache keys_zone=shop:1m;
  server {
    listen %[2]s;
    location / {
      proxy_pass %[3]s;
      proxy_cache shop;
      add_header X-Cache $upstream_cache_status;
    }
  }
}
`, dir, addr, target)
	if os.Geteuid() == 0 {
		config = "user root;\n" + config
	}
	path := filepath.Join(dir, "nginx.conf")
	testkit.NoError(t, os.WriteFile(path, []byte(config), 0o600))
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), nginx, "-p", dir, "-c", path)
	cmd.Stderr = t.Output()
	testkit.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	url := "http://" + addr
	testkit.Eventually(t, "nginx", func() bool {
		resp, err := http.Get(url + "/v1/regions")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	return url
}
