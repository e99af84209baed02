package chaos

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"meridian/internal/testkit"
	"meridian/regions"
)

// A shop of real processes whose pods and database are killed loses nothing. `meridian chaos` does more of it, for
// longer.
func TestRun(t *testing.T) {
	if testing.Short() {
		t.Skip("it builds the program and starts a dozen processes")
	}
	t.Parallel()
	binary := filepath.Join(t.TempDir(), "meridian")
	args := append([]string{"build", "-o", binary}, append(buildFlags, "meridian/cmd/meridian")...)
	if out, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("build the program: %v\n%s", err, out)
	}
	set := testkit.Must(regions.Shipped())(t)
	scenario := Scenario{Name: "test", About: "pods and the database are killed", calm: 2, faults: []fault{
		(*breaker).killPods, killAt(checkoutSent, paymentAsked, paymentDone), (*breaker).killDatabases,
	}}
	result := testkit.Must(Run(t.Context(), scenario, Config{
		Regions: set, Executable: binary, Seed: 7, Duration: 5 * time.Second, Shoppers: 8, Hurry: true,
		Tell: func(line string) { t.Log(line) },
	}))(t)
	if !result.Clean() {
		t.Errorf("the run found something; its shop is in %s:\n%+v", result.Folder, result)
	}
	if result.Acknowledged == 0 || result.PodKills == 0 || result.DatabaseKills == 0 {
		t.Errorf("%d orders, %d pods and %d databases killed: some of each were wanted",
			result.Acknowledged, result.PodKills, result.DatabaseKills)
	}
}
