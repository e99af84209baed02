package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/google/uuid"
)

// net/http refuses what is no proper HTTP before any handler sees it, as text: a status line, plainHeaders, and the status
// again. translated makes problems of these answers, as all others are.
var (
	plainStart   = []byte("HTTP/1.1 ")
	plainHeaders = []byte("\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n")
)

// refusals are the codes and remedies of net/http's own answers, by status.
var refusals = map[int]struct{ code, detail string }{
	http.StatusBadRequest:                  {"bad_request", "The request is not HTTP as it should be."},
	http.StatusRequestTimeout:              {"request_timeout", "Send the request's headers without pausing."},
	http.StatusExpectationFailed:           {"expectation_failed", "Leave the Expect header out."},
	http.StatusRequestHeaderFieldsTooLarge: {"headers_too_large", "Send fewer or shorter headers, or a shorter URL."},
	http.StatusNotImplemented:              {"not_implemented", "Use the transfer encoding chunked, or none."},
	http.StatusHTTPVersionNotSupported:     {"http_version_not_supported", "Use HTTP/1.1."},
}

// translated returns the problem to be written in place of net/http's own refusal, nil if p is anything else.
func translated(p []byte) []byte {
	line, _, found := bytes.Cut(p, plainHeaders)
	if !found || !bytes.HasPrefix(p, plainStart) || bytes.Contains(line, []byte("\r\n")) || len(line) < len(plainStart)+3 {
		return nil
	}
	status, err := strconv.Atoi(string(line[len(plainStart) : len(plainStart)+3]))
	if err != nil {
		return nil
	}
	refusal, ok := refusals[status]
	if !ok {
		return nil
	}
	return rawProblem(status, http.StatusText(status), refusal.code, refusal.detail, "")
}

// rawProblem returns a whole answer with a problem, after which the connection is closed. headers, each with its line end,
// are added.
func rawProblem(status int, title, code, detail, headers string) []byte {
	id := uuid.NewString()
	body, err := json.Marshal(struct {
		Type      string `json:"type"`
		Title     string `json:"title"`
		Status    int    `json:"status"`
		Code      string `json:"code"`
		Detail    string `json:"detail"`
		RequestID string `json:"request_id"`
	}{"/docs#problem-" + code, title, status, code, detail, id})
	if err != nil {
		panic(fmt.Sprintf("serve: encoding a problem: %v", err)) // of texts and a number
	}
	return fmt.Appendf(nil, "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n"+
		"Cache-Control: no-store\r\nX-Request-Id: %s\r\n%sConnection: close\r\n\r\n%s",
		status, http.StatusText(status), len(body), id, headers, body)
}
