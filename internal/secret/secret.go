// Package secret holds secrets as bytes that never print, and derives a key from them for each purpose. It imports
// nothing of this tree.
package secret

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
)

// MinBytes is the least length of a deployment's secret: 256 random bits.
const MinBytes = 32

// Bytes are secret random bytes. However they are printed, logged or encoded, the text says only that they were
// redacted.
type Bytes []byte

const redacted = "[redacted]"

// Format writes that the secret was redacted, whatever the verb.
func (Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText encodes that the secret was redacted.
func (Bytes) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue logs that the secret was redacted.
func (Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// Key derives the 32 byte key of one purpose (HKDF-SHA256, RFC 5869). Keys of different purposes reveal nothing about
// each other or the secret.
func (b Bytes) Key(purpose string) (Bytes, error) {
	key, err := hkdf.Key(sha256.New, b, nil, purpose, sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("derive the key for %q: %w", purpose, err)
	}
	return key, nil
}
