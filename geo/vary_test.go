package geo

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEdge_VariesByWhatACacheSees(t *testing.T) {
	const public = "public, max-age=60"
	for _, test := range []struct {
		name           string
		country        string // of the CDN
		vary           []string
		wantVary, want string
	}{
		{"found by the CDN's header", "DE", []string{"Accept-Language, X-Meridian-Country"}, "Accept-Language, Cf-Ipcountry", public},
		{"several lines become one", "DE", []string{"Accept-Encoding", "accept-language, x-meridian-country", "Accept-Encoding"},
			"Accept-Encoding, Accept-Language, Cf-Ipcountry", public},
		{"found by the address", "", []string{"Accept-Language, X-Meridian-Country"}, "Accept-Language, Cf-Ipcountry", "private, max-age=60"},
		{"a header that says nothing", "XX", []string{"X-Meridian-Country"}, "Cf-Ipcountry", "private, max-age=60"},
		{"the country does not count", "", []string{"Accept-Language"}, "Accept-Language", public},
		{"nothing counts", "", nil, "", public},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, nil)
			for _, p := range w.pods {
				p.set(func(w http.ResponseWriter, _ *http.Request) {
					w.Header()["Vary"] = test.vary
					w.Header().Set("Cache-Control", public)
				})
			}
			var headers []string
			if test.country != "" {
				headers = []string{"CF-IPCountry", test.country}
			}
			resp := w.send("GET", "/v1/products", nil, headers...)
			got := [2]string{resp.Header.Get("Vary"), resp.Header.Get("Cache-Control")}
			if diff := cmp.Diff([2]string{test.wantVary, test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
