package geo

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"sync"
)

// A problem is an answer of the edge itself, in the API's form of RFC 9457.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	RequestID string `json:"request_id"`

	retry   bool // add Retry-After
	outcome outcome
}

var (
	problemNoRegion = problem{
		Title: "No region can serve this right now", Status: http.StatusServiceUnavailable, Code: "no_region_available",
		Detail: "Repeat the call; with the same Idempotency-Key where the route takes one.",
		retry:  true, outcome: outcomeNoRegion,
	}
	problemOutcomeUnknown = problem{
		Title: "It is not known whether this happened", Status: http.StatusServiceUnavailable, Code: "outcome_unknown",
		Detail:  "Look whether it did before you repeat it. A call with an Idempotency-Key may be repeated with the same key.",
		outcome: outcomeUnknown,
	}
	problemOverloaded = problem{
		Title: "Too much is going on at once", Status: http.StatusServiceUnavailable, Code: "overloaded",
		Detail: "Nothing was done. Repeat the call.", retry: true, outcome: outcomeShed,
	}
	problemNotFound = problem{
		Title: "Not found", Status: http.StatusNotFound, Code: "not_found",
		Detail: "There is nothing at this path. The paths are listed at /docs.", outcome: outcomeServed,
	}
	problemUnreadableBody = problem{
		Title: "The request is not valid", Status: http.StatusBadRequest, Code: "bad_request",
		Detail: "The body ended early or came too slowly. Send it again.", outcome: outcomeClient,
	}
)

// answerError answers when no region did.
func (j *journey) answerError(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case j.body.broken.Load():
		j.refuse(w, r, problemUnreadableBody)
	case r.Context().Err() != nil, errors.Is(err, errOutcomeUnknown):
		p := problemOutcomeUnknown
		if r.Context().Err() != nil {
			p.outcome = outcomeClient // it is gone, or only sends no more and still listens: silence would be a 200
		}
		p.retry = keyed(r)
		j.refuse(w, r, p)
	case errors.Is(err, errOverloaded):
		j.refuse(w, r, problemOverloaded)
	default:
		j.refuse(w, r, problemNoRegion)
	}
}

// refuse writes the problem and records its outcome.
func (j *journey) refuse(w http.ResponseWriter, r *http.Request, p problem) {
	j.outcome = p.outcome
	p.Type, p.RequestID = "/docs#problem-"+p.Code, j.requestID
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set(headerRequestID, j.requestID)
	if p.retry {
		h.Set("Retry-After", strconv.Itoa(retryAfter))
	}
	w.WriteHeader(p.Status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(p)
}

// retryAfter is when a client should try again that nobody could serve, in seconds.
const retryAfter = 5

// An outcome is the result of a request as the metric labels it.
type outcome string

const (
	outcomeServed   outcome = "served"          // a region answered, below 500
	outcomeError    outcome = "error"           // a region answered 500 or more
	outcomeNoRegion outcome = "no_region"       // none answered
	outcomeShed     outcome = "shed"            // the edge, or every region it could ask, had as much as it takes
	outcomeUnknown  outcome = "outcome_unknown" // one may have done it, and did not answer
	outcomeClient   outcome = "client"          // the client went away or sent no proper body
)

// outcomeOf returns the outcome of an answer with this status.
func outcomeOf(status int) outcome {
	if status >= http.StatusInternalServerError {
		return outcomeError
	}
	return outcomeServed
}

// copyBuffers pools the buffers in which answers are copied.
type copyBuffers struct{ pool sync.Pool }

// copyBufferBytes is the size ReverseProxy uses.
const copyBufferBytes = 32 << 10

// Get returns a buffer from the pool.
func (c *copyBuffers) Get() []byte {
	if buffer, ok := c.pool.Get().(*[]byte); ok {
		return *buffer
	}
	return make([]byte, copyBufferBytes)
}

// Put returns a buffer to the pool.
func (c *copyBuffers) Put(buffer []byte) { c.pool.Put(&buffer) }
