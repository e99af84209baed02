package embedded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meridian/internal/testkit"
)

func TestSettle(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives folders away")
	}
	a := testkit.Must(serverAccount(t.TempDir()))(t)
	closed := folder(t) // mode 0700, root's
	t.Run("out of reach", func(t *testing.T) {
		dir := filepath.Join(closed, "made", "by", "settle")
		place := testkit.Must(settle(dir, a))(t)
		t.Cleanup(func() { os.RemoveAll(place) })
		if !strings.HasPrefix(place, sharedDataRoot) || !a.reaches(place) {
			t.Errorf("settled in %s, which %s cannot reach", place, a.name)
		}
		again := testkit.Must(settle(dir, a))(t)
		if again != place {
			t.Errorf("the second time settled in %s, not in %s", again, place)
		}
	})
	t.Run("out of reach and in use", func(t *testing.T) {
		dir := filepath.Join(closed, "full")
		testkit.NoError(t, os.MkdirAll(filepath.Join(dir, dataFolder), 0o700))
		_, err := settle(dir, a)
		wantLine(t, err, dir, "cannot reach", "chmod o+x")
	})
	t.Run("link whose target was deleted", func(t *testing.T) {
		dir := filepath.Join(closed, "link")
		place := testkit.Must(settle(dir, a))(t)
		t.Cleanup(func() { os.RemoveAll(place) })
		testkit.NoError(t, os.RemoveAll(place))
		testkit.Must(settle(dir, a))(t)
		if _, err := os.Stat(place); err != nil {
			t.Error(err)
		}
	})
}

func TestStartPostgres_OutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's folders are out of the server's reach")
	}
	dir := filepath.Join(folder(t), ".meridian", "postgres")
	p := start(t, PostgresConfig{Dir: dir})
	t.Cleanup(func() { os.RemoveAll(p.Dir()) })
	stop(t, p)
	again := start(t, PostgresConfig{Dir: dir})
	if again.Dir() != p.Dir() {
		t.Errorf("the second start is on %s, the first was on %s", again.Dir(), p.Dir())
	}
}
