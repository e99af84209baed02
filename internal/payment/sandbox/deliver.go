package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// newWebhookClient returns the client that sends webhooks. It does not follow redirects: the receiver itself must
// acknowledge.
func newWebhookClient(cfg Config) *http.Client {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = cfg.MaxConcurrent
	return &http.Client{
		Transport:     transport,
		Timeout:       cfg.DeliveryTimeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// deliver sends an event once. It returns the jobs that follow: the next try, or the events that waited for this one.
func (s *Server) deliver(ctx context.Context, j job) ([]job, error) {
	s.mu.Lock()
	e := s.memory.events[j.id]
	s.mu.Unlock()
	if e == nil {
		return nil, nil
	}
	err := s.send(ctx, e, j.try)
	switch {
	case err == nil:
		return s.delivered(e.ID)
	case ctx.Err() != nil:
		return []job{j}, nil // the receiver did not fail
	case j.try+1 >= s.cfg.MaxTries:
		s.cfg.Logger.Error("sandbox gives a webhook up", "event", e.ID, "payment", e.PaymentID, "tries", j.try+1, "error", err)
		return s.delivered(e.ID)
	}
	j.due = s.cfg.Now().Add(s.backoff(j.try))
	j.try++
	return []job{j}, nil
}

// backoff returns the time before the try after this one. It doubles each time, with jitter of up to a half.
func (s *Server) backoff(try int) time.Duration {
	d := s.cfg.FirstBackoff
	for range try {
		if d *= 2; d >= s.cfg.MaxBackoff {
			break
		}
	}
	d = min(d, s.cfg.MaxBackoff)
	return d/2 + rand.N(d/2+1)
}

// send posts an event, signed now, and fails unless it is answered 2xx.
func (s *Server) send(ctx context.Context, e *eventState, try int) error {
	url := s.cfg.WebhookURL(e.PaymentID, try)
	if url == "" {
		return nil // no receiver
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(e.Body))
	if err != nil {
		return fmt.Errorf("make the request of a webhook: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "meridian-sandbox")
	r.Header.Set(SignatureHeader, Sign(e.Body, s.cfg.Now(), s.secrets()...))
	response, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("send a webhook: %w", err)
	}
	defer response.Body.Close()
	_, _ = io.CopyN(io.Discard, response.Body, 4096) // so that the connection can be used again
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("send a webhook: answered %d", response.StatusCode)
	}
	return nil
}

// secrets returns the secrets that sign webhooks.
func (s *Server) secrets() []string {
	if s.cfg.PreviousSecret == "" {
		return []string{s.cfg.Secret}
	}
	return []string{s.cfg.Secret, s.cfg.PreviousSecret}
}

// delivered counts off one copy of an event. After the last it returns the jobs for the events that waited for it.
func (s *Server) delivered(id string) ([]job, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.memory.events[id]
	if e == nil {
		return nil, nil
	}
	if e.Copies > 1 {
		next := *e
		next.Copies--
		return nil, s.save(record{Events: []*eventState{&next}})
	}
	if err := s.save(record{Done: id}); err != nil {
		return nil, err
	}
	waiting := s.memory.held[id]
	delete(s.memory.held, id)
	return s.deliveryJobs(waiting), nil
}
