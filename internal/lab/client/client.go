package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Client is a shop's API at one address. It is safe for concurrent use, and a copy of it
// may be changed: another Base, the same connections.
type Client struct {
	// Base is the address of a region or of the edge, such as http://localhost:8080.
	Base string
	// HTTP makes the calls; NewHTTP makes one that suits many concurrent callers.
	HTTP *http.Client
	// Header is sent with every call, for instance CF-IPCountry to an edge.
	Header http.Header
	// Attempts is how often a call is made at most: again, with the same idempotency key,
	// when it was not answered or the answer was 429 or 5xx. 0 stands for 1.
	Attempts int
	// Observe, if not nil, is told of every attempt.
	Observe func(Attempt)
}

// Attempt is one HTTP exchange.
type Attempt struct {
	Method, Path string
	// Status is 0 where there was no answer.
	Status int
	// Code is the problem's, "" for a success, "no_answer" where there was none.
	Code string
	// Took is the time until the whole answer was read.
	Took time.Duration
	// Bytes is the size of the answer's body.
	Bytes int
	// RoundTrips is how often the server asked its database, as it says in
	// X-Meridian-Round-Trips; -1 if it does not say.
	RoundTrips int
	// Region is the one that answered.
	Region string
}

// By is who makes a call: a customer or an operator by an access token, a guest by the
// token of the cart or order, or, as the zero value, anybody.
type By struct{ AccessToken, GuestToken string }

// ProblemError is an answer that is not a success.
type ProblemError struct {
	Status int
	// Code is the problem's stable code; "" where the answer was not a problem document.
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (e *ProblemError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Detail)
}

// CodeOf is the stable code of the problem that err stands for: "no_answer" for an error
// that is none.
func CodeOf(err error) string {
	var problem *ProblemError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &problem) && problem.Code != "":
		return problem.Code
	case errors.As(err, &problem):
		return "http_" + strconv.Itoa(problem.Status)
	}
	return "no_answer"
}

// NewHTTP makes connections for that many concurrent callers of one server.
func NewHTTP(callers int) *http.Client {
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
			MaxIdleConns:        0, // no limit over all servers
			MaxIdleConnsPerHost: callers,
			IdleConnTimeout:     time.Minute,
		},
	}
}

// maxAnswer bounds the body that is read, in bytes.
const maxAnswer = 16 << 20

// NewKey makes an idempotency key.
func NewKey() string { return rand.Text() }

// Do makes one call: body is sent as JSON and the answer read into into; either may be
// nil. An empty key is made up, for every method but GET. The error is a *ProblemError if
// the shop refused, else that of the last attempt.
func (c *Client) Do(ctx context.Context, method, path string, by By, key string, body, into any) error {
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode %s %s: %w", method, path, err)
		}
	}
	if key == "" && method != http.MethodGet {
		key = NewKey()
	}
	for attempt := 1; ; attempt++ {
		answer, err := c.attempt(ctx, method, path, by, key, text)
		if err == nil {
			return decode(answer, into)
		}
		if attempt >= c.Attempts || !worthRepeating(err) || !pause(ctx, attempt) {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
}

func (c *Client) attempt(ctx context.Context, method, path string, by By, key string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.Base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	c.setHeaders(request, by, key)
	seen := Attempt{Method: method, Path: path, RoundTrips: -1, Code: "no_answer"}
	started := time.Now()
	answer, err := c.exchange(request, &seen)
	seen.Took = time.Since(started)
	if c.Observe != nil {
		c.Observe(seen)
	}
	return answer, err
}

func (c *Client) setHeaders(request *http.Request, by By, key string) {
	for name, values := range c.Header {
		request.Header[name] = values
	}
	if request.ContentLength > 0 {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	if by.AccessToken != "" {
		request.Header.Set("Authorization", "Bearer "+by.AccessToken)
	}
	if by.GuestToken != "" {
		request.Header.Set("Meridian-Guest-Token", by.GuestToken)
	}
}

func (c *Client) exchange(request *http.Request, seen *Attempt) ([]byte, error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	seen.Status, seen.Code, seen.Bytes = response.StatusCode, "", len(answer)
	seen.Region = response.Header.Get("X-Meridian-Region")
	if trips, err := strconv.Atoi(response.Header.Get("X-Meridian-Round-Trips")); err == nil {
		seen.RoundTrips = trips
	}
	if response.StatusCode/100 == 2 {
		return answer, nil
	}
	problem := &ProblemError{Status: response.StatusCode}
	_ = json.Unmarshal(answer, problem) // a proxy's answer may be anything: the status tells
	seen.Code = CodeOf(problem)
	return nil, problem
}

func decode(answer []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// worthRepeating is true of what another attempt may get over.
func worthRepeating(err error) bool {
	var problem *ProblemError
	if errors.As(err, &problem) {
		return problem.Status >= 500 || problem.Status == http.StatusTooManyRequests
	}
	return true
}

// pause waits before the next attempt, 50 ms doubled up to 2 s, and reports whether ctx
// still lives.
func pause(ctx context.Context, attempt int) bool {
	timer := time.NewTimer(min(50*time.Millisecond<<min(attempt-1, 6), 2*time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
