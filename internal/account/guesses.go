package account

import (
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
)

// ThrottledError is returned while a caller is locked out after too many wrong passwords.
type ThrottledError struct {
	// RetryAfter is the least time to wait.
	RetryAfter time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many wrong passwords: wait %s", e.RetryAfter.Round(time.Second))
}

// A patience is a lockout policy: some free guesses, then a lock that doubles with each further one.
type patience struct {
	free        int64
	first, most time.Duration
	// memory is how long after the last one they are forgotten.
	memory time.Duration
}

var (
	// guessesOfAccount is for one account from one network, or one known device.
	guessesOfAccount = patience{free: 4, first: 10 * time.Second, most: 15 * time.Minute, memory: time.Hour}
	// guessesOfEveryone is for one account from all unknown devices: many networks guess at it together.
	guessesOfEveryone = patience{free: 99, first: 10 * time.Second, most: 15 * time.Minute, memory: time.Hour}
	// guessesOfClient is for one client, whatever the accounts: a household behind one address mistypes more often.
	guessesOfClient = patience{free: 29, first: 30 * time.Second, most: 15 * time.Minute, memory: time.Hour}
)

// lock returns how long the n-th wrong password in a row locks for.
func (p patience) lock(n int64) time.Duration {
	if n <= p.free {
		return 0
	}
	doublings := min(n-p.free-1, 20)
	return min(p.first<<doublings, p.most)
}

// guesses counts wrong passwords of clients in this process, whatever the accounts.
type guesses struct {
	patience patience
	now      func() time.Time
	counts   *otter.Cache[string, guess]
}

type guess struct {
	n      int64
	locked time.Time // until
}

// maxGuessers bounds the memory: about 150 bytes each.
const maxGuessers = 100_000

func newGuesses(p patience, now func() time.Time) (*guesses, error) {
	counts, err := otter.New(&otter.Options[string, guess]{
		MaximumSize:      maxGuessers,
		ExpiryCalculator: otter.ExpiryWriting[string, guess](p.memory),
	})
	if err != nil {
		return nil, fmt.Errorf("prepare the throttling of sign-ins: %w", err)
	}
	return &guesses{patience: p, now: now, counts: counts}, nil
}

// check returns a *ThrottledError while the guesser is locked out. Nobody is counted under the empty name.
func (g *guesses) check(who string) error {
	count, ok := g.counts.GetIfPresent(who)
	if !ok {
		return nil
	}
	return throttled(count.locked, g.now())
}

// wrong counts a wrong password.
func (g *guesses) wrong(who string) {
	if who == "" {
		return
	}
	now := g.now()
	g.counts.Compute(who, func(before guess, _ bool) (guess, otter.ComputeOp) {
		n := before.n + 1
		return guess{n: n, locked: now.Add(g.patience.lock(n))}, otter.WriteOp
	})
}

// throttled returns the error of a lock that has not ended.
func throttled(until, now time.Time) error {
	if wait := until.Sub(now); wait > 0 {
		return &ThrottledError{RetryAfter: max(wait, time.Second)}
	}
	return nil
}
