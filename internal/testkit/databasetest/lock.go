package databasetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// A fileLock is held by one process at a time. The system lets go of it when the process ends, however it ends.
type fileLock struct{ f *os.File }

// lockWait waits for the lock and returns it.
func lockWait(path string) (*fileLock, error) { return lock(path, syscall.LOCK_EX) }

// lockNow returns the lock, or nil when another process, or another caller in this one, holds it.
func lockNow(path string) (*fileLock, error) {
	l, err := lock(path, syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, nil
	}
	return l, err
}

func lock(path string, how int) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{f}, nil
}

func (l *fileLock) release() { l.f.Close() }

// privateFolder returns a folder below the temporary one that all of the user's test processes share and no other
// user can read or prepare.
func privateFolder(name string) (string, error) {
	dir := filepath.Join(os.TempDir(), "meridian-test-"+strconv.Itoa(os.Getuid())+"-"+name)
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make the test server's folder: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return "", fmt.Errorf("look at the test server's folder: %w", err)
	}
	owner := info.Sys().(*syscall.Stat_t).Uid
	if !info.IsDir() || int(owner) != os.Getuid() || info.Mode().Perm() != 0o700 {
		return "", fmt.Errorf("%s belongs to somebody else: remove it", dir)
	}
	return dir, nil
}
