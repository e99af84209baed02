package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"

	"meridian/internal/secret"
)

// A keyring holds the keys derived from the deployment's secrets, the current one first.
type keyring struct {
	cursor, guest [][]byte
	// fingerprint is of the current secret alone: a call repeated while the secret is changed is refused, not done twice.
	fingerprint []byte
}

func newKeyring(current secret.Bytes, previous []secret.Bytes) (ring keyring, err error) {
	if ring.fingerprint, err = current.Key("meridian idempotency fingerprint"); err != nil {
		return keyring{}, err
	}
	for _, s := range append([]secret.Bytes{current}, previous...) {
		cursor, err := s.Key("meridian page cursor")
		if err != nil {
			return keyring{}, err
		}
		guest, err := s.Key("meridian guest token")
		if err != nil {
			return keyring{}, err
		}
		ring.cursor, ring.guest = append(ring.cursor, cursor), append(ring.guest, guest)
	}
	return ring, nil
}

// mac returns the HMAC-SHA-256 of purpose and text; no purpose holds a NUL, so no two pairs run together.
func mac(key []byte, purpose, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(purpose + "\x00" + text))
	return h.Sum(nil)
}

// signedBy reports, in constant time for each key, whether one of the keys made the signature.
func signedBy(keys [][]byte, signature []byte, purpose, text string) bool {
	signed := false
	for _, key := range keys {
		if hmac.Equal(signature, mac(key, purpose, text)[:len(signature)]) {
			signed = true
		}
	}
	return signed
}

// guestTokenHeader carries the token of a guest's cart or order.
const guestTokenHeader = "Meridian-Guest-Token"

// What guests' tokens are for. A token of one purpose is no use for another.
const (
	guestCart  = "cart"
	guestOrder = "order"
)

const guestTokenBytes = 32

// guestToken returns the token by which whoever holds it may use that one cart or order (a public id). It needs no table:
// it is a signature of the id. Answer it once, to the guest who made the thing.
func (s *Server) guestToken(purpose, id string) string {
	return base64.RawURLEncoding.EncodeToString(mac(s.keys.guest[0], purpose, id))
}

// guestHolds reports whether the request carries the token of that cart or order.
func (s *Server) guestHolds(r *http.Request, purpose, id string) bool {
	signature, err := base64.RawURLEncoding.Strict().DecodeString(r.Header.Get(guestTokenHeader))
	if err != nil || len(signature) != guestTokenBytes {
		return false
	}
	return signedBy(s.keys.guest, signature, purpose, id)
}
