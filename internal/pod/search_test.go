package pod

import (
	"strings"
	"testing"

	"meridian/internal/secret"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestSearchConfig_Keys: each region's server is called with its own key.
func TestSearchConfig_Keys(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	c := SearchConfig{
		Engine: SearchMeilisearch, URL: "http://eu:7700", APIKey: secret.Bytes("own"),
		Remotes:    map[string]string{"us-east": "http://use:7700", "us-west": "http://usw:7700"},
		RemoteKeys: map[string]secret.Bytes{"us-east": secret.Bytes("theirs")},
	}
	testkit.NoError(t, c.Validate(set))
	for region, want := range map[string][2]string{"us-east": {"http://use:7700", "theirs"}, "us-west": {"http://usw:7700", "own"}} {
		if got := c.remote(region); got.URL != want[0] || got.APIKey != want[1] {
			t.Errorf("%s is asked at %s with the key %q", region, got.URL, got.APIKey)
		}
	}
	if got := c.own(); got.URL != "http://eu:7700" || got.APIKey != "own" {
		t.Errorf("the region's own server is at %s, with the key %q", got.URL, got.APIKey)
	}
	c.RemoteKeys["ap-southeast"] = secret.Bytes("nobody's")
	err := c.Validate(set)
	if err == nil || !strings.Contains(err.Error(), "MERIDIAN_MEILI_REMOTE_KEYS") || strings.Contains(err.Error(), "nobody's") {
		t.Errorf("a key without a server: %v", err)
	}
}
