package indexer

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"meridian/internal/search"
)

// memory is a search.Store that holds everything in memory, and fails as it is told.
type memory struct {
	mu    sync.Mutex
	live  *memoryIndex
	begun *memoryIndex
	// fault, if not nil, is asked before each call; after, after each write has happened: an answer that was lost.
	fault, after func(call string) error
	// refuse says which documents are refused; named, whether the answer says which they are.
	refuse func(d search.Document) bool
	named  bool
	// puts counts the documents written.
	puts int
}

type memoryIndex struct {
	documents map[uuid.UUID]search.Document
	positions map[string]string
}

func newMemory() *memory { return &memory{live: newMemoryIndex()} }

func newMemoryIndex() *memoryIndex {
	return &memoryIndex{documents: make(map[uuid.UUID]search.Document), positions: make(map[string]string)}
}

// wipe empties the live index.
func (m *memory) wipe() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live = newMemoryIndex()
}

// documents are those of the live index.
func (m *memory) documents() map[uuid.UUID]search.Document {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.live.documents)
}

// written is how many documents were written so far.
func (m *memory) written() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts
}

// fail has calls fail, or with nil not.
func (m *memory) fail(fault, after func(call string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault, m.after = fault, after
}

func (m *memory) Kind() string       { return "memory" }
func (m *memory) Close() error       { return nil }
func (m *memory) Live() search.Index { return memoryHandle{m, func() *memoryIndex { return m.live }} }

// call is one call of the store, with the faults it is told to have.
func (m *memory) call(name string, do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		if err := m.fault(name); err != nil {
			return err
		}
	}
	if err := do(); err != nil || m.after == nil {
		return err
	}
	return m.after(name)
}

func (m *memory) Begin(context.Context) (index search.Index, err error) {
	err = m.call("begin", func() error {
		m.begun = newMemoryIndex()
		index = m.handle(m.begun)
		return nil
	})
	return index, err
}

func (m *memory) Resume(context.Context) (index search.Index, err error) {
	err = m.call("resume", func() error {
		if m.begun == nil {
			return search.ErrNotBegun
		}
		index = m.handle(m.begun)
		return nil
	})
	return index, err
}

func (m *memory) handle(index *memoryIndex) search.Index {
	return memoryHandle{m, func() *memoryIndex { return index }}
}

func (m *memory) Swap(context.Context) error {
	return m.call("swap", func() error {
		if m.begun == nil {
			return search.ErrNotBegun
		}
		m.live, m.begun = m.begun, nil
		return nil
	})
}

type memoryHandle struct {
	*memory
	index func() *memoryIndex
}

func (h memoryHandle) Search(context.Context, search.Query) (search.Result, error) {
	return search.Result{}, fmt.Errorf("%w: nobody searches here", search.ErrUnavailable)
}

func (h memoryHandle) Apply(_ context.Context, c search.Changes) error {
	return h.call("apply", func() error {
		var refused []uuid.UUID
		for _, d := range c.Put {
			if h.refuse != nil && h.refuse(d) {
				refused = append(refused, d.ID)
			}
		}
		if len(refused) > 0 {
			if !h.named {
				refused = nil
			}
			return &search.RejectedError{IDs: refused, Reason: "it is poisoned"}
		}
		for _, d := range c.Put {
			h.index().documents[d.ID] = d
			h.puts++
		}
		for _, id := range c.Delete {
			delete(h.index().documents, id)
		}
		maps.Copy(h.index().positions, c.Positions)
		return nil
	})
}

func (h memoryHandle) State(context.Context) (s search.State, err error) {
	err = h.call("state", func() error {
		s = search.State{Documents: len(h.index().documents), Positions: maps.Clone(h.index().positions)}
		return nil
	})
	return s, err
}

func (h memoryHandle) Entries(_ context.Context, after uuid.UUID, limit int) (entries []search.Entry, err error) {
	err = h.call("entries", func() error {
		for _, d := range h.index().documents {
			if bytes.Compare(d.ID[:], after[:]) > 0 {
				entries = append(entries, search.Entry{ID: d.ID, Version: d.Version, Fingerprint: d.Fingerprint()})
			}
		}
		slices.SortFunc(entries, func(a, b search.Entry) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		entries = entries[:min(len(entries), limit)]
		return nil
	})
	return entries, err
}

func (h memoryHandle) Due(_ context.Context, at time.Time, limit int) (due []uuid.UUID, err error) {
	err = h.call("due", func() error {
		for _, d := range h.index().documents {
			if !d.GoodUntil.After(at) && len(due) < limit {
				due = append(due, d.ID)
			}
		}
		return nil
	})
	return due, err
}
