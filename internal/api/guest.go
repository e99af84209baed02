package api

import (
	"encoding/base64"
	"net/http"
)

// guestTokenHeader carries the token of a guest's cart or order.
const guestTokenHeader = "Meridian-Guest-Token"

// What guests' tokens are for. A token of one purpose is no use for another.
const (
	guestCart  = "cart"
	guestOrder = "order"
)

const guestTokenBytes = 32

// guestToken is the token by which whoever holds it may use that one cart or order (a public id). It needs no table:
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
