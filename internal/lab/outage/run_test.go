package outage

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"meridian/internal/account"
	"meridian/internal/database/embedded"
	"meridian/internal/testkit"
	"meridian/regions"
)

// TestRun_KillRegion loses a region for some seconds. Longer proofs are meridian chaos world.
func TestRun_KillRegion(t *testing.T) {
	binaries := testkit.Must(embedded.ObtainPostgres(t.Context(), nil))(t)
	if _, err := os.Stat(filepath.Join(filepath.Dir(binaries.Postgres), "pg_basebackup")); err != nil {
		t.Skip("pg_basebackup is not installed")
	}
	dir := testkit.Must(embedded.TempDir("meridian-outage-"))(t)
	t.Cleanup(func() { os.RemoveAll(dir) })
	fault := testkit.Must(Find("kill-region"))(t)[0]
	result := testkit.Must(Run(t.Context(), fault, Config{
		Regions: testkit.Must(regions.Shipped())(t), Dir: dir, Duration: 15 * time.Second,
		Argon2: account.Argon2{MemoryKiB: 64, Passes: 1, Lanes: 1}, Tell: func(line string) { t.Log(line) },
	}))(t)
	if !result.Clean() {
		t.Errorf("%+v", result)
	}
	if result.Told == 0 || result.Before.Requests.Total() == 0 || result.During.Requests.Total() == 0 || result.After.Requests.Total() == 0 {
		t.Errorf("it proves nothing: %+v", result)
	}
	t.Logf("%+v\n%+v", result.Whole.Requests, result.Goals())
}
