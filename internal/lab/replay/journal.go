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

// record is a line of the journal: one thing that happened. One of its parts is set.
type record struct {
	Begun      *begun      `json:"begun,omitempty"`
	Stocked    *Stocked    `json:"stocked,omitempty"`
	Registered *registered `json:"registered,omitempty"`
	Filled     *filled     `json:"filled,omitempty"`
	Placed     *placed     `json:"placed,omitempty"`
	Done       *done       `json:"done,omitempty"`
}

// begun identifies a run. A journal can be continued by the same run only.
type begun struct {
	// Run names the run in every idempotency key.
	Run string `json:"run"`
	// Shop is the operator's account, which no other shop has.
	Shop string `json:"shop"`
	// File is the digest of the content, Choice what of it is replayed and how.
	File   string `json:"file"`
	Choice string `json:"choice"`
}

// registered records a customer's new account.
type registered struct {
	Customer string `json:"customer"`
}

// part identifies one order of an invoice, counted from 0.
type part struct {
	Invoice string `json:"invoice"`
	No      int    `json:"no"`
}

// filled records a cart that is about to be ordered.
type filled struct {
	part
	Cart string `json:"cart"`
	// Token opens a guest's.
	Token string `json:"token,omitempty"`
}

// placed records an order. Its goods stand in the order of its lines, the first of which has number 1.
type placed struct {
	part
	Customer string  `json:"customer,omitempty"`
	Region   string  `json:"region"`
	Order    string  `json:"order"`
	Goods    []goods `json:"goods"`
}

// done records an invoice that is dealt with.
type done struct {
	Invoice  string `json:"invoice"`
	Kind     kind   `json:"kind"`
	Customer string `json:"customer,omitempty"`
	// Given lists what a cancellation gives back; Unmatched counts its units that no order has.
	Given     []given `json:"given,omitempty"`
	Unmatched int64   `json:"unmatched,omitempty"`
	// Corrected is how many stock rows were corrected.
	Corrected int64 `json:"corrected,omitempty"`
	// Rejected counts, by reason, what the shop refused of it.
	Rejected map[string]int64 `json:"rejected,omitempty"`
}

// customer returns whom the record is about, "" for nobody.
func (r record) customer() string {
	switch {
	case r.Registered != nil:
		return r.Registered.Customer
	case r.Placed != nil:
		return r.Placed.Customer
	case r.Done != nil:
		return r.Done.Customer
	}
	return ""
}

// reject counts a refusal.
func (d *done) reject(reason string) {
	if d.Rejected == nil {
		d.Rejected = make(map[string]int64)
	}
	d.Rejected[reason]++
}

// journal is the file in which a run notes what happened, so that it can be resumed. It is safe for concurrent use.
type journal struct {
	file *os.File

	mu      sync.Mutex
	written int64 // records

	disk   sync.Mutex // held while the file is flushed to disk
	onDisk int64      // records that survive a loss of power
}

// openJournal opens the file, creates it if it is missing, and calls each with every record in it. It removes a last
// record that was cut off.
func openJournal(path string, each func(record)) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the state file: %w", err)
	}
	good, err := readJournal(file, each)
	if err == nil {
		err = file.Truncate(good)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("state file %s: %w", path, err), file.Close())
	}
	return &journal{file: file}, nil
}

// readJournal reads the records and returns how many bytes are whole records. It fails for a record that is damaged.
func readJournal(source io.Reader, each func(record)) (good int64, err error) {
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
		each(r)
		good += int64(len(text))
	}
}

// note appends a record and returns its number. The record survives the end of this process, and a loss of power once a
// later keep returned.
func (j *journal) note(r record) (number int64, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text, err := json.Marshal(r)
	if err == nil {
		_, err = j.file.Write(append(text, '\n'))
	}
	if err != nil {
		return 0, fmt.Errorf("write the state file: %w", err)
	}
	j.written++
	return j.written, nil
}

// keep appends a record and returns when it is on disk. Those that come while one flush runs share the next.
func (j *journal) keep(r record) error {
	mine, err := j.note(r)
	if err != nil {
		return err
	}
	j.disk.Lock()
	defer j.disk.Unlock()
	if j.onDisk >= mine {
		return nil
	}
	j.mu.Lock()
	written := j.written
	j.mu.Unlock()
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("write the state file to disk: %w", err)
	}
	j.onDisk = written
	return nil
}

// close brings everything to disk.
func (j *journal) close() error {
	return errors.Join(j.file.Sync(), j.file.Close())
}
