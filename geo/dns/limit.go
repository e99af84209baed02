package dns

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"
)

// A limiter bounds how many answers a network gets. Each network and kind of answer has a bucket of answers, which fills
// up again with time. The buckets are a fixed number, found by a hash that nobody outside can foresee; networks that meet
// in one share it. (golang.org/x/time/rate has a lock and a clock for each limiter, and would need a map of them.)
type limiter struct {
	seed    maphash.Seed
	started time.Time
	buckets [1 << limiterBits]atomic.Uint64 // answers left, in thousandths, below the time in ms
	slipped atomic.Uint64
}

const limiterBits = 16

func newLimiter(now time.Time) *limiter {
	return &limiter{seed: maphash.MakeSeed(), started: now.Add(-time.Second)} // a bucket of time 0 was never used
}

// A verdict says what is done with an answer.
type verdict int

const (
	send verdict = iota
	truncate
	drop
)

// The networks that share a bucket.
const (
	limitBits4 = 24
	limitBits6 = 56
)

// check takes one answer of a kind out of the bucket of the client's network.
func (l *limiter) check(limit RateLimit, from netip.Addr, kind byte, now time.Time) verdict {
	if limit.PerSecond < 0 || slices.ContainsFunc(limit.Exempt, func(p netip.Prefix) bool { return p.Contains(from) }) {
		return send
	}
	if l.bucket(from, kind).take(uint64(limit.PerSecond), uint64(now.Sub(l.started).Milliseconds())) {
		return send
	}
	if limit.Slip > 0 && l.slipped.Add(1)%uint64(limit.Slip) == 0 {
		return truncate
	}
	return drop
}

func (l *limiter) bucket(from netip.Addr, kind byte) *bucket {
	octets := from.As16()
	width := limitBits6 / 8
	if from.Is4() {
		width = 12 + limitBits4/8 // behind the twelve octets of the IPv6 form
	}
	key := [17]byte{16: kind}
	copy(key[:width], octets[:])
	return (*bucket)(&l.buckets[maphash.Bytes(l.seed, key[:])>>(64-limiterBits)])
}

// A bucket holds the answers left of a second's.
type bucket atomic.Uint64

// take takes one of the bucket's answers at a time in ms, and reports whether there was one. The bucket fills with rate
// answers a second, and holds no more than that. Only the last 32 bits of times are kept, which is 49 days.
func (b *bucket) take(rate, now uint64) bool {
	state := (*atomic.Uint64)(b)
	for {
		old := state.Load()
		left, passed := old&0xffffffff, int32(uint32(now)-uint32(old>>32))
		if old == 0 {
			left = rate * 1000 // never used
		}
		left = min(rate*1000, left+uint64(min(max(passed, 0), 1000))*rate)
		taken := left >= 1000
		if taken {
			left -= 1000
		}
		if state.CompareAndSwap(old, now<<32|left) {
			return taken
		}
	}
}
