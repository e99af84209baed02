package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"strconv"
	"time"

	"meridian/internal/database"
	"meridian/regions"
)

// A problemType is a kind of error answer: what clients may rely on, and which errors of the domains it stands for.
type problemType struct {
	// code is stable: clients decide by it. A Problem names it.
	code string
	// status is the HTTP status.
	status int
	// title says what happened, the same for every occurrence.
	title string
	// detail says what to do, where the error itself does not bring a detail. It may be empty.
	detail string
	// err is the error of a domain that is answered so, compared with errors.Is.
	err error
	// match recognises errors that carry data or come in several forms; nil where err is enough.
	match func(error) bool
	// fill adds what the error carries (which SKU, how many are left) to the answer; it may be nil.
	fill func(err error, p *Problem)
	// retryAfter tells the client when to come back; 0 says nothing.
	retryAfter time.Duration
}

// problemTypes is the one table of what can go wrong: every code the API answers with, and the error of a domain that
// leads to it. The first row that matches wins. A row without err and match is only reached by a Problem that names
// its code. Rows stand under the resource they belong to; the page at /docs lists them all.
var problemTypes = []problemType{
	// Every route.
	{code: "bad_request", status: http.StatusBadRequest, title: "The request is not valid"},
	{code: "bad_id", status: http.StatusBadRequest, title: "An id is malformed", err: regions.ErrBadID,
		detail: "Send ids exactly as the API gave them."},
	{code: "bad_cursor", status: http.StatusBadRequest, title: "The cursor is not valid",
		detail: "Send the next_cursor of the page before, unchanged, or start again without one."},
	{code: "idempotency_key_required", status: http.StatusBadRequest, title: "The Idempotency-Key header is missing",
		detail: "Make up a random key for the call and send it again with every repetition."},
	{code: "idempotency_key_invalid", status: http.StatusBadRequest, title: "The Idempotency-Key header is not valid",
		detail: "Use 1 to 128 printable ASCII characters without spaces, such as a UUID."},
	{code: "unauthenticated", status: http.StatusUnauthorized, title: "Sign in first",
		detail: "Send an access token in the header Authorization: Bearer <token>."},
	{code: "invalid_token", status: http.StatusUnauthorized, title: "The access token is not valid", err: ErrInvalidToken,
		detail: "Refresh it, or sign in again."},
	{code: "forbidden", status: http.StatusForbidden, title: "Not allowed"},
	{code: "not_found", status: http.StatusNotFound, title: "Not found"},
	{code: "method_not_allowed", status: http.StatusMethodNotAllowed, title: "Method not allowed"},
	{code: "request_timeout", status: http.StatusRequestTimeout, title: "The request's body came too slowly"},
	{code: "precondition_failed", status: http.StatusPreconditionFailed, title: "It has changed since you read it",
		detail: "Read it again and repeat the change on what it is now."},
	{code: "body_too_large", status: http.StatusRequestEntityTooLarge, title: "The request's body is too large"},
	{code: "unsupported_media_type", status: http.StatusUnsupportedMediaType, title: "The body's type is not supported"},
	{code: "idempotency_key_reused", status: http.StatusUnprocessableEntity, title: "This Idempotency-Key was used for another call",
		detail: "Make up a new key for a new call; repeat a call with exactly the same content."},
	{code: "precondition_required", status: http.StatusPreconditionRequired, title: "The If-Match header is missing",
		detail: "Send the ETag you got when you read it, so that nobody's change is lost."},
	{code: "too_many_requests", status: http.StatusTooManyRequests, title: "Too many requests",
		detail: "Wait as long as Retry-After says."},
	{code: "internal", status: http.StatusInternalServerError, title: "Something went wrong on our side"},
	{code: "outcome_unknown", status: http.StatusServiceUnavailable, title: "It is not known whether this happened",
		err: database.ErrOutcomeUnknown, retryAfter: 2 * time.Second,
		detail: "Repeat the call with the same Idempotency-Key: what happened once does not happen twice."},
	{code: "timed_out", status: http.StatusServiceUnavailable, title: "This took too long",
		err: context.DeadlineExceeded, retryAfter: 2 * time.Second,
		detail: "Repeat the call; with the same Idempotency-Key where the route takes one."},
	{code: "unavailable", status: http.StatusServiceUnavailable, title: "This cannot be served right now",
		match: database.Unavailable, retryAfter: 2 * time.Second,
		detail: "Repeat the call; with the same Idempotency-Key where the route takes one."},
}

// A FieldError says what is wrong with one field or parameter, and how to put it right.
type FieldError struct {
	// Field is where: "lines[0].quantity" in a body, else the name of the parameter or header.
	Field string `json:"field"`
	// Message is the remedy in a few words: "must be 1 or more".
	Message string `json:"message"`
}

// A Problem is an error that is answered as it is: RFC 9457's application/problem+json. Handlers return one where the
// fault is the request's; errors of the domains become one by the table.
type Problem struct {
	// Code names the row of the table; it decides status and title.
	Code string
	// Detail says what happened this time and what to do; empty takes the row's.
	Detail string
	// Errors are the fields that are wrong.
	Errors []FieldError
	// Extra are further members of the answer, such as what is left of a SKU.
	Extra map[string]any
	// RetryAfter is when to come back; 0 takes the row's.
	RetryAfter time.Duration
	// Err is the cause. It is logged, never answered.
	Err error
}

// Error is the problem in one line, for logs.
func (p *Problem) Error() string {
	text := p.Code
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	for _, f := range p.Errors {
		text += fmt.Sprintf("; %s %s", f.Field, f.Message)
	}
	if p.Err != nil {
		text += ": " + p.Err.Error()
	}
	return text
}

// Unwrap is the cause.
func (p *Problem) Unwrap() error { return p.Err }

// BadRequest is the answer to a request that is wrong in itself: what is wrong, and for each field how to fix it.
func BadRequest(detail string, fixes ...FieldError) *Problem {
	return &Problem{Code: "bad_request", Detail: detail, Errors: fixes}
}

// notFound is the answer where there is nothing, or nothing that this caller may see.
func notFound(detail string) *Problem { return &Problem{Code: "not_found", Detail: detail} }

// forbidden is the answer to a caller who is known but may not.
func forbidden(detail string) *Problem { return &Problem{Code: "forbidden", Detail: detail} }

// problemOf finds what to answer to an error.
func problemOf(err error) (*Problem, problemType) {
	var p *Problem
	if errors.As(err, &p) {
		if row, ok := problemTypeOf(p.Code); ok {
			return p, row
		}
	}
	for _, row := range problemTypes {
		if (row.err != nil && errors.Is(err, row.err)) || (row.match != nil && row.match(err)) {
			p := &Problem{Code: row.code, Err: err}
			if row.fill != nil {
				row.fill(err, p)
			}
			return p, row
		}
	}
	row, _ := problemTypeOf("internal")
	return &Problem{Code: row.code, Err: err}, row
}

func problemTypeOf(code string) (problemType, bool) {
	for _, row := range problemTypes {
		if row.code == code {
			return row, true
		}
	}
	return problemType{}, false
}

// statusClientGone is what the access log says where the client left before the answer; nothing is answered.
const statusClientGone = 499

// fail answers an error. It is the only place that does.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	call := callOf(r)
	if errors.Is(call.client.Err(), context.Canceled) {
		call.status = statusClientGone
		return
	}
	p, row := problemOf(err)
	if row.status >= http.StatusInternalServerError {
		s.Log.LogAttrs(r.Context(), slog.LevelError, "request failed",
			slog.String("route", call.route), slog.String("code", row.code), slog.Any("error", err))
	}
	if call.wroteHeader {
		// The answer has begun: cutting the connection is the only way left to say that it is not whole.
		panic(http.ErrAbortHandler)
	}
	writeProblem(w, call, p, row)
}

func writeProblem(w http.ResponseWriter, call *call, p *Problem, row problemType) {
	h := w.Header()
	h.Del("ETag")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "application/problem+json")
	if wait := cmp.Or(p.RetryAfter, row.retryAfter); wait > 0 {
		h.Set("Retry-After", strconv.Itoa(seconds(wait)))
	}
	switch row.status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", challenge(row.code))
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		h.Set("Connection", "close")
	}
	w.WriteHeader(row.status)
	// A failed write means that the client is gone: there is nobody left to tell.
	_, _ = w.Write(marshal(problemBody(call, p, row)))
}

// problemBody is the answer's body. Extra members cannot hide the standard ones.
func problemBody(call *call, p *Problem, row problemType) map[string]any {
	body := maps.Clone(p.Extra)
	if body == nil {
		body = make(map[string]any)
	}
	maps.Copy(body, map[string]any{
		"type":       "/docs#problem-" + row.code,
		"title":      row.title,
		"status":     row.status,
		"code":       row.code,
		"request_id": call.id,
	})
	if detail := cmp.Or(p.Detail, row.detail); detail != "" {
		body["detail"] = detail
	}
	if len(p.Errors) > 0 {
		body["errors"] = p.Errors
	}
	return body
}

// seconds is d in whole seconds, rounded up, as HTTP headers want it.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
