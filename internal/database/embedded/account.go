package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// sharedDataRoot holds a server's data when Meridian runs as root from a folder that the server's user cannot reach,
// such as a checkout in /root.
const sharedDataRoot = "/var/lib/meridian"

// account is the operating system user that a server runs as instead of root.
type account struct {
	name     string
	uid, gid uint32
}

// serverAccount returns the user that the server on dir must run as, or nil for the current one. Root gives way to
// the owner of existing data, else to postgres, else to nobody.
func serverAccount(dir string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if info, err := os.Stat(filepath.Join(dir, dataFolder)); err == nil {
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 0 {
			return &account{name: "user " + strconv.Itoa(int(owner.Uid)), uid: owner.Uid, gid: owner.Gid}, nil
		}
	}
	return unprivileged()
}

// unprivileged returns postgres, else nobody, for a server that root starts; nil for another user.
func unprivileged() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &account{name: name, uid: uint32(uid), gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("PostgreSQL refuses to run as root and this machine has neither a user postgres nor nobody: " +
		"add one (useradd --system postgres) or start Meridian as another user")
}

// settle makes dir and gives it to the account. If the account cannot reach dir, the data goes below
// /var/lib/meridian and dir becomes a symbolic link to it. It returns the folder that holds the data.
func settle(dir string, a *account) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	if target, err := os.Readlink(dir); err == nil {
		dir = target
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	if a == nil || a.reaches(dir) {
		return dir, a.makeFolder(dir)
	}
	// Only an empty folder can be replaced by a link: Remove refuses any other.
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("the database's user %s cannot reach %s: move it or allow passage to it (chmod o+x on its parents)", a.name, dir)
	}
	return a.settleElsewhere(dir)
}

// settleElsewhere makes a folder below sharedDataRoot and links dir to it.
func (a *account) settleElsewhere(dir string) (string, error) {
	if err := os.MkdirAll(sharedDataRoot, 0o755); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	place, err := os.MkdirTemp(sharedDataRoot, "postgres-")
	if err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	if err := os.Symlink(place, dir); err != nil {
		return "", fmt.Errorf("link the data folder: %w", err)
	}
	return place, a.makeFolder(place)
}

// makeFolder makes dir, which only the account may read.
func (a *account) makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the data folder: %w", err)
	}
	return a.own(dir)
}

// own gives a file or folder to the account.
func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	if err := os.Chown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to %s: %w", path, a.name, err)
	}
	return nil
}

// reaches reports whether the account may enter all folders above path.
func (a *account) reaches(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil || !a.mayEnter(info) {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
	}
}

func (a *account) mayEnter(folder fs.FileInfo) bool {
	owner := folder.Sys().(*syscall.Stat_t)
	switch {
	case owner.Uid == a.uid:
		return folder.Mode().Perm()&0o100 != 0
	case owner.Gid == a.gid:
		return folder.Mode().Perm()&0o010 != 0
	default:
		return folder.Mode().Perm()&0o001 != 0
	}
}

// credential returns what makes a child process run as the account.
func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}
