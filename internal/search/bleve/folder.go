package bleve

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// A store's folder holds one folder per index, and two small files that name the live and the begun one. They are replaced
// by renaming, so that a crash leaves either the old or the new name.
const (
	lockFile    = "lock"
	liveFile    = "live"
	begunFile   = "begun"
	indexPrefix = "index-"
	asidePrefix = "broken-"
)

// lockFolder locks the folder against other processes until the returned file is closed or the process ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the search index: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("open %s: %w", dir, ErrInUse)
		}
		return nil, fmt.Errorf("lock the search index: %w", err)
	}
	return f, nil
}

// pointer returns the index that a small file names, or "" if there is no file.
func (s *Store) pointer(file string) (string, error) {
	name, err := os.ReadFile(filepath.Join(s.dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read which search index is %s: %w", file, err)
	}
	if !strings.HasPrefix(string(name), indexPrefix) || strings.ContainsAny(string(name), `/\`) {
		return "", nil
	}
	return string(name), nil
}

// point makes a small file name an index. An empty name removes the file.
func (s *Store) point(file, name string) error {
	path := filepath.Join(s.dir, file)
	if name == "" {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("forget the search index that is %s: %w", file, err)
		}
		return nil
	}
	if err := writeSynced(path+".new", name); err != nil {
		return fmt.Errorf("note which search index is %s: %w", file, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("note which search index is %s: %w", file, err)
	}
	return nil
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// setAside renames the folder of an unreadable index, and keeps it for diagnosis until the next one.
func (s *Store) setAside(name string, cause error) {
	s.log.Error("a search index cannot be read: it is begun anew, and what is left of it moved aside", "index", name, "error", cause)
	for _, old := range s.folders(asidePrefix) {
		_ = os.RemoveAll(filepath.Join(s.dir, old))
	}
	err := os.Rename(filepath.Join(s.dir, name), filepath.Join(s.dir, asidePrefix+name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.log.Warn("a broken search index stays where it is", "error", err)
	}
}

// tidy removes the folders of indexes that were replaced or abandoned.
func (s *Store) tidy() {
	live, err := s.pointer(liveFile)
	if err != nil {
		return
	}
	begun, err := s.pointer(begunFile)
	if err != nil {
		return
	}
	for _, name := range s.folders(indexPrefix) {
		if name != live && name != begun {
			if err := os.RemoveAll(filepath.Join(s.dir, name)); err != nil {
				s.log.Warn("an old search index is still there", "error", err)
			}
		}
	}
}

// folders returns the names in the store's folder that have a prefix.
func (s *Store) folders(prefix string) []string {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) {
			names = append(names, entry.Name())
		}
	}
	return names
}
