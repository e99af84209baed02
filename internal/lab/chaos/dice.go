package chaos

import (
	"math/rand/v2"
	"sync"
	"time"
)

// dice draws a run's random choices from its seed. What the processes make of them depends on their timing, so a seed
// repeats what is tried, not what comes of it. It is safe for concurrent use.
type dice struct{ *rand.Rand }

func newDice(seed uint64) dice {
	return dice{rand.New(&lockedSource{source: rand.NewPCG(seed, 0x6d6572696469616e)})}
}

// chance returns true with the probability p.
func (d dice) chance(p float64) bool { return d.Float64() < p }

// between returns a duration of [low, high).
func (d dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.Float64()*float64(high-low))
}

// one returns an element of a list.
func one[T any](d dice, list []T) T { return list[d.IntN(len(list))] }

// lockedSource lets a source be used concurrently.
type lockedSource struct {
	mu     sync.Mutex
	source rand.Source
}

// Uint64 returns the source's next value.
func (s *lockedSource) Uint64() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Uint64()
}
