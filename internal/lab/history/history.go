package history

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// A Kind is what an operation's key names.
type Kind string

// The kinds.
const (
	Stock Kind = "stock" // the key is a SKU
	Order Kind = "order" // the key is an order's id
	Cart  Kind = "cart"  // the key is a cart's id
	Key   Kind = "key"   // the key is an idempotency key
)

// A Verb is what an operation does.
type Verb string

// The verbs, with what In and Out mean.
const (
	Receive Verb = "receive" // of stock: In units arrive
	Buy     Verb = "buy"     // of stock: In units are ordered; Out is Refused if too few are left, else empty
	Read    Verb = "read"    // Out is the number of units, the order's status or the cart's quantity
	Set     Verb = "set"     // of a cart: In is the quantity
	Cancel  Verb = "cancel"  // of an order: Out is its status, or Refused
	Place   Verb = "place"   // with a key: Out is the order's id
)

// Refused is the outcome of an operation that the shop refused for a reason that its model checks.
const Refused = "refused"

// An Operation is one call and its answer.
type Operation struct {
	Session int
	Kind    Kind
	Key     string
	Verb    Verb
	In      int64
	Out     string
	// Version is that of the row that the answer showed; 0 if it has none.
	Version int64
	// Called and Answered are when, since the recorder began. Lost is true if there was no answer.
	Called, Answered time.Duration
	Lost             bool
}

// A Recorder keeps operations. The zero value begins with its first operation. It is safe for concurrent use.
type Recorder struct {
	mu    sync.Mutex
	began time.Time
	all   []Operation
}

// maxOperations bounds what is kept: checking takes longer than linearly.
const maxOperations = 100_000

// Do makes a call and records it. The call fills in the operation's Out and Version, and reports whether it was answered.
func (r *Recorder) Do(op Operation, call func(*Operation) (answered bool)) {
	op.Called = r.now()
	op.Lost = !call(&op)
	op.Answered = r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) < maxOperations {
		r.all = append(r.all, op)
	}
}

func (r *Recorder) now() time.Duration { return r.At(time.Now()) }

// At returns when a moment was, since the recorder began.
func (r *Recorder) At(moment time.Time) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.began.IsZero() {
		r.began = moment
	}
	return moment.Sub(r.began)
}

// Operations returns what was recorded.
func (r *Recorder) Operations() []Operation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// A Verdict is what came of a check.
type Verdict struct {
	// Operations were checked, of so many keys, and of these so many had no answer.
	Operations int `json:"operations"`
	Keys       int `json:"keys"`
	Lost       int `json:"lost"`
	// Faults say in words what cannot be explained, at most maxFaults.
	Faults []string `json:"faults,omitempty"`
	// Undecided are keys whose check took too long.
	Undecided []string `json:"undecided,omitempty"`
}

// Clean reports whether everything is explained.
func (v Verdict) Clean() bool { return len(v.Faults) == 0 && len(v.Undecided) == 0 }

const (
	maxFaults = 20
	checkFor  = time.Minute // of one key
)

// Check checks all operations.
func Check(all []Operation) Verdict {
	v := Verdict{Operations: len(all)}
	type subject struct {
		kind Kind
		key  string
	}
	by := make(map[subject][]Operation)
	var order []subject
	for _, op := range all {
		s := subject{op.Kind, op.Key}
		if by[s] == nil {
			order = append(order, s)
		}
		by[s] = append(by[s], op)
		if op.Lost {
			v.Lost++
		}
	}
	v.Keys = len(order)
	for _, s := range order {
		v.checkKey(s.kind, s.key, by[s])
	}
	v.checkSessions(all)
	return v
}

func (v *Verdict) fault(format string, args ...any) {
	if len(v.Faults) < maxFaults {
		v.Faults = append(v.Faults, fmt.Sprintf(format, args...))
	}
}

// checkKey checks that the operations on one key are linearizable.
func (v *Verdict) checkKey(kind Kind, key string, ops []Operation) {
	events := make([]porcupine.Operation, len(ops))
	for n, op := range ops {
		events[n] = porcupine.Operation{ClientId: op.Session, Input: op, Call: int64(op.Called), Output: op, Return: int64(op.Answered)}
		if op.Lost {
			events[n].Return = math.MaxInt64
		}
	}
	model := models[kind]
	switch porcupine.CheckOperationsTimeout(model.ToModel(), events, checkFor) {
	case porcupine.Illegal:
		v.fault("%s %s: no order of its %d operations explains what was answered", kind, key, len(ops))
	case porcupine.Unknown:
		v.Undecided = append(v.Undecided, fmt.Sprintf("%s %s (%d operations)", kind, key, len(ops)))
	}
}

// checkSessions checks that the versions that a session sees of a row never go down: what it wrote stays, and what it read, too.
func (v *Verdict) checkSessions(all []Operation) {
	type row struct {
		session int
		kind    Kind
		key     string
	}
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b Operation) int { return int(a.Answered - b.Answered) })
	seen := make(map[row][]Operation)
	for _, op := range sorted {
		if op.Lost || op.Version == 0 {
			continue
		}
		r := row{op.Session, op.Kind, op.Key}
		for _, before := range seen[r] {
			if before.Answered < op.Called && before.Version > op.Version {
				v.fault("session %d saw version %d of %s %s, and later %d", op.Session, before.Version, op.Kind, op.Key, op.Version)
				break
			}
		}
		seen[r] = append(seen[r], op)
	}
}
