package searching_test

import (
	"testing"
	"time"

	"meridian/internal/account"
	"meridian/internal/lab/chaos/searching"
	"meridian/regions"
)

// TestRun breaks a search for a few seconds. Longer proofs are meridian chaos search.
func TestRun(t *testing.T) {
	set, err := regions.Shipped()
	if err != nil {
		t.Fatal(err)
	}
	result, err := searching.Run(t.Context(), searching.Config{
		Regions: set, Dir: t.TempDir(), Seed: 5, Duration: 8 * time.Second, Edits: 20, Shoppers: 3, CatchUp: 5 * time.Minute,
		Argon2: account.Argon2{MemoryKiB: 8, Passes: 1, Lanes: 1}, Tell: func(line string) { t.Log(line) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if !result.Clean() {
		t.Errorf("%+v", result)
	}
	if len(result.Faults) == 0 || len(result.Edits) == 0 || result.Searches["own"] == 0 {
		t.Errorf("it proves nothing: %+v", result)
	}
}
