package account

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
)

const (
	saltBytes = 16
	hashBytes = 32
	// waitersPerSlot bounds the queue for a turn at hashing: about as many as are served in the default wait.
	waitersPerSlot = 64
)

// acceptable bounds the cost, also of a hash that is read: a row must not be able to exhaust the process.
func (a Argon2) acceptable() bool {
	return a.Passes >= 1 && a.Passes <= 64 && a.Lanes >= 1 && a.Lanes <= 64 &&
		a.MemoryKiB >= 8*uint32(a.Lanes) && a.MemoryKiB <= 1<<20
}

// A hasher hashes passwords, a bounded number at a time.
type hasher struct {
	cost    Argon2
	slots   chan struct{}
	waiting atomic.Int64
	wait    time.Duration
	// nobody is the hash of a password that nobody knows: unknown addresses are verified against it.
	nobody string
}

func newHasher(cost Argon2, atOnce int, wait time.Duration) (*hasher, error) {
	h := &hasher{cost: cost, slots: make(chan struct{}, atOnce), wait: wait}
	nobody, err := h.hash(context.Background(), rand.Text())
	if err != nil {
		return nil, fmt.Errorf("hash a password: %w", err)
	}
	h.nobody = nobody
	return h, nil
}

// enter waits for a turn. It returns ErrBusy when the queue is full or the turn does not come in time.
func (h *hasher) enter(ctx context.Context) (leave func(), err error) {
	leave = func() { <-h.slots }
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	default:
	}
	defer h.waiting.Add(-1)
	if h.waiting.Add(1) > int64(waitersPerSlot*cap(h.slots)) {
		return nil, ErrBusy
	}
	timer := time.NewTimer(h.wait)
	defer timer.Stop()
	select {
	case h.slots <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		return nil, errors.Join(ErrBusy, ctx.Err())
	case <-timer.C:
		return nil, ErrBusy
	}
}

// hash returns the password's hash in the PHC string format, with a salt of its own.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	leave, err := h.enter(ctx)
	if err != nil {
		return "", err
	}
	defer leave()
	salt := make([]byte, saltBytes)
	_, _ = rand.Read(salt) // never fails
	p := phc{cost: h.cost, salt: salt}
	p.hash = p.of(password)
	return p.String(), nil
}

// verify reports whether the password is the one that was hashed, and whether the hash was made at another cost than
// today's. The time it takes depends on the hash's cost alone.
func (h *hasher) verify(ctx context.Context, hash, password string) (good, outdated bool, err error) {
	p, err := parsePHC(hash)
	if err != nil {
		return false, false, err
	}
	leave, err := h.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer leave()
	good = subtle.ConstantTimeCompare(p.of(password), p.hash) == 1
	return good, p.cost != h.cost, nil
}

// phc is a hash with all that is needed to make it again: $argon2id$v=19$m=19456,t=2,p=1$<salt>$<hash>.
type phc struct {
	cost       Argon2
	salt, hash []byte
}

func (p phc) of(password string) []byte {
	return argon2.IDKey([]byte(normalizePassword(password)), p.salt, p.cost.Passes, p.cost.MemoryKiB, p.cost.Lanes, hashBytes)
}

// phcBase64 is base64 without padding, as the PHC string format has it.
var phcBase64 = base64.RawStdEncoding.Strict()

func (p phc) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		p.cost.MemoryKiB, p.cost.Passes, p.cost.Lanes, phcBase64.EncodeToString(p.salt), phcBase64.EncodeToString(p.hash))
}

// errBadHash never repeats the hash.
var errBadHash = errors.New("a stored password hash is not one of argon2id")

func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 {
		return phc{}, errBadHash
	}
	var p phc
	var err1, err2, err3 error
	_, err1 = fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &p.cost.MemoryKiB, &p.cost.Passes, &p.cost.Lanes)
	p.salt, err2 = phcBase64.DecodeString(parts[4])
	p.hash, err3 = phcBase64.DecodeString(parts[5])
	if errors.Join(err1, err2, err3) != nil || !p.cost.acceptable() || len(p.salt) < 8 || len(p.hash) != hashBytes || p.String() != text {
		return phc{}, errBadHash
	}
	return p, nil
}
