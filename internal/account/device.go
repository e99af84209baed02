package account

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"strings"
	"time"
)

// A device is a client on which somebody has signed in to an account before. Its token proves that, and nothing else: the
// password is needed all the same. Wrong passwords from a known device are counted for it alone, so that nobody elsewhere
// can lock it out.
type device struct {
	id      [deviceBytes]byte
	expires time.Time
}

const (
	deviceBytes = 16
	deviceLife  = 365 * 24 * time.Hour
	// maxDeviceTokenBytes bounds what is decoded at all; a token has 75.
	maxDeviceTokenBytes = 200
)

// newDevice returns a device that was never seen.
func (a *Accounts) newDevice() device {
	var d device
	_, _ = rand.Read(d.id[:]) // never fails
	return d
}

// deviceToken returns the token that makes a device known for an e-mail address, from now on.
func (a *Accounts) deviceToken(d device, emailHash []byte) string {
	d.expires = a.cfg.Now().Add(deviceLife)
	said := binary.BigEndian.AppendUint64(d.id[:], uint64(d.expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(said) + "." + base64.RawURLEncoding.EncodeToString(a.deviceTag(said, emailHash))
}

func (a *Accounts) deviceTag(said, emailHash []byte) []byte {
	return mac(a.deviceKey, string(said)+string(emailHash))
}

// knownDevice reads a token that deviceToken made for the e-mail address. Any other one is a device that is not known.
func (a *Accounts) knownDevice(token string, emailHash []byte) (device, bool) {
	var d device
	if token == "" || len(token) > maxDeviceTokenBytes {
		return d, false
	}
	first, second, _ := strings.Cut(token, ".")
	said, err1 := base64.RawURLEncoding.Strict().DecodeString(first)
	tag, err2 := base64.RawURLEncoding.Strict().DecodeString(second)
	if err1 != nil || err2 != nil || len(said) != deviceBytes+8 || !hmac.Equal(tag, a.deviceTag(said, emailHash)) {
		return d, false
	}
	copy(d.id[:], said)
	d.expires = time.Unix(int64(binary.BigEndian.Uint64(said[deviceBytes:])), 0)
	return d, d.expires.After(a.cfg.Now())
}
