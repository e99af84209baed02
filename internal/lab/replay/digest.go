package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// digest returns 64 hexadecimal digits of a hash of the words, which it keeps apart.
func digest(words ...string) string {
	sum := hashOf(words)
	return hex.EncodeToString(sum[:])
}

// number returns an even draw of 64 bits by the words.
func number(words ...string) uint64 {
	sum := hashOf(words)
	return binary.BigEndian.Uint64(sum[:])
}

func hashOf(words []string) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%q", words))
}
