package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestMain lets the test binary stand for the programs that the tests start: a cockroach, by the name it is called
// by, and a Meridian that is killed while its PostgreSQL runs.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "cockroach":
		if err := fakeCockroach(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "ERROR:", err)
			os.Exit(1)
		}
	case "doomed-meridian":
		if err := doomedMeridian(os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}
