package api

import (
	"crypto/hmac"
	"crypto/sha256"

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

// mac is the HMAC-SHA-256 of purpose and text; no purpose holds a NUL, so no two pairs run together.
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
