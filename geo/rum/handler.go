package rum

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"meridian/geo"
	"meridian/regions"
)

// Path is where measurements are posted to, and figures are read from.
const Path = "/v1/geo/measurements"

// Bounds of a post.
const (
	maxBodyBytes    = 2 << 10
	maxMeasurements = 16
	maxMillis       = 10_000
)

// A Handler serves Path: POST takes what a client measured, GET returns the figures. It takes postsPerSecond of all clients together;
// more are answered 204 and dropped, since a sample is enough and a client's own page has nothing better to do about it.
type Handler struct {
	// Collector takes the measurements.
	Collector *Collector
	// Regions are the regions that may be measured.
	Regions *regions.Set
	// Locate returns where the client of a request is, such as geo.Locator's method. Measurements of clients whose country is
	// not known are dropped.
	Locate func(*http.Request) geo.Location

	once  sync.Once
	posts *rate.Limiter
}

// postsPerSecond is how many posts are taken.
const postsPerSecond = 200

// A post is the body of POST.
type post struct {
	Measurements []measurement `json:"measurements"`
}

// A measurement is a round trip that a client measured: from the request's first byte to the answer's, on a connection that
// was open.
type measurement struct {
	Region    string  `json:"region"`
	RTTMillis float64 `json:"rtt_ms"`
}

// ServeHTTP answers a post with 204, and GET with the figures. A post that is not valid changes nothing.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodPost:
		h.take(w, r)
	case http.MethodGet, http.MethodHead:
		h.show(w, r)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		refuse(w, http.StatusMethodNotAllowed, "method_not_allowed", "Use POST to send measurements and GET to read the figures.")
	}
}

func (h *Handler) take(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		refuse(w, http.StatusBadRequest, "bad_request", "The query is not known: leave it out.")
		return
	}
	// navigator.sendBeacon sends text as text/plain.
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" && kind != "text/plain" {
		refuse(w, http.StatusUnsupportedMediaType, "unsupported_media_type", "Send JSON as application/json or text/plain.")
		return
	}
	body, err := h.decode(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		refuse(w, http.StatusRequestEntityTooLarge, "body_too_large", fmt.Sprintf("Send at most %d bytes.", maxBodyBytes))
		return
	case err != nil:
		refuse(w, http.StatusBadRequest, "bad_request", err.Error())
		return
	}
	h.once.Do(func() { h.posts = rate.NewLimiter(postsPerSecond, postsPerSecond) })
	if from := h.Locate(r); h.posts.Allow() && from.Country != "" && from.Source != geo.FromDefault {
		for _, one := range body.Measurements {
			h.Collector.Add(from.Country, one.Region, from.Addr, time.Duration(one.RTTMillis*float64(time.Millisecond)))
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// decode decodes and checks a post.
func (h *Handler) decode(from io.Reader) (body post, err error) {
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&body); err != nil {
		return body, fmt.Errorf(`the body is not like {"measurements":[{"region":"eu-west","rtt_ms":12.5}]}: %w`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return body, errors.New("behind the body's object there is more: send one object")
	}
	if n := len(body.Measurements); n == 0 || n > maxMeasurements {
		return body, fmt.Errorf("measurements: %d are sent: send 1 to %d", n, maxMeasurements)
	}
	for i, one := range body.Measurements {
		if _, ok := h.Regions.Get(one.Region); !ok {
			return body, fmt.Errorf("measurements[%d].region: it is not one of %v", i, h.Regions.Names())
		}
		if !(one.RTTMillis > 0 && one.RTTMillis <= maxMillis) {
			return body, fmt.Errorf("measurements[%d].rtt_ms: it is not above 0 and up to %d", i, maxMillis)
		}
	}
	return body, nil
}

// A list is the body of GET's answer.
type list struct {
	Figures []Figure `json:"figures"`
}

func (h *Handler) show(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery != "" {
		refuse(w, http.StatusBadRequest, "bad_request", "The query is not known: leave it out.")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=60")
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(list{h.Collector.Figures()})
}

// refuse writes a problem (RFC 9457).
func refuse(w http.ResponseWriter, status int, code, detail string) {
	id := uuid.NewString()
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Request-Id", id)
	w.WriteHeader(status)
	// A failed write means that the client is gone.
	_ = json.NewEncoder(w).Encode(map[string]any{
		"type": "/docs#problem-" + code, "title": http.StatusText(status), "status": status, "code": code, "detail": detail, "request_id": id,
	})
}
