package sandbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"sync"
)

// Server is the sandbox: an http.Handler for the root of a host of its own, and a Run that settles payments and sends
// webhooks. Without Run, payments never move.
type Server struct {
	cfg    Config
	apiKey [sha256.Size]byte // hashed, so that a comparison does not reveal its length
	client *http.Client      // sends webhooks
	routes http.Handler

	running sync.WaitGroup // calls of Run
	closing chan struct{}  // closed by Close
	wake    chan struct{}  // holds one token when the queue has changed

	// answering is held for reading from before an answer is sent until what follows from it is queued.
	answering sync.RWMutex

	mu      sync.Mutex // guards what follows
	closed  bool
	memory  *memory
	journal *journal // nil without Config.StateFile
	queue   queue
	pushed  uint64 // jobs queued so far
}

// NewServer checks the configuration and loads the state file if there is one. Once Run is called, what fell due
// meanwhile happens and what was not acknowledged is sent again.
func NewServer(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg:     cfg.withDefaults(),
		apiKey:  sha256.Sum256([]byte(cfg.APIKey)),
		closing: make(chan struct{}),
		wake:    make(chan struct{}, 1),
		memory:  newMemory(),
	}
	s.client = newWebhookClient(s.cfg)
	s.routes = s.newRoutes()
	if cfg.StateFile != "" {
		journal, err := openJournal(cfg.StateFile, s.memory)
		if err != nil {
			return nil, err
		}
		s.journal = journal
		s.resume()
	}
	return s, nil
}

// newRoutes returns the whole surface of the API.
func (s *Server) newRoutes() http.Handler {
	mux := http.NewServeMux()

	// For people, and for tools that want to offer the cards.
	mux.HandleFunc("GET /{$}", s.handle(s.showPage))
	mux.HandleFunc("GET /v1/cards", s.handle(s.listCards))

	// For the shop.
	mux.HandleFunc("POST /v1/payments", s.handle(s.authorised(s.startPayment)))
	mux.HandleFunc("GET /v1/payments", s.handle(s.authorised(s.listPayments)))
	mux.HandleFunc("GET /v1/payments/{id}", s.handle(s.authorised(s.getPayment)))
	mux.HandleFunc("POST /v1/payments/{id}/cancel", s.handle(s.authorised(s.cancelPayment)))
	mux.HandleFunc("POST /v1/refunds", s.handle(s.authorised(s.createRefund)))
	mux.HandleFunc("GET /v1/refunds", s.handle(s.authorised(s.listRefunds)))
	mux.HandleFunc("GET /v1/refunds/{id}", s.handle(s.authorised(s.getRefund)))

	// For people who do what they would in a real provider's dashboard.
	mux.HandleFunc("POST /v1/payments/{id}/refunds", s.handle(s.authorised(s.refundByHand)))

	// For tests, and for the shopper's browser, which has the client secret instead of the key.
	mux.HandleFunc("POST /v1/payments/{id}/confirm", s.handle(s.confirmPayment))
	mux.HandleFunc("/", s.handle(notFound))
	return mux
}

// ServeHTTP serves the API.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

// Close ends Run, waits until the webhooks being sent are answered or given up for now, and closes the state file.
// The API then answers 503. Close may be called more than once. Call it before http.Server.Shutdown, which would
// otherwise wait for card_timeout.
func (s *Server) Close() error {
	s.mu.Lock()
	first := !s.closed
	s.closed = true
	s.mu.Unlock()
	if first {
		close(s.closing)
	}
	s.running.Wait()
	if !first || s.journal == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.close()
}

// save records a change in the file and then in memory. If it fails, both are as they were. s.mu is held.
func (s *Server) save(r record) error {
	if s.journal == nil {
		s.memory.merge(r)
		return nil
	}
	if err := s.journal.append(r); err != nil {
		return err
	}
	s.memory.merge(r)
	if s.journal.stale(s.memory) {
		if err := s.journal.rewrite(s.memory); err != nil {
			s.cfg.Logger.Error("sandbox keeps its old state file", "error", err)
		}
	}
	return nil
}

// handle answers with the handler's error.
func (s *Server) handle(fn func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := fn(w, r)
		if err == nil || errors.Is(err, context.Canceled) {
			return
		}
		var answer *apiError
		if !errors.As(err, &answer) {
			s.cfg.Logger.Error("sandbox request", "method", r.Method, "route", r.Pattern, "error", err)
			answer = &apiError{http.StatusInternalServerError, codeInternal, "something went wrong in the sandbox: see its log"}
		}
		var body errorJSON
		body.Error.Code, body.Error.Message = answer.code, answer.message
		_ = writeJSON(w, answer.status, body) // it fails only if the caller has gone
	}
}

// authorised rejects callers without the API key.
func (s *Server) authorised(fn func(http.ResponseWriter, *http.Request) error) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		if !s.hasKey(r) {
			return &apiError{http.StatusUnauthorized, codeUnauthorized, "send the API key as a bearer token"}
		}
		return fn(w, r)
	}
}

// hasKey reports whether the request carries the API key. It compares in constant time.
func (s *Server) hasKey(r *http.Request) bool {
	key, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	sent := sha256.Sum256([]byte(key))
	return ok && subtle.ConstantTimeCompare(sent[:], s.apiKey[:]) == 1
}

// notFound answers requests that no other route takes.
func notFound(http.ResponseWriter, *http.Request) error {
	return &apiError{http.StatusNotFound, "no_such_route", "there is nothing here: GET / says what there is"}
}

// newID returns an identifier that cannot be guessed.
func newID(prefix string) string { return prefix + "_" + strings.ToLower(rand.Text()) }
