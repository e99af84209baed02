package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"meridian/internal/payment"
)

// SignatureHeader carries a webhook's signature, in Stripe's scheme: "t=<unix seconds>,v1=<hex>", where v1 is the
// HMAC-SHA256 of "<t>.<body>". While a secret is being replaced there are several v1, one for each.
const SignatureHeader = "Meridian-Sandbox-Signature"

// Bounds of a signature header that is read.
const (
	maxSignatureBytes = 2048
	maxSignatures     = 8
)

// Sign returns the value of SignatureHeader for a body sent at a time, with a v1 for each secret.
func Sign(body []byte, at time.Time, secrets ...string) string {
	t := strconv.FormatInt(at.Unix(), 10)
	parts := []string{"t=" + t}
	for _, secret := range secrets {
		parts = append(parts, "v1="+hex.EncodeToString(mac(secret, t, body)))
	}
	return strings.Join(parts, ",")
}

// verify checks that a body was signed with the secret, at most payment.SignatureTolerance from now. The error wraps
// payment.ErrBadSignature and says what is wrong, never what would have been right.
func verify(header http.Header, body []byte, secret string, now time.Time) error {
	sent, signatures, err := readSignature(header)
	if err != nil {
		return fmt.Errorf("%w: %w", payment.ErrBadSignature, err)
	}
	if !anyEqual(signatures, mac(secret, sent, body)) {
		return fmt.Errorf("%w: no v1 matches", payment.ErrBadSignature)
	}
	seconds, err := strconv.ParseInt(sent, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: t is not a number of seconds", payment.ErrBadSignature)
	}
	// Sub saturates, so a time far outside stays far outside.
	if age := now.Sub(time.Unix(seconds, 0)); age > payment.SignatureTolerance || age < -payment.SignatureTolerance {
		return fmt.Errorf("%w: signed too far from now", payment.ErrBadSignature)
	}
	return nil
}

// readSignature parses the header. It ignores keys that it does not know, such as another scheme's v0.
func readSignature(header http.Header) (sent string, signatures [][]byte, err error) {
	values := header.Values(SignatureHeader)
	if len(values) != 1 || len(values[0]) > maxSignatureBytes {
		return "", nil, fmt.Errorf("want one %s header of at most %d bytes", SignatureHeader, maxSignatureBytes)
	}
	for part := range strings.SplitSeq(values[0], ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "t":
			if sent != "" {
				return "", nil, fmt.Errorf("more than one t")
			}
			sent = value
		case "v1":
			if signature, err := hex.DecodeString(value); err == nil && len(signature) == sha256.Size {
				signatures = append(signatures, signature)
			}
		}
	}
	if sent == "" || len(signatures) == 0 || len(signatures) > maxSignatures {
		return "", nil, fmt.Errorf("want a t and 1 to %d v1", maxSignatures)
	}
	return sent, signatures, nil
}

// anyEqual reports whether any signature is the wanted one, in a time that does not depend on where they differ.
func anyEqual(signatures [][]byte, want []byte) bool {
	found := false
	for _, signature := range signatures {
		found = hmac.Equal(signature, want) || found
	}
	return found
}

// mac returns the HMAC-SHA256 of "t.body".
func mac(secret, t string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(t + "."))
	h.Write(body)
	return h.Sum(nil)
}
