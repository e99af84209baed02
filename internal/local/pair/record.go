package pair

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// The files of a pair in the shop's folder.
const (
	recordFile = "postgres.json"
	lockFile   = "postgres.lock"
)

// record says which server is the primary. It is written before the fact.
type record struct {
	// Generation rises with each promotion.
	Generation int `json:"generation"`
	// Primary is the site of the primary.
	Primary string `json:"primary"`
	// Synchronous says that the standby has every commit that a client has heard of, so that it may be promoted.
	Synchronous bool `json:"synchronous"`
}

// Recorded reports whether a pair has been in the folder, so that its record says where the primary is.
func Recorded(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, recordFile))
	return err == nil
}

// readRecord returns the folder's record, or the first one if there is none.
func readRecord(dir, firstPrimary string) (record, error) {
	text, err := os.ReadFile(filepath.Join(dir, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return record{Generation: 1, Primary: firstPrimary}, nil
	}
	if err != nil {
		return record{}, fmt.Errorf("read where the database's primary is: %w", err)
	}
	var r record
	if err := json.Unmarshal(text, &r); err != nil || r.Generation < 1 || r.Primary == "" {
		return record{}, fmt.Errorf("%s is damaged: it must say which data is the primary's, as in %s",
			filepath.Join(dir, recordFile), `{"generation":1,"primary":"us-east","synchronous":false}`)
	}
	return r, nil
}

// write replaces the folder's record, and returns when that will outlast a power cut.
func (r record) write(dir string) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, recordFile)
	if err := writeSynced(path+".new", append(text, '\n')); err != nil {
		return fmt.Errorf("record where the database's primary is: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("record where the database's primary is: %w", err)
	}
	if err := syncFolder(dir); err != nil {
		return fmt.Errorf("record where the database's primary is: %w", err)
	}
	return nil
}

func writeSynced(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.Write(text); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// lock keeps every other pair away from the folder until the file is closed.
func lock(dir string) (*os.File, error) {
	file, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the database's folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("the database in %s is supervised by another process: stop that first", dir), file.Close())
	}
	return file, nil
}
