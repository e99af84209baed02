package outage

import (
	"strings"
	"sync"
	"time"

	"meridian/internal/lab/client"
	"meridian/internal/lab/shopper"
)

// outcome is what became of a request.
type outcome int

const (
	served  outcome = iota
	refused         // as it should be: what is sold out is not sold
	failed          // a 5xx, no answer, or a refusal that has no reason
)

// kind is what a request was for.
type kind int

const (
	read     kind = iota
	change        // of a cart
	checkout      // an order is placed
)

// request is one that was made and is over.
type request struct {
	edge    string // the region whose edge was asked
	kind    kind
	outcome outcome
	code    string        // of a refusal
	route   string        // method and path
	ended   time.Duration // since the shoppers began
	took    time.Duration
}

// record collects requests.
type record struct {
	began time.Time

	mu  sync.Mutex
	all []request
}

// begin forgets what was before, and starts the clock. No request may be under way.
func (r *record) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began, r.all = time.Now(), nil
}

// observer returns what notes the requests that are made of an edge.
func (r *record) observer(edge string) func(client.Attempt) {
	return func(a client.Attempt) {
		made := describe(a)
		made.edge, made.ended = edge, time.Since(r.began)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.all = append(r.all, made)
	}
}

func describe(a client.Attempt) request {
	made := request{route: a.Route(), code: a.Code, took: a.Took, kind: change, outcome: failed}
	switch {
	case strings.HasPrefix(made.route, "GET "):
		made.kind = read
	case made.route == "POST /v1/orders":
		made.kind = checkout
	}
	switch {
	case a.Code == "":
		made.outcome = served
	case a.Code == shopper.CodeSoldOut:
		made.outcome = refused
	}
	return made
}

// taken returns the requests so far.
func (r *record) taken() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[:len(r.all):len(r.all)]
}
