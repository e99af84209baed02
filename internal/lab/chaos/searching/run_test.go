package searching_test

import (
	"testing"
	"time"

	"meridian/internal/account"
	"meridian/internal/lab/chaos/searching"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestRun breaks a search for a few seconds. Longer proofs are meridian chaos search.
func TestRun(t *testing.T) {
	set := testkit.Must(regions.Shipped())(t)
	result := testkit.Must(searching.Run(t.Context(), searching.Config{
		Regions: set, Dir: t.TempDir(), Seed: 5, Duration: 8 * time.Second, Edits: 20, Shoppers: 3, CatchUp: 5 * time.Minute,
		Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1}, Tell: func(line string) { t.Log(line) },
	}))(t)
	if !result.Clean() {
		t.Errorf("%+v", result)
	}
	if len(result.Faults) == 0 || len(result.Edits) == 0 || result.Searches["own"] == 0 {
		t.Errorf("it proves nothing: %+v", result)
	}
}
