package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// clearPostmaster handles the postmaster.pid of an earlier run. A live server is an error that names it. A file whose
// process is gone is left to PostgreSQL. A file whose number now belongs to another program, as happens after a power
// cut, is removed, because PostgreSQL would take that program for a server.
func clearPostmaster(dir string) error {
	path := filepath.Join(dir, dataFolder, "postmaster.pid")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a running database: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 0 || !alive(pid) {
		return nil
	}
	if !maybePostgres(pid) {
		return os.Remove(path)
	}
	return fmt.Errorf("a PostgreSQL (pid %d) already runs on %s: stop the Meridian that started it, or end it with kill -INT %d", pid, dir,
		pid)
}

func alive(pid int) bool {
	err := syscall.Kill(pid, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// maybePostgres reports whether pid may be a PostgreSQL server. Only Linux tells the program's name without further
// tools.
func maybePostgres(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err != nil || strings.HasPrefix(string(name), "postgres")
}
