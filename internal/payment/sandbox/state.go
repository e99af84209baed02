package sandbox

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meridian/internal/money"
	"meridian/internal/payment"
)

// paymentState is all the sandbox remembers of a payment. It is never changed in place: a change makes a copy and
// records that.
type paymentState struct {
	ID           string         `json:"id"`
	OrderID      string         `json:"order_id"`
	Reference    string         `json:"reference"`
	Content      string         `json:"content"` // hash of the request, to know it again
	Method       string         `json:"method"`
	Status       payment.Status `json:"status"`
	FailureCode  string         `json:"failure_code,omitempty"`
	ClientSecret string         `json:"client_secret,omitempty"`
	Amount       amountJSON     `json:"amount"`
	Captured     int64          `json:"captured,omitempty"` // minor units
	Refunds      []refundState  `json:"refunds,omitempty"`
	CreatedAt    time.Time      `json:"created_at"`
	DueAt        time.Time      `json:"due_at,omitzero"` // when it moves on by itself; zero for never
}

// refundState is all the sandbox remembers of a refund, inside its payment.
type refundState struct {
	ID          string               `json:"id"`
	Reference   string               `json:"reference"`
	Status      payment.RefundStatus `json:"status"`
	FailureCode string               `json:"failure_code,omitempty"`
	Minor       int64                `json:"minor"`
	ByHand      bool                 `json:"by_hand,omitempty"` // made here, not by the shop: ID is the Reference
	CreatedAt   time.Time            `json:"created_at"`
	DueAt       time.Time            `json:"due_at,omitzero"`
}

// eventState is a notice that has not been acknowledged yet.
type eventState struct {
	ID        string          `json:"id"`
	PaymentID string          `json:"payment_id"`
	Body      json.RawMessage `json:"body"`
	Copies    int             `json:"copies"`          // still to be delivered
	After     string          `json:"after,omitempty"` // the event to be delivered before
}

// refunded returns the sum of the refunds that have not failed, in minor units.
func (p *paymentState) refunded() int64 {
	var sum int64
	for _, r := range p.Refunds {
		if r.Status != payment.RefundFailed {
			sum += r.Minor // each is at most what was left, so the sum stays within Captured
		}
	}
	return sum
}

// settled reports whether nothing more will happen to the payment by itself.
func (p *paymentState) settled() bool {
	return p.Status.Final() && !slices.ContainsFunc(p.Refunds, refundState.pending)
}

// pending reports whether the refund has no final status yet.
func (r refundState) pending() bool { return r.Status == payment.RefundPending }

// refund returns the index of the payment's refund with that id.
func (p *paymentState) refund(id string) (int, bool) {
	i := slices.IndexFunc(p.Refunds, func(r refundState) bool { return r.ID == id })
	return i, i >= 0
}

// json returns the payment as the API shows it.
func (p *paymentState) json() paymentJSON {
	return paymentJSON{
		ID: p.ID, OrderID: p.OrderID, Reference: p.Reference, Status: p.Status, FailureCode: p.FailureCode,
		ClientSecret: p.ClientSecret, Amount: p.Amount, CapturedMinor: p.Captured, RefundedMinor: p.refunded(),
		CreatedAt: p.CreatedAt,
	}
}

// refundJSON returns refund i as the API shows it.
func (p *paymentState) refundJSON(i int) refundJSON {
	r := p.Refunds[i]
	amount := newAmountJSON(money.Amount{Minor: r.Minor, Currency: money.Currency(p.Amount.Currency)})
	id := r.ID
	if r.ByHand {
		id = "" // the shop gave it none
	}
	return refundJSON{
		ID: id, PaymentID: p.ID, Reference: r.Reference, Status: r.Status, FailureCode: r.FailureCode,
		Amount: amount, CreatedAt: r.CreatedAt,
	}
}

// record is one change of the state, a line of the file. Changes that belong together are in one record, so that a
// crash keeps all of them or none.
type record struct {
	Payment *paymentState `json:"payment,omitempty"` // as it is now
	Events  []*eventState `json:"events,omitempty"`  // new, or with fewer copies left
	Done    string        `json:"done,omitempty"`    // the event that needs no more delivery
	Forget  string        `json:"forget,omitempty"`  // the payment to be forgotten
}

// memory holds the whole state.
type memory struct {
	payments map[string]*paymentState
	order    []string                 // ids of payments, the oldest first
	refunds  map[string]string        // refund id → payment id
	events   map[string]*eventState   // not acknowledged yet
	held     map[string][]*eventState // event id → those to be delivered after it
}

func newMemory() *memory {
	return &memory{
		payments: map[string]*paymentState{}, refunds: map[string]string{},
		events: map[string]*eventState{}, held: map[string][]*eventState{},
	}
}

// merge applies a record. A file is loaded by merging its lines.
func (m *memory) merge(r record) {
	if p := r.Payment; p != nil {
		if m.payments[p.ID] == nil {
			m.order = append(m.order, p.ID)
		}
		m.payments[p.ID] = p
		for _, refund := range p.Refunds {
			m.refunds[refund.ID] = p.ID
		}
	}
	for _, e := range r.Events {
		m.events[e.ID] = e
	}
	delete(m.events, r.Done)
	if p := m.payments[r.Forget]; p != nil {
		delete(m.payments, p.ID)
		for _, refund := range p.Refunds {
			delete(m.refunds, refund.ID)
		}
	}
}

// snapshot yields the fewest records that make up the whole state.
func (m *memory) snapshot(yield func(record) bool) {
	for _, id := range m.order {
		if p := m.payments[id]; p != nil && !yield(record{Payment: p}) {
			return
		}
	}
	for _, e := range m.events {
		if !yield(record{Events: []*eventState{e}}) {
			return
		}
	}
}

// size returns the number of records in a snapshot.
func (m *memory) size() int { return len(m.payments) + len(m.events) }

// journal is the state file, to which each record is appended as a line. It is rewritten when most of it is out of
// date. A kill of the process loses nothing that was answered; a power cut may lose the last lines.
type journal struct {
	path  string
	file  *os.File
	size  int64 // bytes of whole lines
	lines int
}

// openJournal reads the file, if there is one, into m and opens it for more.
func openJournal(path string, m *memory) (*journal, error) {
	j := &journal{path: path}
	if err := j.load(m); err != nil {
		return nil, err
	}
	if err := j.rewrite(m); err != nil {
		return nil, err
	}
	return j, nil
}

// load merges all lines into m. It ignores a last line that a crash cut short: that change was never answered.
func (j *journal) load(m *memory) error {
	file, err := os.Open(j.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the sandbox's state file: %w", err)
	}
	defer file.Close()
	lines := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the sandbox's state file: %w", err)
		}
		var r record
		if err := json.Unmarshal(line, &r); err != nil {
			return fmt.Errorf("read the sandbox's state file %s, line %d: %w: move the file away to start afresh", j.path, n, err)
		}
		m.merge(r)
	}
}

// rewrite atomically replaces the file with a snapshot of m, to which later records are appended.
func (j *journal) rewrite(m *memory) (err error) {
	file, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*") // 0600: client secrets are in it
	if err != nil {
		return fmt.Errorf("create the sandbox's state file: %w", err)
	}
	defer func() {
		if err != nil {
			file.Close()
			os.Remove(file.Name())
			err = fmt.Errorf("write the sandbox's state file: %w", err)
		}
	}()
	size, err := writeSnapshot(file, m)
	if err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), j.path); err != nil {
		return err
	}
	if j.file != nil {
		j.file.Close() // nothing is lost with it: all that it held is in the new one
	}
	j.file, j.size, j.lines = file, size, m.size()
	return nil
}

// writeSnapshot writes the records of m and returns the number of bytes.
func writeSnapshot(w io.Writer, m *memory) (size int64, err error) {
	out := bufio.NewWriter(w)
	for r := range m.snapshot {
		line, err := json.Marshal(r)
		if err != nil {
			return 0, err
		}
		n, err := out.Write(append(line, '\n'))
		if err != nil {
			return 0, err
		}
		size += int64(n)
	}
	return size, out.Flush()
}

// append writes one record. If that fails, the file is as it was before.
func (j *journal) append(r record) error {
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(r); err != nil {
		return fmt.Errorf("encode the sandbox's state: %w", err)
	}
	if _, err := j.file.WriteAt(line.Bytes(), j.size); err != nil {
		return fmt.Errorf("write the sandbox's state file: %w", errors.Join(err, j.file.Truncate(j.size)))
	}
	j.size += int64(line.Len())
	j.lines++
	return nil
}

// stale reports whether most of the file is out of date.
func (j *journal) stale(m *memory) bool { return j.lines > 4*m.size()+10_000 }

func (j *journal) close() error { return j.file.Close() }
