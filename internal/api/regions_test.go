package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"meridian/internal/testkit"
)

func TestListRegions(t *testing.T) {
	s := newTestServer(t)
	h := validated(t, s.Handler())
	w := ask(h, "GET", "/v1/regions", "")
	var got regionsResponse
	testkit.NoError(t, json.Unmarshal(w.Body.Bytes(), &got))
	var names []string
	for _, r := range got.Regions {
		names = append(names, r.Name)
	}
	if w.Code != http.StatusOK || got.Here != "eu-west" || !slices.Equal(names, s.Regions.Names()) {
		t.Errorf("answered %d from %q: %v", w.Code, got.Here, names)
	}
	wantTrips(t, w, 0)
	if cache := w.Header().Get("Cache-Control"); cache != "public, max-age=300, stale-while-revalidate=300" {
		t.Errorf("Cache-Control %q", cache)
	}
	again := ask(h, "GET", "/v1/regions", "", "If-None-Match", w.Header().Get("ETag"))
	if again.Code != http.StatusNotModified {
		t.Errorf("the same again answered %d", again.Code)
	}
}
