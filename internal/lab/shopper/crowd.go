package shopper

import (
	"context"
	"sync"
)

// Crowd calls do for each of n shoppers at the same time, again and again until the context
// ends, and returns when the last call has returned. A call in progress is not interrupted: do
// uses a context of its own.
func Crowd(until context.Context, n int, do func(i int)) {
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			for until.Err() == nil {
				do(i)
			}
		})
	}
	running.Wait()
}
