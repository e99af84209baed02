package discovery

import (
	"context"
	"time"
)

// A Directory is where instances announce themselves and find each other. Its methods are safe for concurrent use.
type Directory interface {
	// Announce makes an instance known, and tells again and again whether it can serve, as health says. It returns once ctx
	// has ended and the instance is taken off. A directory that does not answer is asked again: an instance serves all the
	// same. It fails if the instance is not valid, or cannot be taken off.
	Announce(ctx context.Context, i Instance, health func(context.Context) error) error
	// Follow keeps the pool current until ctx ends, and calls changed with it at the start and after each change, never twice
	// at a time.
	Follow(ctx context.Context, changed func(Pool))
	// Pool returns what is known now.
	Pool() Pool
}

// publishEvery is how often a pool is looked at for what changes by itself: an instance that has been healthy for long enough.
const publishEvery = 200 * time.Millisecond

// publish calls changed with the keeper's pool at the start and after each change, until ctx ends. wake says that there may be
// one.
func publish(ctx context.Context, k *keeper, wake <-chan struct{}, changed func(Pool)) {
	look := time.NewTicker(publishEvery)
	defer look.Stop()
	last := k.pool(time.Now())
	changed(last)
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-look.C:
		}
		if now := k.pool(time.Now()); !now.same(last) {
			last = now
			changed(now)
		}
	}
}
