package bench

import (
	"os"
	"slices"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	// proc_pid_stat(5): the name may hold spaces and brackets.
	const line = "4242 (post (gres) x) S 17 4242 4242 0 -1 4194560 9 9 9 9 100 50 30 20 20 0 1 0 999 1 1"
	got, err := parseStat(4242, line)
	if want := (process{pid: 4242, parent: 17, used: 2 * time.Second}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "1 (x", "1 (x) S 1", "1 (x) S one 4242 4242 0 -1 4194560 9 9 9 9 100 50 30 20"} {
		if p, err := parseStat(1, bad); err == nil {
			t.Errorf("%q is %+v", bad, p)
		}
	}
	all, err := processes()
	if err != nil || !slices.ContainsFunc(all, func(p process) bool { return p.pid == os.Getpid() && p.parent == os.Getppid() }) {
		t.Errorf("%d processes, and this one is not among them: %v", len(all), err)
	}
}
