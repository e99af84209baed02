package local

import (
	"testing"

	"meridian/internal/pod"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestSearchConfig: a region with a Meilisearch of its own uses it with its key, the others have an index in the folder.
func TestSearchConfig(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	urls := map[string]string{"eu-west": "http://127.0.0.1:7700"}
	s := &Shop{config: Config{Regions: set, Dir: "shop", MeiliURLs: urls, MeiliKeys: map[string]string{"eu-west": "key"}},
		paths: paths{meili: urls}}
	for _, region := range set.Names() {
		c := s.searchConfig(region)
		if err := c.Validate(set); err != nil || len(c.Others) != len(set.Names())-1 {
			t.Errorf("%s: %v, %d other indexes", region, err, len(c.Others))
		}
		if served := region == "eu-west"; served != (c.Engine == pod.SearchMeilisearch) || served != (string(c.APIKey) == "key") {
			t.Errorf("%s has %s at %q", region, c.Engine, c.URL)
		}
	}
	s.config.MeiliURLs["mars"] = "http://127.0.0.1:7701"
	if err := s.config.Validate(); err == nil {
		t.Error("a region that there is not has a server")
	}
}
