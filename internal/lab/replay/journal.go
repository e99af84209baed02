package replay

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// record is one thing that happened, a line of the journal: one of its parts is set.
type record struct {
	Begun      *begun      `json:"begun,omitempty"`
	Stocked    bool        `json:"stocked,omitempty"`
	Registered *registered `json:"registered,omitempty"`
	Filled     *filled     `json:"filled,omitempty"`
	Placed     *placed     `json:"placed,omitempty"`
	Done       *done       `json:"done,omitempty"`
}

// begun is which run it is. A journal is gone on with by the same run only.
type begun struct {
	// Run names the run in every idempotency key.
	Run string `json:"run"`
	// Shop is the operator's account, which no other shop has.
	Shop string `json:"shop"`
	// File is the content's digest, Choice what of it is replayed and how.
	File   string `json:"file"`
	Choice string `json:"choice"`
}

// registered is a customer's new account.
type registered struct {
	Customer string `json:"customer"`
}

// part is one order's share of an invoice, counted from 0.
type part struct {
	Invoice string `json:"invoice"`
	No      int    `json:"no"`
}

// filled is a cart that is about to be ordered.
type filled struct {
	part
	Cart string `json:"cart"`
	// Token opens a guest's.
	Token string `json:"token,omitempty"`
}

// placed is an order. Its goods stand in the order of its lines, the first of which has
// number 1.
type placed struct {
	part
	Customer string  `json:"customer,omitempty"`
	Region   string  `json:"region"`
	Order    string  `json:"order"`
	Goods    []goods `json:"goods"`
}

// done is an invoice that is dealt with.
type done struct {
	Invoice  string `json:"invoice"`
	Kind     kind   `json:"kind"`
	Customer string `json:"customer,omitempty"`
	// Given is what a cancellation gives back, Unmatched its units that no order has.
	Given     []given `json:"given,omitempty"`
	Unmatched int64   `json:"unmatched,omitempty"`
	// Corrected is how many stock rows were corrected.
	Corrected int64 `json:"corrected,omitempty"`
	// Rejected counts, by reason, what the shop refused of it.
	Rejected map[string]int64 `json:"rejected,omitempty"`
}

// reject counts a refusal.
func (d *done) reject(reason string) {
	if d.Rejected == nil {
		d.Rejected = make(map[string]int64)
	}
	d.Rejected[reason]++
}

// journal is the file in which a run notes what happened, so that it can be resumed. It is
// safe for concurrent use.
type journal struct {
	mu      sync.Mutex
	synced  *sync.Cond // told when a flush to disk ended
	file    *os.File
	written int64 // records
	onDisk  int64 // of those, how many survive a loss of power
	syncing bool
}

// openJournal opens the file, makes it if it is not there, and hands out what is in it. A
// last record that was cut off is taken away.
func openJournal(path string, each func(record) error) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	good, err := readJournal(file, each)
	if err == nil {
		err = file.Truncate(good)
	}
	if err == nil {
		_, err = file.Seek(good, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: %w", path, err), file.Close())
	}
	j := &journal{file: file}
	j.synced = sync.NewCond(&j.mu)
	return j, nil
}

// readJournal reads the records and returns how many bytes are whole records.
func readJournal(source io.Reader, each func(record) error) (good int64, err error) {
	reader := bufio.NewReaderSize(source, 64<<10)
	for n := 1; ; n++ {
		text, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil // what has no end was being written when the run was cut off
		}
		if err != nil {
			return good, err
		}
		var r record
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&r); err != nil {
			return good, fmt.Errorf("record %d is damaged: %w", n, err)
		}
		if err := each(r); err != nil {
			return good, err
		}
		good += int64(len(text))
	}
}

// note appends a record. It is then safe from the end of this process, and from a loss of
// power once a later keep returned.
func (j *journal) note(r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(r)
}

// keep appends a record and returns when it is on disk. Those that come together share one
// flush.
func (j *journal) keep(r record) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(r); err != nil {
		return err
	}
	for mine := j.written; j.onDisk < mine; {
		if j.syncing {
			j.synced.Wait()
			continue
		}
		if err := j.flush(); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) write(r record) error {
	text, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the state file: %w", err)
	}
	j.written++
	return nil
}

// flush brings what is written so far to disk, without holding up those who write more.
func (j *journal) flush() error {
	upTo := j.written
	j.syncing = true
	j.mu.Unlock()
	err := j.file.Sync()
	j.mu.Lock()
	j.syncing = false
	j.synced.Broadcast()
	if err != nil {
		return fmt.Errorf("write the state file to disk: %w", err)
	}
	j.onDisk = max(j.onDisk, upTo)
	return nil
}

// close brings everything to disk.
func (j *journal) close() error {
	return errors.Join(j.file.Sync(), j.file.Close())
}
