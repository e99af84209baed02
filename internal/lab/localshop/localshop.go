// Package localshop opens a whole shop in this process for the programs of the lab that go through one.
package localshop

import (
	"cmp"
	"context"
	"errors"

	"meridian/internal/local"
)

// Shop is a shop that is open and serves. The caller closes it.
type Shop struct {
	*local.Shop
	stop  context.CancelFunc
	ended chan struct{}
	err   error // of serving, once ended is closed
}

// ErrEnded is the cause of a context whose shop ended by itself.
var ErrEnded = errors.New("the shop has ended")

// Open opens a shop and returns when it is ready. The shop outlives ctx, which bounds the opening only. If it ends by
// itself, onEnd, which may be nil, is called with the error, or with ErrEnded.
func Open(ctx context.Context, config local.Config, onEnd func(error)) (*Shop, error) {
	opened, err := local.Start(ctx, config)
	if err != nil {
		return nil, err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Shop{Shop: opened, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		s.err = opened.Run(serving)
		if onEnd != nil && serving.Err() == nil {
			onEnd(cmp.Or(s.err, ErrEnded))
		}
	}()
	select {
	case <-opened.Ready():
		return s, nil
	case <-s.ended:
		return nil, errors.Join(ErrEnded, s.Close())
	case <-ctx.Done():
		return nil, errors.Join(context.Cause(ctx), s.Close())
	}
}

// Close ends the shop and returns what it ended with.
func (s *Shop) Close() error {
	s.stop()
	<-s.ended
	return errors.Join(s.err, s.Shop.Close())
}
