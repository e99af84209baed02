package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client calls a shop's API. It is safe for concurrent use. A copy may be changed, to another
// Base for instance, and shares the connections.
type Client struct {
	// Base is the address of a region or of the edge, such as http://localhost:8080.
	Base string
	// Route, if not nil, chooses the address of each attempt in place of Base.
	Route func(method, path string) (base string)
	// HTTP makes the calls; NewHTTP returns one that suits many concurrent callers.
	HTTP *http.Client
	// Header is sent with every call, for instance CF-IPCountry to an edge.
	Header http.Header
	// Attempts bounds how often a call is made: it is repeated with the same idempotency key
	// while the error is not Final. 0 stands for 1; UntilDone sets no bound but the context.
	Attempts int
	// Pause returns the time to wait after so many attempts. The default is 50 ms, doubled up
	// to 2 s.
	Pause func(attempts int) time.Duration
	// Observe, if not nil, is called after every attempt. It must be safe for concurrent use
	// where the client is.
	Observe func(Attempt)
}

// UntilDone, as Client.Attempts, repeats a call until it is answered or its context ends.
const UntilDone = math.MaxInt

// Attempt describes one HTTP exchange.
type Attempt struct {
	Method, Path string
	// Number counts the attempts of a call from 1.
	Number int
	// Status is 0 if there was no answer.
	Status int
	// Code is the problem's: "" for a success, "no_answer" if there was none.
	Code string
	// Final reports whether the answer ends the call, whatever Attempts allows.
	Final bool
	// Took is the time until the whole answer was read.
	Took time.Duration
	// Bytes is the size of the answer's body.
	Bytes int
	// RoundTrips is the number of the server's database round trips, by its header
	// X-Meridian-Round-Trips; -1 if that is missing.
	RoundTrips int
	// Region is the one that answered.
	Region string
}

// Route returns the method and path of the attempt, with {id} in place of identifiers.
func (a Attempt) Route() string {
	path, _, _ := strings.Cut(a.Path, "?")
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if strings.Contains(s, "_") || i > 0 && slices.Contains(collections, segments[i-1]) {
			_, method, custom := strings.Cut(s, ":")
			if segments[i] = "{id}"; custom {
				segments[i] += ":" + method
			}
		}
	}
	return a.Method + " " + strings.Join(segments, "/")
}

// collections are path segments whose next segment identifies a member without an underscore.
var collections = []string{"products", "skus"}

// By authorises a call: a customer or operator by an access token, a guest by the token of the
// cart or order. The zero value is anybody.
type By struct{ AccessToken, GuestToken string }

// ProblemError is returned for an answer that is not a success.
type ProblemError struct {
	Status int
	// Code is the problem's stable code; "" where the answer was not a problem document.
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (e *ProblemError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.Status, e.Code, e.Detail)
}

// CodeOf returns the stable code of the problem in err: "" for nil, "no_answer" for an error
// that is not an answer.
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

// NewHTTP returns an HTTP client that keeps connections for so many concurrent callers of one
// server.
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

// maxAnswer bounds the size of an answer, in bytes.
const maxAnswer = 16 << 20

// NewKey returns a random idempotency key.
func NewKey() string { return rand.Text() }

// Do makes one call: it sends body as JSON and decodes the answer into into; either may be
// nil. An empty key is replaced by a random one, for every method but GET. Do returns a
// *ProblemError if the shop refused, else the error of the last attempt.
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
	for number := 1; ; number++ {
		answer, err := c.attempt(ctx, Attempt{Method: method, Path: path, Number: number}, by, key, text)
		if err == nil {
			return decode(answer, into)
		}
		if number >= c.Attempts || Final(err) || !Sleep(ctx, c.pause(number)) {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
}

func (c *Client) attempt(ctx context.Context, a Attempt, by By, key string, body []byte) ([]byte, error) {
	base := c.Base
	if c.Route != nil {
		base = c.Route(a.Method, a.Path)
	}
	request, err := http.NewRequestWithContext(ctx, a.Method, base+a.Path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	c.setHeaders(request, by, key)
	a.RoundTrips, a.Code = -1, "no_answer"
	started := time.Now()
	answer, err := c.exchange(request, &a)
	a.Took, a.Final = time.Since(started), err == nil || Final(err)
	if c.Observe != nil {
		c.Observe(a)
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

func (c *Client) exchange(request *http.Request, a *Attempt) ([]byte, error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	a.Status, a.Code, a.Bytes = response.StatusCode, "", len(answer)
	a.Region = response.Header.Get("X-Meridian-Region")
	if trips, err := strconv.Atoi(response.Header.Get("X-Meridian-Round-Trips")); err == nil {
		a.RoundTrips = trips
	}
	if response.StatusCode/100 == 2 {
		return answer, nil
	}
	problem := &ProblemError{Status: response.StatusCode}
	_ = json.Unmarshal(answer, problem) // a proxy's answer may be anything: the status tells
	a.Code = CodeOf(problem)
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

// Final reports whether another attempt would meet the same refusal: err is an answer other
// than 408, 429 and 5xx.
func Final(err error) bool {
	var problem *ProblemError
	return errors.As(err, &problem) && problem.Status < 500 &&
		problem.Status != http.StatusTooManyRequests && problem.Status != http.StatusRequestTimeout
}

func (c *Client) pause(attempts int) time.Duration {
	if c.Pause != nil {
		return c.Pause(attempts)
	}
	return min(50*time.Millisecond<<min(attempts-1, 6), 2*time.Second)
}

// Sleep waits for d and reports whether ctx still lives.
func Sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}

// Poll calls done every so often until it returns true or an error. When ctx ends, it calls
// done once more and then returns the context's error.
func Poll(ctx context.Context, every time.Duration, done func() (bool, error)) error {
	for {
		last := ctx.Err()
		if ok, err := done(); ok || err != nil {
			return err
		}
		if last != nil {
			return last
		}
		Sleep(ctx, every)
	}
}
