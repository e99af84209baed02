package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"

	"meridian/internal/idempotency"
)

const maxIdempotencyKeyBytes = 128

// idempotencyKey reads the key under which the call may be repeated without happening twice. Every route that
// changes something and has no other guard takes one.
func idempotencyKey(r *http.Request) (string, error) {
	keys := r.Header.Values("Idempotency-Key")
	if len(keys) == 0 || keys[0] == "" {
		return "", &Problem{Code: "idempotency_key_required"}
	}
	if len(keys) > 1 || len(keys[0]) > maxIdempotencyKeyBytes || !isPrintable(keys[0]) {
		return "", &Problem{Code: "idempotency_key_invalid"}
	}
	return keys[0], nil
}

func isPrintable(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}

// earlierAnswer is what a call was answered the first time, where a domain's error says that it happened before.
func earlierAnswer(err error) (answer idempotency.Answer, ok bool) {
	var replay *idempotency.Replay
	if !errors.As(err, &replay) {
		return idempotency.Answer{}, false
	}
	return replay.Answer, true
}

// writeReplay answers a repeated call with body, which is the first answer's, or the resource as it is now where the
// record holds none.
func writeReplay(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Idempotency-Replayed", "true")
	w.WriteHeader(status)
	// A failed write means that the client is gone: there is nobody left to tell.
	_, _ = w.Write(body)
	return nil
}

// fingerprint is what a repeated call is compared by: a keyed digest, since what is asked may be personal, of its method,
// its path, who makes it and what it asks. input is the decoded body, so that spaces and the order of names make no difference; nil where there is none.
func (s *Server) fingerprint(r *http.Request, input any) ([]byte, error) {
	p, signedIn, err := s.principal(r)
	if err != nil {
		return nil, err
	}
	caller := "guest"
	if signedIn {
		caller = p.Account.Region + "/" + p.Account.ID.String()
	}
	h := hmac.New(sha256.New, s.keys.fingerprint)
	fmt.Fprintf(h, "%s\n%q\n%s\n", r.Method, r.URL.Path, caller)
	h.Write(marshal(input))
	return h.Sum(nil), nil
}
