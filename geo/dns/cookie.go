package dns

import (
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/dchest/siphash"
)

// The lengths of cookies (RFC 7873, section 4; RFC 9018, section 4).
const (
	clientCookieBytes = 8
	cookieBytes       = 24 // with the server's part
)

// How old a server cookie may be, how far in the future, for servers whose clocks differ, and when it is made anew
// (RFC 9018, section 4.3).
const (
	cookieValid  = time.Hour
	cookieFuture = 5 * time.Minute
	cookieRenew  = 30 * time.Minute
)

// A cookieJar makes and checks server cookies.
type cookieJar struct{ k0, k1 uint64 }

func newCookieJar(secret [16]byte) cookieJar {
	return cookieJar{binary.LittleEndian.Uint64(secret[:8]), binary.LittleEndian.Uint64(secret[8:])}
}

// check reports whether the cookie was made by a server with this secret for this address, and is not too old; renew says
// that it is time for another one.
func (c cookieJar) check(cookie []byte, from netip.Addr, now time.Time) (valid, renew bool) {
	if len(cookie) != cookieBytes {
		return false, true
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint32(cookie[12:])), 0))
	if cookie[8] != 1 || age > cookieValid || age < -cookieFuture {
		return false, true
	}
	var want [8]byte
	binary.LittleEndian.PutUint64(want[:], c.hash(cookie[:16], from))
	valid = subtle.ConstantTimeCompare(want[:], cookie[16:]) == 1
	return valid, !valid || age > cookieRenew
}

// append appends the client's cookie with a server cookie made now: version 1, three octets of nothing, the time in seconds
// and the hash (RFC 9018, section 4).
func (c cookieJar) append(to, client []byte, from netip.Addr, now time.Time) []byte {
	start := len(to)
	to = append(to, client[:clientCookieBytes]...)
	to = append(to, 1, 0, 0, 0)
	to = binary.BigEndian.AppendUint32(to, uint32(now.Unix()))
	return binary.LittleEndian.AppendUint64(to, c.hash(to[start:], from))
}

// hash is SipHash-2-4 of the cookie's first sixteen octets and the address (RFC 9018, section 4.4).
func (c cookieJar) hash(first []byte, from netip.Addr) uint64 {
	var input [32]byte
	n := copy(input[:], first[:16])
	if from.Is4() {
		octets := from.As4()
		n += copy(input[n:], octets[:])
	} else {
		octets := from.As16()
		n += copy(input[n:], octets[:])
	}
	return siphash.Hash(c.k0, c.k1, input[:n])
}
