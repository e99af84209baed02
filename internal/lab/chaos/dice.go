package chaos

import (
	"math/rand/v2"
	"sync"
	"time"
)

// dice are the run's chances, all from its seed. What the processes make of them depends on their timing, so a seed
// repeats what is tried, not what comes of it. They are safe for concurrent use.
type dice struct {
	mu  sync.Mutex
	rng *rand.Rand
}

func newDice(seed uint64) *dice { return &dice{rng: rand.New(rand.NewPCG(seed, 0x6d6572696469616e))} }

// number is one of 0 to n-1.
func (d *dice) number(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.IntN(n)
}

// share is one of [0, 1).
func (d *dice) share() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rng.Float64()
}

// chance is true with the probability p.
func (d *dice) chance(p float64) bool { return d.share() < p }

// between is a time of [low, high).
func (d *dice) between(low, high time.Duration) time.Duration {
	return low + time.Duration(d.share()*float64(high-low))
}

// one is one of a list.
func one[T any](d *dice, list []T) T { return list[d.number(len(list))] }
