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

// replayedHeader marks the answer to a call that happened before.
const replayedHeader = "Idempotency-Replayed"

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

// optionalIdempotencyKey is idempotencyKey for calls that happen once in any case; it returns "" where the caller sent
// no key. With a key a repetition gets the first answer.
func optionalIdempotencyKey(r *http.Request) (string, error) {
	if len(r.Header.Values("Idempotency-Key")) == 0 {
		return "", nil
	}
	return idempotencyKey(r)
}

// readIdempotent reads the call's key and then its body; the domain adds what the key is scoped to.
func (s *Server) readIdempotent(r *http.Request, body any) (idempotency.Key, error) {
	key, err := idempotencyKey(r)
	if err != nil {
		return idempotency.Key{}, err
	}
	if err := readJSON(r, body); err != nil {
		return idempotency.Key{}, err
	}
	fingerprint, err := s.fingerprint(r, body)
	return idempotency.Key{Key: key, Fingerprint: fingerprint}, err
}

// answerOnce returns what to answer to a call that returned done and err. Where err says that the call happened before,
// it reads what the first call made, as it is now, by the id in the record, marks the answer as replayed and returns
// again as true.
func answerOnce[T any](w http.ResponseWriter, done T, err error, read func(id string) (T, error)) (answer T, again bool, _ error) {
	var replay *idempotency.Replay
	if !errors.As(err, &replay) {
		return done, false, err
	}
	if answer, err = read(replay.Answer.Resource); err != nil {
		return answer, true, fmt.Errorf("reading what an idempotency key made: %w", err)
	}
	w.Header().Set(replayedHeader, "true")
	return answer, true, nil
}

// fingerprint returns what a repeated call is compared by: a digest of its method, its path, who makes it and its input,
// keyed because the input may be personal. input is the decoded body, so that spaces and the order of names make no
// difference; nil where there is none.
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
